"""Whose a study is: of which folder, and of which search space, objective and config, as its storage has it.

A database serves many folders and programs, and a study is found in it by its name alone. What must agree stands there
beside the trials, as attributes of Optuna's study:

    home         the folder of its trials: host, path, and an id that the folder's study.yaml has as well
    definition   space, objective and config, as in study.yaml
"""

import contextlib
import socket
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
import yaml
from optuna.distributions import BaseDistribution, check_distribution_compatibility
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, get_storage

from medqa_sweeps.command_line import shell_line
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.study_identity import identity_of
from medqa_sweeps.sweep.search_space import SearchSpace
from medqa_sweeps.wording import counted, listed

_HOME, _DEFINITION = "home", "definition"
_ATTEMPTS, _ATTEMPT_SECONDS = 3, 0.5
_LONGEST_DEFINITION = 50_000  # characters: MySQL has room for 64 KiB in an attribute


@dataclass(frozen=True)
class Home:
    """The folder of a study's trials."""

    id: str
    host: str
    folder: str

    def __str__(self) -> str:
        return self.folder if self.is_on_this_host else f"{self.folder} on {self.host}"

    @property
    def is_on_this_host(self) -> bool:
        return self.host == socket.gethostname()


@dataclass(frozen=True)
class Asked:
    """The study that a sweep asks for.

    Args:
        is_shared: whether the storage is `hydra.sweeper.storage`; else it is the journal of the folder.
        holds_trials: whether results are kept in the trials' folders. Another program's jobs return them, so its study
            may go on in another folder.
    """

    name: str
    folder: StudyDir
    definition: Mapping[str, Any]
    is_shared: bool
    holds_trials: bool

    @property
    def where(self) -> str:
        return "hydra.sweeper.storage" if self.is_shared else str(self.folder.journal_file)


def connected(asked: Any) -> BaseStorage:
    """The storage of a URL, or one that was made already.

    Two processes that open a new database at the same moment both make its tables: one fails, and finds them there.

    Raises:
        ConfigError: if it cannot be opened.
    """
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError  # 0.3 s, for those who have a database

    try:
        for _ in range(_ATTEMPTS - 1):
            with contextlib.suppress(DBAPIError):
                return get_storage(asked)
            time.sleep(_ATTEMPT_SECONDS)
        return get_storage(asked)
    except (SQLAlchemyError, StorageInternalError) as error:
        raise not_opened(error) from error


def not_opened(error: Exception) -> ConfigError:
    """What is said of a storage that cannot be opened."""
    why = str(error.__cause__ or error).partition("\n")[0].rstrip(".")
    return ConfigError(
        f"hydra.sweeper.storage cannot be opened: {why}. Give one that can be, or null for a journal in the study's "
        "folder."
    )


def load(asked: Asked, storage: BaseStorage, numbers: Collection[int]) -> optuna.Study | None:
    """The study of that name; None if the storage has none, and none is missed.

    Args:
        numbers: of the trials whose folders an earlier sweep has left.

    Raises:
        ConfigError: if a trial has a folder and is not in the storage.
    """
    try:
        study = optuna.load_study(study_name=asked.name, storage=storage)
    except KeyError:
        study = None
    known = len(study.get_trials(deepcopy=False)) if study else 0
    if unknown := sorted(number for number in numbers if number >= known):
        raise ConfigError(
            f"{asked.folder.path} has folders of trials ({listed(list(map(str, unknown)))}) that the study "
            f"{asked.name!r} in {asked.where} does not have: its new trials would take their results. Give the "
            "hydra.sweeper.storage and hydra.sweeper.study_name of the sweep that made them, or choose another "
            "hydra.sweep.dir."
        )
    return study


