"""The trials of a study folder as they stand: finished, running, interrupted, waiting, or unreadable.

Configs are read as plain mappings, not through the schema: a study of 500 opens in a second instead of in twenty, and
a folder of an older schema still opens.
"""

import functools
import json
import platform
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import psutil
import yaml

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.study.best import ScoredTrial, can_be_ranked, scored_trial
from medqa_sweeps.study.folder import trial_number
from medqa_sweeps.study.not_run import NotRun, not_run
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import AttemptEndLine, AttemptLine, Result, TrainLine, ValidationLine
from medqa_sweeps.wording import ended, percent

REPORT_FOLDER = "report"  # in a study's folder: what analysis writes there

_YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NEXT_KEY = re.compile(r"^(?=[^\s#])", re.MULTILINE)
Content = TypeVar("Content")


class State(StrEnum):
    """Where a trial stands. The first five are final."""

    COMPLETED = "completed"
    STOPPED = "stopped early"  # on request: it has a score, and did not get its planned training
    PRUNED = "pruned"
    FAILED = "failed"
    REPEATED = "repeated"  # the same experiment as another trial, not run again
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
    reason: str  # why it failed or ended, how far it is; "" for a trial that completed its planned training
    result: Result | None
    scored: ScoredTrial | None = None  # None: it cannot be ranked
    overrides: tuple[str, ...] = ()  # of a trial that never ran, which has no settings: what sets it apart

    @property
    def has_score(self) -> bool:
        """Whether its outcome says what it should: a completed trial that has no score says nothing."""
        return self.state is not State.COMPLETED or (self.result is not None and self.result.score is not None)


@dataclass(frozen=True)
class Study:
    """The trials of one folder, in the order of their numbers; or of several, one folder after the other."""

    folder: Path  # the first, where there are several
    trials: tuple[Trial, ...]
    unreadable: tuple[str, ...]  # a sentence for each sub-folder that is no trial, or whose files are damaged
    several: bool = False  # made of several folders

    def completed(self) -> list[Trial]:
        """The trials that can be ranked: with a score that stands for their planned training."""
        return [trial for trial in self.trials if trial.scored is not None]

    def ended_badly(self) -> bool:
        """Whether a trial failed, was interrupted or cannot be read, so that the study is not what was asked for."""
        well = {State.COMPLETED, State.STOPPED, State.PRUNED, State.REPEATED}
        return bool(self.unreadable) or any(trial.state not in well or not trial.has_score for trial in self.trials)

    def others(self) -> list[Trial]:
        """The trials that cannot be ranked."""
        ranked = {id(trial) for trial in self.completed()}
        return [trial for trial in self.trials if id(trial) not in ranked]


def read_studies(folders: Sequence[Path]) -> Study:
    """The trials of all `folders` as one study; of several, each is named by its folder as well: `first/0`.

    Raises:
        ConfigError: as `read_study`, for any of them.
    """
    studies = [read_study(folder) for folder in dict.fromkeys(folder.resolve() for folder in folders)]
    if len(studies) == 1:
        return replace(studies[0], folder=folders[0])
    names = [study.folder.name for study in studies]
    if len(set(names)) < len(names):
        names = [str(study.folder) for study in studies]
    return Study(
        folders[0],
        tuple(replace(t, name=f"{name}/{t.name}") for name, s in zip(names, studies, strict=True) for t in s.trials),
        tuple(f"{name}/{why}" for name, s in zip(names, studies, strict=True) for why in s.unreadable),
        several=True,
    )


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
    for path in sorted((p for p in folder.iterdir() if _may_be_trial(p)), key=_by_number):
        if not TrialDir(path).config_file.exists():
            unreadable.append(f"{path.name}: not a trial, it holds no {TrialDir(path).config_file.name}.")
            continue
        try:
            trials.append(read_trial(TrialDir(path)))
        except ConfigError as error:
            unreadable.append(f"{path.name}: {error}")
    trials = _with_those_not_run(folder, trials)
    if not trials and not unreadable:
        raise ConfigError(f"{folder}: holds no trial. Give a study's folder, such as multirun/quickstart.")
    if not trials:
        raise ConfigError(f"{folder}: holds no trial that can be read. " + " ".join(unreadable[:5]))
    return Study(folder, tuple(trials), tuple(unreadable))


def _with_those_not_run(folder: Path, trials: list[Trial]) -> list[Trial]:
    """With the trials that never had a folder, in the order of their numbers."""
    others = [_not_run(folder, one) for one in not_run(folder)]
    return sorted([*trials, *others], key=lambda trial: _by_number(trial.directory.path)) if others else trials


def _not_run(folder: Path, one: NotRun) -> Trial:
    state = State.REPEATED if one.same_as is not None else State(one.outcome)
    kind = f"{one.failure}: " if one.failure else ""
    directory = TrialDir(folder / str(one.number))
    return Trial(str(one.number), directory, {}, state, kind + one.message, None, overrides=tuple(one.overrides))


