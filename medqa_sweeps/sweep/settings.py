"""The settings of `hydra/sweeper=async_optuna` and of the launchers, as Hydra's config store keeps them.

Upstream's keys, so that moving from `hydra/sweeper=optuna` changes one line, and ours. Imports nothing but the
standard library: it is read at the start of every Hydra program here.
"""

from dataclasses import dataclass, field
from typing import Any

_PLUGINS = "hydra_plugins.medqa_sweeps"
LOCAL_GPUS = f"{_PLUGINS}.LocalGpusLauncher"
IN_PROCESS = f"{_PLUGINS}.InProcessLauncher"


@dataclass
class AsyncOptunaSettings:
    """One sweep. Upstream's keys mean what they mean there, except where said."""

    _target_: str = f"{_PLUGINS}.AsyncOptunaSweeper"
    _recursive_: bool = False  # sampler and pruner are made when the sweep begins: Optuna takes half a second to import
    defaults: list[Any] = field(default_factory=lambda: ["_self_", {"sampler": "tpe"}, {"pruner": "none"}])

    sampler: Any = None  # hydra/sweeper/sampler=tpe, random, cmaes, nsgaii, nsgaiii, gp, qmc, grid: see SAMPLERS
    pruner: Any = None  # hydra/sweeper/pruner=none, paired_halving, median, hyperband, …: see PRUNERS
    direction: Any = "minimize"  # minimize | maximize, or a list of these, one an objective
    storage: Any = None  # an Optuna storage URL; null: a journal in the study's folder
    study_name: str | None = None  # in the storage; null: the folder's name
    n_trials: int | None = None  # of the whole study, also after a resume; null: all points of a finite space, else 20
    n_jobs: int | None = None  # at most so many at once; null: as many as there are slots
    max_failure_rate: float = 0.0  # share of the study's trials that may fail before it stops
    params: dict[str, Any] | None = None  # the search space, besides the command line, which wins
    custom_search_space: str | None = None  # dotted path of a function (config, optuna trial) that suggests more

    zip: list[list[str]] = field(default_factory=list)  # keys whose lists move together: [[lora.r, lora.alpha]]
    when: dict[str, Any] = field(default_factory=dict)  # spaces that depend: {"lora=dora": {optimizer.lr: interval(…)}}
    timeout: float | None = None  # seconds of this sweep after which nothing new is started
    max_device_hours: float | None = None  # of this sweep's trials together, after which nothing new is started
    plan_only: bool = False  # say what would be done, and stop
    allow_changes: bool = False  # go on with a study although its search space or config has changed


def _optuna(kind: str, name: str, **arguments: Any) -> dict[str, Any]:
    """A node that Hydra makes into an Optuna object; arguments that are null are left to Optuna's own defaults."""
    return {"_target_": f"optuna.{kind}.{name}", **arguments}


SAMPLERS = {
    "tpe": _optuna(
        "samplers",
        "TPESampler",
        seed=None,
        consider_prior=None,
        prior_weight=None,
        consider_magic_clip=None,
        consider_endpoints=None,
        n_startup_trials=10,
        n_ei_candidates=24,
        multivariate=None,
        group=None,
        warn_independent_sampling=None,
        constant_liar=None,
        constraints_func=None,
    ),
    "random": _optuna("samplers", "RandomSampler", seed=None),
    "cmaes": _optuna(
        "samplers",
        "CmaEsSampler",
        seed=None,
        x0=None,
        sigma0=None,
        n_startup_trials=None,
        independent_sampler=None,
        warn_independent_sampling=None,
        consider_pruned_trials=None,
        restart_strategy=None,
        inc_popsize=None,
        popsize=None,
        use_separable_cma=None,
        with_margin=None,
        lr_adapt=None,
        source_trials=None,
    ),
    "nsgaii": _optuna(
        "samplers",
        "NSGAIISampler",
        seed=None,
        population_size=50,
        mutation_prob=None,
        crossover=None,
        crossover_prob=0.9,
        swapping_prob=0.5,
        constraints_func=None,
    ),
    "nsgaiii": _optuna(
        "samplers",
        "NSGAIIISampler",
        seed=None,
        population_size=50,
        mutation_prob=None,
        crossover=None,
        crossover_prob=0.9,
        swapping_prob=0.5,
        constraints_func=None,
        reference_points=None,
        dividing_parameter=3,
    ),
    "gp": _optuna(
        "samplers",
        "GPSampler",
        seed=None,
        independent_sampler=None,
        n_startup_trials=10,
        deterministic_objective=None,
        constraints_func=None,
        warn_independent_sampling=None,
    ),
    "qmc": _optuna(
        "samplers",
        "QMCSampler",
        seed=None,
        qmc_type="sobol",
        scramble=None,
        independent_sampler=None,
        warn_asynchronous_seeding=None,
        warn_independent_sampling=None,
    ),
    # A finite space is a grid anyhow: the name is upstream's, and the sampler is used where fewer trials are asked for.
    "grid": _optuna("samplers", "RandomSampler", seed=None),
    "motpe": {"_target_": "medqa_sweeps.sweep.settings.motpe_was_removed"},
}


