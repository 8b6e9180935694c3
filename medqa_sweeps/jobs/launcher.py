"""Which jobs a launcher's settings stand for; and batches of them for sweepers that know only Hydra's own interface.

hydra/launcher=local_gpus    trials, or any task function, in fresh processes on this machine's slots
hydra/launcher=in_process    the same, one after the other in this process, for debugging
hydra/launcher=slurm         the same on the nodes of a Slurm cluster
hydra/launcher=ray           the same on the nodes of a Ray cluster
any other                    the stock launcher, in batches
"""

import contextlib
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

from hydra.core.config_loader import ConfigLoader
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from medqa_sweeps.command_line import command_of_this_process
from medqa_sweeps.compose.composer import Composer
from medqa_sweeps.compose.hydra_node import study_folder, without_hydra
from medqa_sweeps.compose.settings import IN_PROCESS, LOCAL_GPUS, RAY, SLURM
from medqa_sweeps.compose.snapshot import loader_of, taken
from medqa_sweeps.config import TrialConfig
from medqa_sweeps.errors import ConfigError, InternalError
from medqa_sweeps.jobs.batches import BatchJobs
from medqa_sweeps.jobs.callables import CHILD, CallableJobs
from medqa_sweeps.jobs.child_process import TRAINING
from medqa_sweeps.jobs.contract import POLL_SECONDS, JobEnded, Jobs
from medqa_sweeps.jobs.trials import TrialJobs
from medqa_sweeps.pool.contract import Pool
from medqa_sweeps.pool.devices import find_devices
from medqa_sweeps.pool.in_process import InProcessPool
from medqa_sweeps.pool.leases import lease
from medqa_sweeps.pool.local import local_pool
from medqa_sweeps.pool.ray_cluster import ray_pool, refuse_ungrantable as refuse_ungrantable_by_ray
from medqa_sweeps.pool.ray_request import RayRequest, ray_request
from medqa_sweeps.pool.request import requested_of_launcher
from medqa_sweeps.pool.slots import plan_slots
from medqa_sweeps.pool.slurm import slurm_pool
from medqa_sweeps.pool.slurm_request import refuse_ungrantable as refuse_ungrantable_by_slurm, slurm_request
from medqa_sweeps.study.objective import BY_ACCURACY, Objective
from medqa_sweeps.trial.phase import Phase
from medqa_sweeps.trial.records import MetricsLine, Outcome

_STOCK_BATCH = 2  # upstream's n_jobs
# While Hydra has the loader, which is as long as its sweeper works.
_COPIES: WeakKeyDictionary[ConfigLoader, tempfile.TemporaryDirectory[str]] = WeakKeyDictionary()


Say = Callable[[str], None]


def _check_local_pool(settings: DictConfig, folder: Path) -> None:
    with lease(find_devices(requested_of_launcher(settings)), folder) as leased:
        plan_slots(leased.devices, settings.slots_per_device)


def _ray_request(settings: DictConfig, at_most: int | None = None) -> RayRequest:
    return ray_request(OmegaConf.to_container(settings, resolve=True), at_most)  # type: ignore[arg-type]


@dataclass(frozen=True)
class _PoolKind:
    """How the pool of a launcher is made."""

    # Settings, study's folder, preload, slots at most, what tells users of slots, and nodes that are not to be used.
    make: Callable[[DictConfig, Path, Sequence[str], int, Say, Collection[str]], Pool]
    check: Callable[[DictConfig, Path], None]  # settings, study's folder; raises ConfigError if it cannot be made now
    # What it will ask for, for users; raises ConfigError if the settings are not allowed. Asks nobody.
    plan: Callable[[DictConfig], Sequence[str]] = lambda settings: ()
    on_nodes: bool = False  # whether processes run on other machines, which see the study's folder but not this one's


_POOLS = {  # by the launcher's `_target_`; any other launcher gets batches
    LOCAL_GPUS: _PoolKind(
        lambda settings, folder, preload, at_most, say, excluded: local_pool(
            folder, preload, requested_of_launcher(settings), settings.slots_per_device, at_most, say
        ),
        _check_local_pool,
    ),
    IN_PROCESS: _PoolKind(lambda *settings: InProcessPool(), lambda settings, folder: None),
    SLURM: _PoolKind(
        lambda settings, folder, preload, at_most, say, excluded: slurm_pool(
            slurm_request(settings, at_most), folder, preload, say, excluded
        ),
        lambda settings, folder: refuse_ungrantable_by_slurm(slurm_request(settings)),
        lambda settings: slurm_request(settings).sentences(),
        on_nodes=True,
    ),
    RAY: _PoolKind(
        lambda settings, folder, preload, at_most, say, excluded: ray_pool(
            _ray_request(settings, at_most), folder, preload, say, excluded
        ),
        lambda settings, folder: refuse_ungrantable_by_ray(_ray_request(settings)),
        lambda settings: _ray_request(settings).sentences(),
        on_nodes=True,
    ),
}


def trains_trials(config: DictConfig) -> bool:
    """Whether the config is one of a trial, rather than of somebody's own Hydra program."""
    return OmegaConf.get_type(config) is TrialConfig