def read_trial(directory: TrialDir) -> Trial:
    """One trial as it stands.

    Raises:
        ConfigError: if a file of the folder is damaged, naming the file.
    """
    settings = _read(directory.config_file, lambda: _present_settings(directory))
    result = _read(directory.result_file, directory.result)
    if result is None:
        state, reason = _read(directory.metrics_file, lambda: _progress(directory))
        result = _read(directory.result_file, directory.result)  # it may have finished meanwhile
    if result is not None:
        state, reason = _ended(result)
    scored = _read(directory.provenance_file, lambda: _scored(directory, result))
    return Trial(directory.path.resolve().name, directory, settings, state, reason, result, scored)


def _scored(directory: TrialDir, result: Result | None) -> ScoredTrial | None:
    if result is None or result.score is None or not can_be_ranked(result):
        return None
    return scored_trial(directory, trial_number(directory.path.resolve()) or 0, result.score.accuracy)


def answers(trial: Trial, samples_seen: int) -> dict[str, bool]:
    """Whether each question, by id, was answered correctly in the report at `samples_seen`; empty without one.

    Raises:
        ConfigError: if predictions.jsonl is damaged.
    """
    file = trial.directory.predictions_file
    return _read(
        file, lambda: {line["id"]: line["predicted"] == line["gold"] for line in report_lines(file, samples_seen)}
    )


def report_lines(file: Path, samples_seen: int) -> list[dict[str, Any]]:
    """The lines of `predictions.jsonl` of one report.

    A file holds all reports, and parsing is what takes time: lines that do not name the number are passed over.
    """
    if not file.exists():
        return []
    number, found = str(samples_seen).encode(), []
    with open(file, "rb") as lines:
        for text in lines:
            if text.endswith(b"\n") and number in text:
                line = json.loads(text)
                if line["samples_seen"] == samples_seen:
                    found.append(line)
    return found


def _may_be_trial(path: Path) -> bool:
    return not path.name.startswith(".") and path.name != REPORT_FOLDER and path.is_dir()


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


def _present_settings(directory: TrialDir) -> dict[str, Any]:
    """By dotted key; a file that moved together with the study is named where it is now, for all trials alike."""
    settings = _settings(directory.config_file)
    moved = {key: value for key, value in settings.items() if isinstance(value, str) and value.startswith("/")}
    return settings | {key: directory.found_again(path) for key, path in moved.items()}


def _settings(config_file: Path) -> dict[str, Any]:
    text = config_file.read_text(encoding="utf-8")
    try:  # group by group: the trials of a study share most of them, and each is parsed once
        return {key: value for part in _NEXT_KEY.split(text) if part.strip() for key, value in _group(part)}
    except (yaml.YAMLError, TypeError):  # written by hand, in a form that cannot be cut up so
        return dict(_flat(_mapping(text), ""))


@functools.lru_cache(maxsize=4096)
def _group(text: str) -> tuple[tuple[str, Any], ...]:
    return tuple(_flat(_mapping(text), ""))


def _mapping(text: str) -> dict[str, Any]:
    mapping = yaml.load(text, _YAML_LOADER)
    if not isinstance(mapping, dict):
        raise TypeError("not a mapping of keys to values")
    return mapping


def _flat(mapping: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in mapping.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _ended(result: Result) -> tuple[State, str]:
    state = State.STOPPED if result.stopped_on_request else State(result.outcome)
    if state is State.COMPLETED:
        return state, result.message if result.score else "ended without a score"
    kind = f"{result.failure}: " if result.failure else ""
    score = f" Validation accuracy then: {percent(result.score.accuracy)}." if result.score else ""
    return state, ended(f"{kind}{result.message}") + score


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
        return State.INTERRUPTED, f"{ended(f'{kind}{last.message}')} {reached}"
    if last.host == platform.node() and not _alive(last):
        return State.INTERRUPTED, f"its process {last.pid} is gone. {reached}"
    silent_minutes = (time.time() - lines[-1].time) / 60
    if last.host != platform.node() and silent_minutes > directory.config().engine.max_silent_minutes:
        return State.INTERRUPTED, f"nothing heard from {last.host} for {silent_minutes / 60:.1f} hours. {reached}"
    return State.RUNNING, f"attempt {last.attempt} on {last.host}, {last.device}. {reached}"


def _reached(lines: list[TrainLine | ValidationLine]) -> str:
    if not lines:
        return "Nothing reported yet."
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


def _by_number(path: Path) -> tuple[int, int, str]:
    """2 before 10, and names that are no numbers last."""
    number = trial_number(path)
    return (1, 0, path.name) if number is None else (0, number, "")
