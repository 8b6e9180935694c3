"""One trial from its folder to its end: start its child, watch it, try again if it was killed, say how it ended."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from medqa_sweeps.errors import FailureKind
from medqa_sweeps.record import AttemptEndLine, AttemptLine, Outcome, Result
from medqa_sweeps.sweep.children import Children, Ended
from medqa_sweeps.trial_dir import StopReason, TrialDir

_WORKER = "medqa_sweeps.worker"  # started by name: this half never imports it
_CAN_GO_ON = 75  # the worker's exit code for a trial without a result


def supervise(
    trial: TrialDir,
    children: Children,
    environment: dict[str, str],
    look: Callable[[], None],
    say: Callable[[str], None],
) -> Result | None:
    """How the trial ended; None when it was interrupted and can go on.

    A killed child is tried again from its newest checkpoint, up to `engine.max_attempts` times in all. Ctrl-C once
    lets it save a checkpoint and stop; twice stops it now.

    Args:
        look: called several times a second, and once after the end, to see what is new in the folder.
        say: tells people what is not in the folder's numbers.

    Raises:
        ConfigError: if another process is working on this trial.
    """
    with trial.claimed():
        pass
    trial.stop_file.unlink(missing_ok=True)
    attempts_left = trial.config().engine.max_attempts
    while trial.result() is None and attempts_left:
        attempts_left -= 1
        ended = _attempt(trial, children, environment, look, say)
        if trial.result() is None and not _goes_on(trial, ended, attempts_left, say):
            break
    return trial.result()


def _attempt(
    trial: TrialDir,
    children: Children,
    environment: dict[str, str],
    look: Callable[[], None],
    say: Callable[[str], None],
) -> Ended:
    """Start a child and wait for its end, whatever Ctrl-C says on the way."""
    interrupts = 0
    ended: list[Ended] = []
    pid = children.start(_WORKER, [str(trial.path)], environment, trial.log_file)
    while True:
        try:
            ended += [child for child in children.wait(0.2) if child.pid == pid]
            look()
            if ended:
                return ended[0]
        except KeyboardInterrupt:
            interrupts += 1
            if interrupts == 1:
                trial.ask_to_stop(StopReason.INTERRUPTED)
                say("Stopping after this step, with a checkpoint. Ctrl-C again stops now.")
            else:
                children.signal(pid, signal.SIGKILL)


def _goes_on(trial: TrialDir, ended: Ended, attempts_left: int, say: Callable[[str], None]) -> bool:
    """Record how an attempt without a result ended; whether another one follows."""
    asked_to_stop = trial.stop_reason() is StopReason.INTERRUPTED
    failure = None if asked_to_stop or ended.code == _CAN_GO_ON else _failure(ended)
    again = failure is FailureKind.KILLED and attempts_left > 0
    where = f"at {_samples_seen(trial):,} samples"
    message = _how_it_ended(ended, asked_to_stop) + f" {where}"
    _record_end(trial, failure, message)
    if again:
        say(f"{message}; going on from the newest checkpoint.")
        return True
    if failure is None:
        if not asked_to_stop:  # the disk was full, say: the child's last words are why
            say(log_tail(trial.log_file, lines=1).strip())
        return False
    tail = log_tail(trial.log_file)
    trial.finish(_failed(trial, failure, f"{message}. The end of {trial.log_file}:\n{tail}"))
    return False


def log_tail(log: Path, lines: int = 12) -> str:
    """The last lines of a trial's log, indented; empty if there is none."""
    try:
        text = log.read_text(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join("    " + line for line in text.splitlines()[-lines:])


def _failure(ended: Ended) -> FailureKind:
    return FailureKind.KILLED if ended.code < 0 else FailureKind.INTERNAL


def _how_it_ended(ended: Ended, asked_to_stop: bool) -> str:
    if asked_to_stop:
        return "interrupted"
    if ended.code == _CAN_GO_ON:
        return "stopped, and can go on"
    if ended.code < 0:
        name = signal.Signals(-ended.code).name
        memory = " (often: the system ran out of memory)" if -ended.code == signal.SIGKILL else ""
        return f"killed by {name}{memory}"
    return f"its process ended with exit code {ended.code} and no result"


def _record_end(trial: TrialDir, failure: FailureKind | None, message: str) -> None:
    trial.append(
        AttemptEndLine(
            attempt=_attempts(trial),
            samples_seen=_samples_seen(trial),
            time=time.time(),
            outcome=Outcome.FAILED if failure else Outcome.INTERRUPTED,
            failure=failure,
            message=message,
        )
    )


def _failed(trial: TrialDir, failure: FailureKind, message: str) -> Result:
    return Result(
        outcome=Outcome.FAILED,
        signature=str(trial.provenance().get("signature", "")),
        failure=failure,
        message=message,
        samples_seen=_samples_seen(trial),
        attempts=_attempts(trial),
        finished_at=time.time(),
    )


def _samples_seen(trial: TrialDir) -> int:
    return max((line.samples_seen for line in trial.lines()), default=0)


def _attempts(trial: TrialDir) -> int:
    return max(1, sum(isinstance(line, AttemptLine) for line in trial.lines()))


def child_environment() -> dict[str, str]:
    """What a trial's process finds in its environment: ours, and settings that keep libraries quiet and repeatable."""
    return {
        **os.environ,
        "UNSLOTH_DISABLE_STATISTICS": "1",
        "HF_HUB_OFFLINE": "1",  # the parent has fetched whatever is needed
        "TOKENIZERS_PARALLELISM": "false",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # the same sums on a GPU, run for run
        "PYTHONUNBUFFERED": "1",
    }