PRUNERS: dict[str, dict[str, Any]] = {
    "none": {},
    "paired_halving": {
        "_target_": "medqa_sweeps.sweep.pruning.PairedHalving",
        "_partial_": True,  # the study's folder comes to it
        "keep_one_in": 2.0,
        "level": 0.01,
        "first_samples": 0,
    },
    "median": _optuna("pruners", "MedianPruner", n_startup_trials=5, n_warmup_steps=0, interval_steps=1),
    "percentile": _optuna(
        "pruners", "PercentilePruner", percentile=25.0, n_startup_trials=5, n_warmup_steps=0, interval_steps=1
    ),
    # Rungs are numbers of training samples: null is taken from the plan (first report, whole run), where
    # Optuna's own "auto" waits for a trial to complete and then puts several rungs before the first report. Within a
    # rung the first to arrive go on, so the order of arrival matters; bootstrap_count=n would cut the first n unseen.
    "successive_halving": _optuna(
        "pruners",
        "SuccessiveHalvingPruner",
        min_resource=None,
        reduction_factor=4,
        min_early_stopping_rate=0,
        bootstrap_count=0,
    ),
    # Needs ten trials or more a bracket to be worth its name; a bracket more for every power of the factor between the
    # first report and the whole run.
    "hyperband": _optuna(
        "pruners", "HyperbandPruner", min_resource=None, max_resource=None, reduction_factor=3, bootstrap_count=0
    ),
    # Compares report by report with the best trial that has completed; before the first has, it cuts nothing.
    "wilcoxon": _optuna("pruners", "WilcoxonPruner", p_threshold=0.1, n_startup_steps=2),
    # Needs at least one of lower and upper, accuracies from 0 to 1.
    "threshold": _optuna("pruners", "ThresholdPruner", lower=None, upper=None, n_warmup_steps=0, interval_steps=1),
    "patient": _optuna(
        "pruners",
        "PatientPruner",
        wrapped_pruner={"_target_": "optuna.pruners.MedianPruner"},
        patience=2,
        min_delta=0.0,
    ),
}


@dataclass
class LocalGpusSettings:
    """`hydra/launcher=local_gpus`: fresh processes on this machine's GPUs, or on the CPU where there is none."""

    _target_: str = LOCAL_GPUS
    devices: Any = "auto"  # all free GPUs, else the CPU; cpu; or a list of nvidia-smi numbers or UUIDs: [0,2]
    slots_per_device: Any = "auto"  # trials at a time on each: a number, or as many as memory and cores allow
    share_devices: bool = False  # take GPUs that others use, too


@dataclass
class InProcessSettings:
    """`hydra/launcher=in_process`: one job after the other in this process, for debugging."""

    _target_: str = IN_PROCESS


def motpe_was_removed() -> None:
    """Raises: ValueError, always: upstream's name for a sampler that Optuna no longer has."""
    raise ValueError(
        "The 'motpe' sampler was removed in Optuna 4.0: hydra/sweeper/sampler=tpe takes several objectives as well."
    )
