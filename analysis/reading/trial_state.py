"""Where a trial stands, and why: from its result, or else from its history and from whether its process lives."""

import platform
import time
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

import psutil

from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import (
    AttemptEndLine,
    AttemptLine,
    Result,
    TrainLine,
    ValidationLine,
)
from medqa_sweeps.wording import ended, percent


class State(StrEnum):
    """Where a trial stands. The first five are final."""

    COMPLETED = "completed"
    STOPPED = "stopped on request"  # it has a score, and did not get its planned training
    PRUNED = "pruned"
    FAILED = "failed"
    REPEATED = "repeated"  # the same experiment as another trial, not run again
    INTERRUPTED = "interrupted"  # no process works on it; it can be resumed
    RUNNING = "running"
    WAITING = "waiting"  # submitted, not begun


RESUMABLE = (State.INTERRUPTED, State.WAITING)


def count_text(states: Iterable[State]) -> str:
    """`3 completed, 1 failed`, the most frequent first."""
    return ", ".join(f"{count:,} {state}" for state, count in Counter(map(str, states)).most_common())


def state_of_result(result: Result) -> tuple[State, str]:
    """State and reason of a trial that has ended."""
    state = State.STOPPED if result.stopped_on_request else State(result.outcome)
    if state is State.COMPLETED:
        return state, result.message if result.score else "ended without a score"
    kind = f"{result.failure}: " if result.failure else ""
    score = f" Validation accuracy then: {percent(result.score.accuracy)}." if result.score else ""
    return state, ended(f"{kind}{result.message}") + score


def state_without_result(directory: TrialDir, max_silent_minutes: float = 60.0) -> tuple[State, str]:
    """State of a trial that has not ended, and how far it is.

    Args:
        max_silent_minutes: the trial's own `engine.max_silent_minutes`.

    Raises:
        ConfigError: if its history is damaged.
    """
    lines = directory.lines()
    turns = [line for line in lines if isinstance(line, AttemptLine | AttemptEndLine)]
    if not turns:
        return State.WAITING, "submitted, no process has begun"
    reached = _reached([line for line in lines if isinstance(line, TrainLine | ValidationLine)])
    last = turns[-1]
    if isinstance(last, AttemptEndLine):
        kind = f"{last.failure}: " if last.failure else ""
        return State.INTERRUPTED, f"{ended(f'{kind}{last.message}')} {reached}"
    if last.host == platform.node() and not _alive(last):
        return State.INTERRUPTED, f"its process {last.pid} has ended. {reached}"
    silent_minutes = (time.time() - lines[-1].time) / 60
    if last.host != platform.node() and silent_minutes > max_silent_minutes:
        return State.INTERRUPTED, f"no message from {last.machine} for {silent_minutes / 60:.1f} hours. {reached}"
    return State.RUNNING, f"attempt {last.attempt} on {last.machine}, {last.card or last.device}. {reached}"


def _reached(lines: list[TrainLine | ValidationLine]) -> str:
    if not lines:
        return "No evaluation yet."
    scores = [line for line in lines if isinstance(line, ValidationLine)]
    score = f", {percent(scores[-1].score.accuracy)} at the last evaluation" if scores else ""
    return f"{max(line.samples_seen for line in lines):,} questions seen{score}."


def _alive(attempt: AttemptLine) -> bool:
    """Whether the process that began the attempt still lives; a later one with its number does not count."""
    try:
        process = psutil.Process(attempt.pid)
        return process.create_time() <= attempt.time + 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
