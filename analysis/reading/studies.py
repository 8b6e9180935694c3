"""The trials of a study's folder as they stand: finished, running, interrupted, waiting, or unreadable."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from medqa_sweeps import damage
from medqa_sweeps.analysis.reading.flat_config import flat_config
from medqa_sweeps.analysis.reading.options import typed
from medqa_sweeps.analysis.reading.trial_state import RESUMABLE, State, state_of_result, state_without_result
from medqa_sweeps.command_line import short_path
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.study.best import ScoredTrial, can_be_ranked, scored_trial
from medqa_sweeps.study.find import meant
from medqa_sweeps.study.folder import trial_number
from medqa_sweeps.study.not_run import NotRun, not_run
from medqa_sweeps.study_identity import FILE as STUDY_FILE
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import Result

REPORT_FOLDER = "report"  # in a study's folder: what `report_folder` writes there, and no trial


@dataclass(frozen=True)
class Trial:
    """One trial folder, read once."""

    name: str  # of the folder
    directory: TrialDir
    settings: dict[str, Any]  # its config by dotted key, as in `lora.r`; by `lora` the option of a swept group
    state: State
    reason: str  # why it failed or ended, how far it is; "" for a trial that completed its planned training
    result: Result | None
    scored: ScoredTrial | None = None  # None: it cannot be ranked
    overrides: tuple[str, ...] = ()  # of a trial that never ran, which has no settings: what sets it apart
    typed: frozenset[str] = frozenset()  # the keys of what it was told on the command line: `lora`, `lora.r`

    @property
    def why(self) -> str:
        """The reason, without the outcome at its beginning, for a table that has the outcome beside it."""
        why = self.reason.removeprefix(str(self.state)).lstrip(" .:")
        return why if why else self.reason

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

    def to_resume(self) -> int:
        """Number of trials that were interrupted or never began, unless others still run; 0 of several studies."""
        if self.several or any(trial.state is State.RUNNING for trial in self.trials):
            return 0
        return sum(trial.state in RESUMABLE for trial in self.trials)

    @property
    def is_synthetic(self) -> bool:
        """Whether the scores of any trial say nothing about medicine."""
        return any(trial.settings.get("data.synthetic") is True for trial in self.trials)

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
    trials = [replace(t, name=f"{name}/{t.name}") for name, s in zip(names, studies, strict=True) for t in s.trials]
    return Study(
        folders[0],
        tuple(_with_options(trials)),
        tuple(f"{name}/{why}" for name, s in zip(names, studies, strict=True) for why in s.unreadable),
        several=True,
    )


def read_study(folder: Path | str) -> Study:
    """The trials of `folder`: its sub-folders, or itself when it is a single run's.

    Raises:
        ConfigError: if there is no such folder, or neither it nor a sub-folder of it is a trial.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ConfigError(
            f"{short_path(folder)}: there is no such folder.{meant(folder)} Give the folder of a study, such as "
            "multirun/quickstart, or of a single run."
        )
    in_study = (folder / STUDY_FILE).exists()
    if TrialDir(folder).is_submitted() and not in_study:
        return Study(folder, (_single(folder),), ())
    trials, unreadable = [], []
    for path in sorted((p for p in folder.iterdir() if _may_be_trial(p, in_study)), key=_by_number):
        directory = TrialDir(path)
        if not directory.is_submitted():
            lacking = directory.provenance_file if directory.config_file.exists() else directory.config_file
            unreadable.append(f"{path.name}: not a trial: it has no {lacking.name}.")
            continue
        try:
            trials.append(read_trial(directory, path.name))
        except ConfigError as error:
            unreadable.append(f"{path.name}: {error}")
    trials = _with_those_not_run(folder, _with_options(trials))
    if not trials and not unreadable:
        raise ConfigError(
            f"{short_path(folder)} contains no trial. Give the folder of a study, such as multirun/quickstart."
        )
    if not trials:
        raise ConfigError(f"{folder}: contains no trial that can be read. " + " ".join(unreadable[:5]))
    return Study(folder, tuple(trials), tuple(unreadable))


def _with_options(trials: list[Trial]) -> list[Trial]:
    """With the options of swept config groups before the other settings, as people typed them."""
    ran = [trial for trial in trials if trial.settings]
    told = dict(zip(map(id, ran), typed([trial.directory for trial in ran]), strict=True))
    return [
        replace(trial, settings={**told[id(trial)].options, **trial.settings}, typed=told[id(trial)].keys)
        if id(trial) in told
        else trial
        for trial in trials
    ]


def _with_those_not_run(folder: Path, trials: list[Trial]) -> list[Trial]:
    """With the trials that never had a folder, in the order of their numbers."""
    others = [_not_run(folder, one) for one in not_run(folder)]
    return sorted([*trials, *others], key=lambda trial: _by_number(trial.directory.path)) if others else trials


def _not_run(folder: Path, one: NotRun) -> Trial:
    state = State.REPEATED if one.same_as is not None else State(one.outcome)
    kind = f"{one.failure}: " if one.failure else ""
    directory = TrialDir(folder / str(one.number))
    return Trial(str(one.number), directory, {}, state, kind + one.message, None, overrides=tuple(one.overrides))


def read_trial(directory: TrialDir, name: str | None = None) -> Trial:
    """One trial as it stands.

    Args:
        name: of its folder; None: found out, which asks the disk about each part of the path.

    Raises:
        ConfigError: if a file of the folder is damaged, naming the file.
    """
    name = name or directory.path.resolve().name
    with damage.reading(directory.config_file):
        settings = flat_config(directory)
    result = _result(directory)
    if result is None:
        with damage.reading(directory.metrics_file):
            state, reason = state_without_result(directory, settings.get("engine.max_silent_minutes") or 60.0)
        result = _result(directory)  # it may have finished meanwhile
    if result is not None:
        state, reason = state_of_result(result)
    with damage.reading(directory.provenance_file):
        scored = _scored(directory, result, name)
    return Trial(name, directory, settings, state, reason, result, scored)


def _result(directory: TrialDir) -> Result | None:
    with damage.reading(directory.result_file):
        return directory.result()


def _scored(directory: TrialDir, result: Result | None, name: str) -> ScoredTrial | None:
    if result is None or result.score is None or not can_be_ranked(result):
        return None
    return scored_trial(directory, trial_number(Path(name)) or 0, result.score.accuracy)


def _may_be_trial(path: Path, in_study: bool) -> bool:
    """In a study its numbered folders, beside which anything may lie; elsewhere any folder."""
    named = trial_number(path) is not None if in_study else not path.name.startswith(".") and path.name != REPORT_FOLDER
    return named and path.is_dir()


def _single(folder: Path) -> Trial:
    try:
        return read_trial(TrialDir(folder))
    except ConfigError as error:
        raise ConfigError(f"{folder}: {error}") from error


def _by_number(path: Path) -> tuple[int, int, str]:
    """2 before 10, and names that are no numbers last."""
    number = trial_number(path)
    return (1, 0, path.name) if number is None else (0, number, "")
