"""One trial while it runs, and how an attempt at it ended."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field

from medqa_sweeps.config import TrialConfig
from medqa_sweeps.errors import FailureKind
from medqa_sweeps.exit_codes import ExitCode, describe_exit
from medqa_sweeps.hardware import killed_for_memory, place_of
from medqa_sweeps.jobs.child_process import log_tail
from medqa_sweeps.jobs.contract import Job
from medqa_sweeps.jobs.folder_wait import FolderWait
from medqa_sweeps.pool.contract import ProcessExit, ProcessHandle
from medqa_sweeps.tracking.tracker import Tracker
from medqa_sweeps.trial.folder import MetricsReader, StopReason, TrialDir
from medqa_sweeps.trial.phase import Phase
from medqa_sweeps.trial.records import Outcome

MOVES_IN_VAIN = 5  # slots that end one after the other before a trial has saved a checkpoint; then it has failed


@dataclass
class RunningTrial:
    """A trial in flight; its newest attempt runs, waits in a queue, or waits for the folder."""

    job: Job
    trial: TrialDir
    config: TrialConfig
    reader: MetricsReader
    tracker: Tracker | None
    process: ProcessHandle  # that works on it now
    wait: FolderWait
    phase: Phase | None = None  # that it was in at the last look; None: nobody has looked
    alive_at: float = 0.0  # when it last wrote a line or got ahead, in `time.monotonic` seconds; 0: it has not
    told: int = 0  # samples seen at the last evaluation that was reported; the untuned base, at 0, is not
    killed_as: FailureKind | None = None  # why this process killed it; None: it did not
    killed_for_memory: int | None = field(default_factory=killed_for_memory)  # on this machine, when the attempt began
    asked_to_go: bool = False  # `kill` was called: what follows is no failure
    stopping: bool = False  # it was asked to save a checkpoint and end, by the sweep
    moving: str = ""  # why it was asked to save a checkpoint and go on elsewhere; empty: it was not
    step_before: int | None = None  # of the newest checkpoint when the attempt began
    in_vain: int = 0  # attempts one after the other that had to move before they saved a checkpoint


def how_it_ended(running: RunningTrial, process_exit: ProcessExit) -> tuple[FailureKind | None, str]:
    """Why an attempt left no result, now recorded in the folder; None: it did not fail, and can be resumed."""
    trial, code = running.trial, process_exit.code
    place = place_of(process_exit.slot.environment)
    stopped = code == ExitCode.TEMPFAIL and trial.stop_reason() is StopReason.INTERRUPTED
    if running.asked_to_go or (stopped and not running.moving):
        trial.end_attempt(Outcome.INTERRUPTED, None, "interrupted", **place)
        return None, "interrupted"
    if running.moving and (stopped or code < 0):
        return _how_it_moved(running, place)
    if code == ExitCode.IOERR:
        return None, log_tail(trial.log_file, lines=1).strip()
    if code == ExitCode.TEMPFAIL:  # the worker has said why
        return trial.failures()[-1], trial.last_message()
    if running.killed_as is FailureKind.TIMEOUT:
        minutes = running.config.engine.max_silent_minutes
        kind, message = FailureKind.TIMEOUT, f"made no progress for {minutes:g} minutes (engine.max_silent_minutes)"
    elif code < 0:
        cause = process_exit.cause or (_about_memory(running.killed_for_memory) if -code == signal.SIGKILL else "")
        kind, message = FailureKind.KILLED, f"killed by {describe_exit(code, cause)}"
    else:
        kind, message = FailureKind.INTERNAL, f"its process ended with {describe_exit(code)} and no result"
    trial.end_attempt(Outcome.FAILED, kind, message, **place)
    return kind, message


def _how_it_moved(running: RunningTrial, place: Mapping[str, str | None]) -> tuple[FailureKind | None, str]:
    """How an attempt ended whose slot the cluster took away, as it had said. That costs no attempt, but if it happens
    again and again before a checkpoint is saved, the trial would never end: then it has failed."""
    trial, why = running.trial, running.moving
    running.in_vain = 0 if trial.newest_checkpoint() != running.step_before else running.in_vain + 1
    if running.in_vain < MOVES_IN_VAIN:
        trial.end_attempt(Outcome.INTERRUPTED, None, why, **place)
        return None, why
    message = (
        f"{why}, {running.in_vain} times in a row before it had saved a checkpoint. Ask for more time "
        "(hydra.launcher.time), or save checkpoints more often (training.checkpoint_every_minutes)"
    )
    trial.end_attempt(Outcome.FAILED, FailureKind.KILLED, message, **place)
    return FailureKind.KILLED, message


def moves(running: RunningTrial) -> bool:
    """Whether an attempt that did not fail is followed by another one, on another slot."""
    return bool(running.moving) and not running.asked_to_go and not running.stopping


def is_before_training(running: RunningTrial) -> bool:
    phase = running.trial.phase() or running.phase  # as it is now: the last look may be a moment old
    return phase is not None and phase.before_training


def _about_memory(killed_before: int | None) -> str:
    """Whether the kernel may have killed it for lack of memory; empty where it does not say."""
    killed = killed_for_memory()
    if killed is None or killed_before is None:
        return ""
    return f"the kernel killed {'a' if killed > killed_before else 'no'} process for lack of memory meanwhile"
