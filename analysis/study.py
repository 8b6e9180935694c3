"""The trials of a study folder as they stand: finished, running, interrupted, waiting, or unreadable.

Configs are read as plain mappings, not through the schema: a study of 500 opens in a second instead of in twenty, and
a folder of an older schema still opens.
"""

import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import psutil
import yaml

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.record import AttemptEndLine, AttemptLine, Result, TrainLine, ValidationLine
from medqa_sweeps.trial_dir import TrialDir, read_lines

_YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Content = TypeVar("Content")


class State(StrEnum):
    """Where a trial stands. The first three are final."""

    COMPLETED = "completed"
    PRUNED = "pruned"
    FAILED = "failed"
    INTERRUPTED = "interrupted"  # no process works on it; it can go on
    RUNNING = "running"
    WAITING = "waiting"  # submitted, not begun


@dataclass(frozen=True)
class Trial:
    """One trial folder, read once."""

    name: str  # of the folder
    directory: TrialDir
    settings: dict[str, Any]  # its config by dotted key, as in `lora.r`
    state: State
    reason: str  # why it failed or ended, how far it is; "" for a completed trial
    result: Result | None


@dataclass(frozen=True)
class Study:
    """The trials of one folder, in the order of their numbers."""

    folder: Path
    trials: tuple[Trial, ...]
    unreadable: tuple[str, ...]  # a sentence for each sub-folder that is no trial, or whose files are damaged

    def completed(self) -> list[Trial]:
        """The trials that can be ranked: completed, with a score."""
        return [t for t in self.trials if t.state is State.COMPLETED and t.result is not None and t.result.score]

    def others(self) -> list[Trial]:
        """The trials that cannot be ranked."""
        ranked = {id(trial) for trial in self.completed()}
        return [trial for trial in self.trials if id(trial) not in ranked]


def read_study(folder: Path) -> Study:
    """The trials of `folder`: its sub-folders, or itself when it is a single run's.

    Raises:
        ConfigError: if there is no such folder, or neither it nor a sub-folder of it is a trial.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder. Give a study's, such as multirun/quickstart, or a single run's.")
    if TrialDir(folder).config_file.exists():
        return Study(folder, (_single(folder),), ())
    trials, unreadable = [], []
    for path in sorted((p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")), key=_by_number):
        if not TrialDir(path).config_file.exists():
            unreadable.append(f"{path.name}: not a trial, it holds no {TrialDir(path).config_file.name}.")
            continue
        try:
            trials.append(read_trial(TrialDir(path)))
        except ConfigError as error:
            unreadable.append(f"{path.name}: {error}")
    if not trials and not unreadable:
        raise ConfigError(f"{folder}: holds no trial. Give a study's folder, such as multirun/quickstart.")
    if not trials:
        raise ConfigError(f"{folder}: holds no trial that can be read. " + " ".join(unreadable[:5]))
    return Study(folder, tuple(trials), tuple(unreadable))


def read_trial(directory: TrialDir) -> Trial:
    """One trial as it stands.

    Raises:
        ConfigError: if a file of the folder is damaged, naming the file.
    """
    settings = _read(directory.config_file, lambda: _settings(directory.config_file))
    result = _read(directory.result_file, directory.result)
    if result is None:
        state, reason = _read(directory.metrics_file, lambda: _progress(directory))
        result = _read(directory.result_file, directory.result)  # it may have finished meanwhile
    if result is not None:
        state, reason = _ended(result)
    return Trial(directory.path.resolve().name, directory, settings, state, reason, result)


def answers(trial: Trial, samples_seen: int) -> dict[str, bool]:
    """Whether each question, by id, was answered correctly in the report at `samples_seen`; empty without one.

    Raises:
        ConfigError: if predictions.jsonl is damaged.
    """
    file = trial.directory.predictions_file
    return _read(
        file,
        lambda: {
            line["id"]: line["predicted"] == line["gold"]
            for line in read_lines(file)
            if line["samples_seen"] == samples_seen
        },
    )


def _single(folder: Path) -> Trial:
    try:
        return read_trial(TrialDir(folder))
    except ConfigError as error:
        raise ConfigError(f"{folder}: {error}") from error


def _read(file: Path, reader: Callable[[], Content]) -> Content:
    """What `reader` returns; what a damaged or unreadable file makes it raise becomes a sentence."""
    try:
        return reader()
    except OSError as error:
        raise ConfigError(f"{file.name} cannot be read ({error.strerror}).") from error
    except (ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
        detail = " ".join(str(error).split())[:120]
        raise ConfigError(f"{file.name} is damaged ({type(error).__name__}: {detail}).") from error


def _settings(config_file: Path) -> dict[str, Any]:
    config = yaml.load(config_file.read_text(encoding="utf-8"), _YAML_LOADER)
    if not isinstance(config, dict):
        raise TypeError("not a mapping of keys to values")
    return dict(_flat(config, ""))


def _flat(mapping: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in mapping.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _ended(result: Result) -> tuple[State, str]:
    state = State(result.outcome)
    if state is State.COMPLETED and result.score is None:
        return state, "ended without a score"
    if state is State.COMPLETED:
        return state, ""
    kind = f"{result.failure}: " if result.failure else ""
    score = f" It had {100 * result.score.accuracy:.1f} %." if result.score else ""
    return state, f"{kind}{result.message}{score}".strip()


def _progress(directory: TrialDir) -> tuple[State, str]:
    """State and words of a trial that has no result, from its history."""
    lines = directory.lines()
    turns = [line for line in lines if isinstance(line, AttemptLine | AttemptEndLine)]
    if not turns:
        return State.WAITING, "submitted, no process has begun"
    reached = _reached([line for line in lines if isinstance(line, TrainLine | ValidationLine)])
    last = turns[-1]
    if isinstance(last, AttemptEndLine):
        kind = f"{last.failure}: " if last.failure else ""
        return State.INTERRUPTED, f"{kind}{last.message} {reached}".strip()
    if last.host == platform.node() and not _alive(last):
        return State.INTERRUPTED, f"its process {last.pid} is gone. {reached}"
    return State.RUNNING, f"attempt {last.attempt} on {last.host}, {last.device}. {reached}"


def _reached(lines: list[TrainLine | ValidationLine]) -> str:
    if not lines:
        return "Nothing reported yet."
    scores = [line for line in lines if isinstance(line, ValidationLine)]
    score = f", {100 * scores[-1].score.accuracy:.1f} % at the last report" if scores else ""
    return f"{max(line.samples_seen for line in lines):,} questions seen{score}."


def _alive(attempt: AttemptLine) -> bool:
    """Whether the process that began the attempt still lives; a later one with its number does not count."""
    try:
        process = psutil.Process(attempt.pid)
        return process.create_time() <= attempt.time + 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _by_number(path: Path) -> tuple[int, int, str]:
    """2 before 10, and names that are no numbers last."""
    return (0, int(path.name), "") if path.name.isdecimal() else (1, 0, path.name)
