"""The settings of `hydra/sweeper=async_optuna` and of the launchers, as Hydra's config store keeps them.

Upstream's keys, so that moving from `hydra/sweeper=optuna` changes one line, and ours. Imports nothing but the
standard library: it is read at the start of every Hydra program here. Samplers and pruners are files of `conf/` beside
this one: Hydra copies its store at every look into it, 120 times for `--help`.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CONF = Path(__file__).parent / "conf"
PROVIDER = "medqa_sweeps"  # as Hydra's search path calls whoever brought CONF
_PLUGINS = "hydra_plugins.medqa_sweeps"
LOCAL_GPUS = f"{_PLUGINS}.LocalGpusLauncher"
IN_PROCESS = f"{_PLUGINS}.InProcessLauncher"


@dataclass
class AsyncOptunaSettings:
    """One sweep. Upstream's keys mean what they mean there, except where said."""

    _target_: str = f"{_PLUGINS}.AsyncOptunaSweeper"
    _recursive_: bool = False  # sampler and pruner are made when the sweep begins: Optuna takes half a second to import
    defaults: list[Any] = field(default_factory=lambda: ["_self_", {"sampler": "tpe"}, {"pruner": "none"}])

    sampler: Any = None  # hydra/sweeper/sampler=tpe, random, cmaes, nsgaii, nsgaiii, gp, qmc, grid: files in conf/
    pruner: Any = None  # hydra/sweeper/pruner=none, paired_halving, median, hyperband, …: likewise
    metric: Any = None  # of trials: a metric of medqa_sweeps/study/objective.py, or a list of several; null: accuracy
    direction: Any = None  # minimize | maximize, or a list with one per objective; null: as the metric, else minimize
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
