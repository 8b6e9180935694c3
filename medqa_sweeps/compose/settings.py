"""The settings of `hydra/sweeper=async_optuna` and of the launchers, as Hydra's config store keeps them.

Upstream's keys, so that moving from `hydra/sweeper=optuna` changes one line, and ours. Imports nothing but the
standard library: it is read at the start of every Hydra program here. Samplers and pruners are files of `conf/` beside
this one: Hydra copies its store at every look into it. `launch.py --help` shows the comments of the fields.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CONF = Path(__file__).parent / "conf"
PROVIDER = "medqa_sweeps"  # as Hydra's search path calls whoever brought CONF
_PLUGINS = "hydra_plugins.medqa_sweeps"
LOCAL_GPUS = f"{_PLUGINS}.LocalGpusLauncher"
IN_PROCESS = f"{_PLUGINS}.InProcessLauncher"
SLURM = f"{_PLUGINS}.SlurmLauncher"
RAY = f"{_PLUGINS}.RayLauncher"


@dataclass
class AsyncOptunaSettings:
    """One sweep. Upstream's keys mean what they mean there, except where said."""

    _target_: str = f"{_PLUGINS}.AsyncOptunaSweeper"
    _recursive_: bool = False  # sampler and pruner are made when the sweep begins: Optuna takes half a second to import
    defaults: list[Any] = field(default_factory=lambda: ["_self_", {"sampler": "tpe"}, {"pruner": "none"}])

    sampler: Any = None  # chooses the next point of the search space; `--help samplers` lists them
    pruner: Any = None  # stops weak trials early; `--help pruners` lists them
    # accuracy | balanced_accuracy | gold_log_probability | calibration_error, or a list of several for a Pareto front;
    # null: accuracy
    metric: Any = None
    # minimize | maximize, or a list with one per objective; null: the metric's own; for other programs minimize
    direction: Any = None
    storage: Any = None  # Optuna storage URL; null: a journal in the study's folder
    study_name: str | None = None  # name in the storage; null: the folder's name
    # trials of the whole study, also after a resume; null: all points of a finite search space, else 20
    n_trials: int | None = None
    n_jobs: int | None = None  # most trials at the same time; null: one per slot
    max_failure_rate: float = 0.0  # share of the study's trials that may fail before it stops, from 0 to 1
    params: dict[str, Any] | None = None  # search space in a file, KEY: 'choice(…)'; the command line overrides it
    custom_search_space: str | None = None  # dotted path of a function (config, optuna trial) that suggests more

    zip: list[list[str]] = field(default_factory=list)  # keys whose lists advance together: [[lora.r,lora.alpha]]
    # search spaces that apply only for one value; as typed: {lora\=dora: {optimizer.lr: "interval(1e-5,1e-4)"}}
    when: dict[str, Any] = field(default_factory=dict)
    timeout: float | None = None  # seconds after which this sweep starts no trial; null: no limit
    max_device_hours: float | None = None  # device hours of this sweep after which no trial starts; null: no limit
    plan_only: bool = False  # print the plan and run nothing
    allow_changes: bool = False  # resume a study although its search space or config has changed


@dataclass
class LocalGpusSettings:
    """`hydra/launcher=local_gpus`: trials in processes on this machine's GPUs, or on the CPU if it has none."""

    _target_: str = LOCAL_GPUS
    devices: Any = "auto"  # auto: all free GPUs, else the CPU; cpu; or a list of nvidia-smi numbers or UUIDs: [0,2]
    # trials at the same time per device: a number, 1 or more; auto: as many as memory and cores allow
    slots_per_device: Any = "auto"
    share_devices: bool = False  # also use GPUs that other processes use


@dataclass
class InProcessSettings:
    """`hydra/launcher=in_process`: trials one after another in this process, for debugging."""

    _target_: str = IN_PROCESS


@dataclass
class SlurmSettings:
    """`hydra/launcher=slurm`: trials on the nodes of a Slurm cluster, in jobs that run one trial after another."""

    _target_: str = SLURM
    slots: int = 4  # most jobs at the same time, 1 or more; each runs one trial at a time
    at_least: int = 1  # jobs that must run before the first trial starts, from 1 to slots
    partition: str | None = None  # null: the cluster's default
    account: str | None = None  # null: your default account
    qos: str | None = None  # quality of service; null: the default
    constraint: str | None = None  # features that a node must have, as in a100; null: any
    gpus: Any = 1  # GPUs per job: a number, or TYPE:NUMBER as in a100:1; 0: none. A trial uses one
    cpus: int | None = None  # CPU cores per job, 1 or more; null: the cluster's default
    memory: str | None = None  # memory per job as in 32G, without a letter in MiB; null: the cluster's default
    # time limit per job: minutes, H:MM:SS or D-H:MM:SS, in a file in quotes; null: the partition's default
    time: str | None = None
    notice_seconds: int = 90  # seconds before the time limit at which a trial saves a checkpoint and moves, 0 to 65535
    # further options of srun, each in quotes: ['--exclude=n7','--nice=100']
    arguments: list[str] = field(default_factory=list)
    cache: str | None = None  # cache folder on the nodes; null: in this machine's cache folder, named by node


@dataclass
class RaySettings:
    """`hydra/launcher=ray`: trials on the nodes of a Ray cluster, in actors that run one trial after another."""

    _target_: str = RAY
    address: str | None = "auto"  # HOST:PORT of the cluster's head; auto: RAY_ADDRESS, else this machine's cluster
    slots: int = 4  # most actors at the same time, 1 or more; each runs one trial at a time
    at_least: int = 1  # actors that must run before the first trial starts, from 1 to slots
    gpus: float = 1.0  # GPUs per slot: a whole number, of which a trial uses one; a share such as 0.5; 0: none
    cpus: float = 1.0  # CPU cores per slot: a whole number, or a share such as 0.5 (one thread)
    memory: str | None = None  # memory per slot as in 32G (or K, M, T), which Ray counts; null: not counted
    resources: Any = None  # amounts of the cluster's own resources: {fast_disk: 1}; null: none
    # Ray's runtime environment: {env_vars: {NAME: text}, working_dir: FOLDER}, the variables for trials too; null: none
    runtime_env: Any = None
    autoscaling: bool = False  # wait for a slot that no node can hold now, as nodes come when they are asked for
    cache: str | None = None  # cache folder on the nodes; null: in this machine's cache folder, named by node


def motpe_was_removed() -> None:
    """Raises: ValueError, always: upstream's name for a sampler that Optuna no longer has."""
    raise ValueError(
        "The 'motpe' sampler was removed in Optuna 4.0: hydra/sweeper/sampler=tpe takes several objectives as well."
    )
