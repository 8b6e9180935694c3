"""The study or trial that a person names by its folder; anything else is refused with what was meant."""

from collections.abc import Callable
from pathlib import Path

from medqa_sweeps.argument_parser import nearest_word
from medqa_sweeps.command_line import short_path
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.study.folder import StudyDir, trial_number
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.wording import listed

_MOST_NAMES = 4
_STUDIES, _RUNS = Path("multirun"), Path("outputs")


def study_at(path: Path) -> StudyDir:
    """The study in the folder `path`.

    Raises:
        ConfigError: if there is no such folder, or it is no study's: a trial's, a single run's, one that holds studies.
    """
    study = StudyDir(path.resolve())
    if is_study(study.path):
        return study
    if is_trial(study.path):
        if is_study(study.path.parent):
            parent = short_path(study.path.parent)
            raise ConfigError(f"{short_path(path)} is a trial. This command takes its study: {parent}.")
        raise ConfigError(
            f"{short_path(path)} is a single run. This command takes a study, which `launch.py -m` writes."
        )
    _refuse_absent(path, is_study, "study", _STUDIES)
    if names := _names_in(study.path, is_study):
        raise ConfigError(f"{short_path(path)} holds studies: {listed(names, _MOST_NAMES)}. Name one of them.")
    raise ConfigError(f"{short_path(path)} is not a study: it has no {study.definition_file.name}.{_others(_STUDIES)}")


def trial_at(path: Path) -> TrialDir:
    """The trial or single run in the folder `path`.

    Raises:
        ConfigError: if there is no such folder, or it is a study's, or nothing's.
    """
    trial = TrialDir(path.resolve())
    if is_trial(trial.path):
        return trial
    if is_study(trial.path):
        numbers = [str(number) for number, one in StudyDir(trial.path).trials().items() if is_trial(one.path)]
        example = (
            f" such as {short_path(trial.path / numbers[0])}; it has {listed(numbers, _MOST_NAMES)}" if numbers else ""
        )
        raise ConfigError(
            f"{short_path(path)} is a study. This command takes one of its trials{',' * bool(example)}{example}."
        )
    if trial_number(trial.path) is not None and is_study(trial.path.parent):
        numbers = [str(number) for number in StudyDir(trial.path.parent).trials()]
        have = f"it has {listed(numbers, _MOST_NAMES)}" if numbers else "none has begun"
        raise ConfigError(f"{short_path(trial.path.parent)} has no trial {trial.path.name}: {have}.")
    _refuse_absent(path, is_trial, "trial", _RUNS)
    if names := _names_in(trial.path, is_trial):
        raise ConfigError(f"{short_path(path)} holds runs: {listed(names, _MOST_NAMES)}. Name one of them.")
    raise ConfigError(f"{short_path(path)} is not a trial: it has no {trial.config_file.name}.")


def is_study(path: Path) -> bool:
    """Whether a sweep has written its study there."""
    return StudyDir(path).definition_file.exists()


def is_trial(path: Path) -> bool:
    """Whether a trial was submitted there."""
    return TrialDir(path).config_file.exists()


def meant(path: Path, is_one: Callable[[Path], bool] = Path.is_dir) -> str:
    """` Did you mean multirun/quickstart?`: a folder beside `path` with a name like its own; "" if there is none."""
    near = nearest_word(path.name, _names_in(path.absolute().parent, is_one))
    return f" Did you mean {short_path(path.parent / near)}?" if near else ""


def _refuse_absent(path: Path, is_one: Callable[[Path], bool], what: str, usual: Path) -> None:
    if path.exists():
        return
    near = meant(path, is_one) or meant(usual / path.name, is_one)
    raise ConfigError(
        f"{short_path(path)}: there is no such folder.{near or _others(usual, is_one)} Give the folder of a {what}."
    )


def _others(folder: Path, is_one: Callable[[Path], bool] = is_study) -> str:
    names = _names_in(folder, is_one)
    what = "Studies" if is_one is is_study else "Runs"
    return f" {what} in {short_path(folder)}: {listed(names, _MOST_NAMES)}." if names else ""


def _names_in(folder: Path, is_one: Callable[[Path], bool]) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if is_one(path)) if folder.is_dir() else []
