"""The safety assessment of finished trials, from the parent's side: a child a trial, on as many slots as are free."""

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from medqa_sweeps.config import SafetyConfig
from medqa_sweeps.durable.progress import ProgressFile
from medqa_sweeps.errors import InternalError
from medqa_sweeps.exit_codes import ExitCode, describe_exit
from medqa_sweeps.jobs.child_process import child_environment, log_tail
from medqa_sweeps.jobs.contract import POLL_SECONDS
from medqa_sweeps.pool.contract import ProcessExit, ProcessHandle
from medqa_sweeps.pool.local import local_pool
from medqa_sweeps.pool.request import DeviceRequest
from medqa_sweeps.trial.folder import TrialDir

CHILD = "medqa_sweeps.worker.assess"  # started by name: this half never imports it


@dataclass(frozen=True)
class _Running:
    trial: TrialDir
    process: ProcessHandle
    log: Path
    progress: ProgressFile


def assess(
    trials: Sequence[TrialDir],
    config: SafetyConfig,
    devices: DeviceRequest,
    show: Callable[[str], None],
) -> dict[str, str]:
    """Assess each trial; by name of the folder of those that could not be, the reason.

    Args:
        show: is told how far each is, a few times per second.

    Raises:
        ConfigError: if no such device is free.
        InternalError: if a child fails; what others have written stays.
    """
    waiting, running, refused = list(trials), list[_Running](), dict[str, str]()
    with (
        tempfile.TemporaryDirectory() as made,
        local_pool(trials[0].path.parent, [CHILD], devices, at_most=len(trials)) as pool,
    ):
        while waiting or running:
            while waiting and pool.free:
                trial = waiting.pop(0)
                log, file = Path(made) / f"{trial.path.name}.log", Path(made) / f"{trial.path.name}.progress"
                arguments = [str(trial.path), json.dumps(asdict(config)), str(file)]
                process = pool.start(CHILD, arguments, child_environment(), log)
                running.append(_Running(trial, process, log, ProgressFile(file)))
            for ended in pool.wait(POLL_SECONDS):
                one = next(each for each in running if each.process is ended.process)
                running.remove(one)
                if why := _refusal(ended, one):
                    refused[one.trial.path.name] = why
            show("; ".join(_in_words(one) for one in running))
    return refused


def _in_words(one: _Running) -> str:
    return f"trial {one.trial.path.name}: {one.progress.in_words() or 'loading the base model'}"


def _refusal(ended: ProcessExit, one: _Running) -> str:
    if ended.code == ExitCode.DATAERR:
        return log_tail(one.log, lines=1).strip()
    if ended.code != ExitCode.OK:
        how = describe_exit(ended.code, ended.cause)
        raise InternalError(f"trial {one.trial.path.name}: {how}. The end of its output:\n{log_tail(one.log)}")
    return ""