def check(asked: Asked, study: optuna.Study, allow_changes: bool) -> list[str]:
    """Nothing if the study is the folder's, and the one that was asked for; else, where that is no harm, a sentence.

    Raises:
        ConfigError: if it is another folder's, or another one than was asked for.
    """
    home, trials, said = _home(study), len(study.get_trials(deepcopy=False)), []
    if trials and not _is_at_home(asked, home):
        if asked.holds_trials:
            raise ConfigError(_elsewhere(asked, study, home))
        where = home or "another program"
        said.append(f"Note       {counted(trials, 'trial')} of this study ran in {where}; the next run in this folder")
    if home and asked.is_shared and asked.holds_trials and _is_copy(home, asked.folder):
        raise ConfigError(
            f"{asked.folder.path} is a copy of {home}, and each of the two would have a part of the trials that the "
            f"study {asked.name!r} has in {asked.where}. Resume {home}; for a separate study choose another "
            "hydra.sweep.dir and hydra.sweeper.study_name."
        )
    if (changes := _changes(asked, study)) and not allow_changes:
        raise ConfigError(
            f"{asked.where} holds a study {asked.name!r} that is not the one asked for:\n{_indented(changes)}\nAsk for "
            "the same, choose another hydra.sweeper.study_name, or say hydra.sweeper.allow_changes=true."
        )
    return said


def keep(asked: Asked, study: optuna.Study) -> None:
    """Write into the study what it is, and that the folder, whose study.yaml has its id by now, is its home."""
    id = identity_of(asked.folder.path).id
    assert id is not None
    text = yaml.safe_dump(dict(asked.definition), sort_keys=False, allow_unicode=True)
    home = Home(id, socket.gethostname(), str(asked.folder.path))
    for name, value in ((_HOME, asdict(home)), (_DEFINITION, text if len(text) <= _LONGEST_DEFINITION else "")):
        if study.user_attrs.get(name) != value:
            study.set_user_attr(name, value)


def refuse_other_values(study: optuna.Study, space: SearchSpace) -> None:
    """Nothing if Optuna can keep trials of the space beside those that the study has.

    Raises:
        ConfigError: if a list has other values, or a key another kind of them.
    """
    asked = space.distributions
    for trial in study.get_trials(deepcopy=False):
        for name in trial.distributions.keys() & asked.keys():
            try:
                check_distribution_compatibility(trial.distributions[name], asked[name])
            except ValueError:
                raise ConfigError(
                    f"{name}: {_values(trial.distributions[name])} in trial {trial.number} of the study "
                    f"{study.study_name!r}, {_values(asked[name])} now. Optuna does not keep both in one study: choose "
                    "another hydra.sweeper.study_name."
                ) from None


def _is_at_home(asked: Asked, home: Home | None) -> bool:
    """Whether the trials of the study are those of the folder."""
    if home is None:  # an earlier version's
        return asked.folder.definition_file.exists()
    return identity_of(asked.folder.path).id == home.id


def _elsewhere(asked: Asked, study: optuna.Study, home: Home | None) -> str:
    """Whose trials the study has, and what to do."""
    delete = shell_line("optuna", "delete-study", "--study-name", asked.name)
    begin_anew = f"another hydra.sweeper.study_name, or `{delete}`"
    if home is None:
        whose, then = "that another program made", "Choose another hydra.sweeper.study_name"
    elif home.is_on_this_host and not StudyDir(Path(home.folder)).definition_file.exists():
        whose, then = (
            f"of {home}, whose study.yaml is gone",
            f"Bring it back; to begin anew: {begin_anew}",
        )
    else:
        whose, then = f"of another folder, {home}", "Resume it there, or choose another hydra.sweeper.study_name"
    trials, changes = counted(len(study.get_trials(deepcopy=False)), "trial"), _changes(asked, study)
    return f"{asked.where} holds a study {asked.name!r} {whose}, with {trials}. {then}." + (
        f"\nIt is not the one asked for either:\n{_indented(changes)}" if changes else ""
    )


def _is_copy(home: Home, folder: StudyDir) -> bool:
    """Whether the folder that the study had last is still there, beside this one."""
    last = Path(home.folder)
    return home.is_on_this_host and identity_of(last).id == home.id and not last.samefile(folder.path)


def _changes(asked: Asked, study: optuna.Study) -> list[str]:
    text = study.user_attrs.get(_DEFINITION)
    return asked.folder.differences(yaml.safe_load(text), asked.definition) if text else []


def _indented(changes: list[str]) -> str:
    return "\n".join(f"  {change}" for change in changes)


def _home(study: optuna.Study) -> Home | None:
    found = study.user_attrs.get(_HOME)
    return Home(**found) if found else None


def _values(distribution: BaseDistribution) -> str:
    choices = getattr(distribution, "choices", None)
    if choices is not None:
        return ", ".join(map(str, choices))
    return f"{getattr(distribution, 'low', '?')} to {getattr(distribution, 'high', '?')}"