@contextlib.contextmanager
def jobs_for(
    config: DictConfig,
    context: HydraContext,
    task_function: TaskFunction,
    folder: Path,
    trials: int,
    at_once: int | None = None,
    look: Callable[[int, MetricsLine | Phase], None] = lambda number, line: None,
    say: Callable[[str], None] = print,
    objective: Objective = BY_ACCURACY,
) -> Iterator[Jobs]:
    """Jobs of the launcher that the config names, on slots that are theirs until the context ends.

    Args:
        config: as Hydra composed it without the swept values.
        folder: of the study.
        trials: how many there will be: no more slots than that.
        at_once: `hydra.sweeper.n_jobs`.
        objective: what trials report and return; another program's jobs return what they like.

    Raises:
        ConfigError: if the devices that were asked for are not to be had.
    """
    settings = config.hydra.launcher
    if settings._target_ not in _POOLS:
        stock = Plugins.instance().instantiate_launcher(
            hydra_context=context, task_function=task_function, config=config
        )
        with BatchJobs(stock, at_once or _STOCK_BATCH) as jobs:
            yield jobs
        return
    of_trials = trains_trials(config)

    compose = Composer(context.config_loader, config).compose
    kind = _POOLS[settings._target_]
    preload = TRAINING if of_trials else (CHILD,)
    with kind.make(settings, folder, preload, min(trials, at_once or trials), say, ()) as pool:
        made = (
            TrialJobs(pool, folder, command_of_this_process(), compose, look, say, objective=objective)
            if of_trials
            else CallableJobs(pool, compose, context, task_function, folder if kind.on_nodes else None)
        )
        with made as jobs:
            yield jobs


def refuse_missing_devices(settings: DictConfig, folder: Path) -> None:
    """Nothing if `jobs_for` would find slots now.

    Raises:
        ConfigError: as `jobs_for`.
    """
    if settings._target_ in _POOLS:
        _POOLS[settings._target_].check(settings, folder)


def planned_slots(settings: DictConfig) -> Sequence[str]:
    """Sentences for users: what `jobs_for` would ask of a cluster; none if it would not ask one.

    Raises:
        ConfigError: if a value is not allowed.
    """
    return _POOLS[settings._target_].plan(settings) if settings._target_ in _POOLS else ()


def slot_on_cluster(settings: DictConfig, folder: Path, preload: Sequence[str], excluded: Collection[str]) -> Pool:
    """A pool of one slot on a node of the cluster.

    Raises:
        ConfigError: if the launcher is not one of a cluster, or the cluster grants no such slot.
    """
    kind = _POOLS.get(settings._target_)
    if kind is None or not kind.on_nodes:
        raise ConfigError(
            "These settings name no cluster: add hydra/launcher=slurm or hydra/launcher=ray. `doctor` alone is about "
            "this machine."
        )
    return kind.make(settings, folder, preload, 1, lambda sentence: None, excluded)


def launch(
    config: DictConfig,
    context: HydraContext,
    task_function: TaskFunction,
    batch: Sequence[Sequence[str]],
    first_number: int,
) -> list[JobReturn]:
    """Hydra's own interface: run a batch to its end, and return in its order how each job ended."""
    folder = study_folder(config)
    folder.mkdir(parents=True, exist_ok=True)
    returned: dict[int, JobReturn] = {}
    with jobs_for(config, _with_files_of_now(context, config), task_function, folder, len(batch)) as jobs:
        waiting = list(enumerate(batch, first_number))
        while waiting or jobs.running:
            while waiting and jobs.free:
                number, overrides = waiting.pop(0)
                jobs.start(jobs.prepare(number, overrides))
            jobs.note_waiting(len(waiting))
            for event in jobs.poll(POLL_SECONDS):
                if isinstance(event, JobEnded):
                    returned[event.number] = _as_hydra_says(event, jobs, config, batch[event.number - first_number])
    return [returned[number] for number in sorted(returned)]


def _with_files_of_now(context: HydraContext, config: DictConfig) -> HydraContext:
    """Composes of copies of the config files, made at the first batch: a person may edit them while jobs wait."""
    loader = context.config_loader
    if loader not in _COPIES:
        _COPIES[loader] = tempfile.TemporaryDirectory(prefix="medqa_sweeps-conf-")
        taken(config.hydra.runtime.config_sources).write(Path(_COPIES[loader].name))
    return HydraContext(loader_of(Path(_COPIES[loader].name)), context.callbacks)


def _as_hydra_says(ended: JobEnded, jobs: Jobs, config: DictConfig, overrides: Sequence[str]) -> JobReturn:
    if isinstance(jobs, CallableJobs):
        return jobs.returned[ended.number]
    completed = ended.outcome in (Outcome.COMPLETED, Outcome.PRUNED)
    status = JobStatus.COMPLETED if completed else JobStatus.FAILED
    returned = JobReturn(
        overrides=list(overrides),
        cfg=without_hydra(config),
        hydra_cfg=OmegaConf.create({"hydra": config.hydra}),
        working_dir=str(Path.cwd()),
        task_name=config.hydra.job.name,
        status=status,
    )
    returned.return_value = ended.value if completed else ended.error or InternalError(ended.message)
    return returned
