"""Optuna's record of a study: its journal in the study's folder, the study's name in it, and the objective it keeps."""

import contextlib
import errno
import json
import os
import time
import warnings
from pathlib import Path
from typing import Any

import optuna
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalStorage

from medqa_sweeps.durable.lines import repair_lines
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.study.objective import ACCURACY, Objective, typed
from medqa_sweeps.study_identity import identity_of
from medqa_sweeps.sweep.knob import contains
from medqa_sweeps.sweep.search_space import SearchSpace

_LOCK_SECONDS = 5.0  # that one try waits for the lock, as SQLite does for its own
_STALE_SECONDS = 30.0  # after which a lock that nobody touches is a dead process's; Optuna's own number


def journal_of(folder: StudyDir) -> JournalStorage:
    """Optuna's storage in a study's folder; a line that a killed process left half-written is cut off first."""
    repair_lines(folder.journal_file)
    for stale in folder.path.glob(f"{folder.journal_file.name}.lock*"):  # a killed process's; the study is ours alone
        stale.unlink(missing_ok=True)
    return _storage_in(folder.journal_file)


def renew_journal(folder: StudyDir, study_name: str, space: SearchSpace) -> None:
    """Rewrite the journal for a space whose lists have changed, which Optuna does not allow in one study.

    A trial keeps its number, and the values that are still there; the others are in its own folder.
    """
    before = optuna.load_study(study_name=study_name, storage=journal_of(folder))
    renewed = folder.journal_file.with_name(f".{folder.journal_file.name}.renewed")
    renewed.unlink(missing_ok=True)
    now = optuna.create_study(
        storage=_storage_in(renewed),
        study_name=study_name,
        directions=before.directions,
    )
    _set_metric_names(now, before.metric_names)
    for name, value in before.user_attrs.items():
        now.set_user_attr(name, value)
    for trial in before.get_trials():
        distributions = {name: space.distributions.get(name, old) for name, old in trial.distributions.items()}
        kept = {name: value for name, value in trial.params.items() if contains(distributions[name], value)}
        now.add_trial(
            optuna.trial.create_trial(
                state=trial.state,
                values=trial.values,
                params=kept,
                distributions={name: distributions[name] for name in kept},
                user_attrs=trial.user_attrs,
                system_attrs=trial.system_attrs,
                intermediate_values=trial.intermediate_values,
            )
        )
    renewed.replace(folder.journal_file)


def stored_name(folder: StudyDir) -> str | None:
    """The study's name in its storage, which stays when the folder is renamed; None: there is no study yet."""
    if name := identity_of(folder.path).name:
        return name
    if not folder.journal_file.exists():
        return None
    names = optuna.get_all_study_names(journal_of(folder))  # an earlier version kept it nowhere else
    return names[0] if len(names) == 1 else None


def settle_objective(study: optuna.Study, objective: Objective) -> None:
    """Make sure that Optuna's study, which may be an earlier one of its name, has this objective; name its values.

    Raises:
        ConfigError: if it has another one.
    """
    directions = [direction.name.lower() for direction in study.directions]
    begun = [ACCURACY.name] if study.get_trials(deepcopy=False) else objective.names  # older studies name no metric
    names = study.metric_names or (begun if objective.metrics else [])
    if directions != list(objective.directions) or names != objective.names:
        raise ConfigError(
            f"hydra.sweeper.storage holds a study {study.study_name!r} with another objective: "
            f"{f'metric={typed(names)}, ' if names else ''}direction={typed(directions)}. Choose another "
            "hydra.sweeper.study_name."
        )
    if study.metric_names is None:
        _set_metric_names(study, names)


def _set_metric_names(study: optuna.Study, names: list[str] | None) -> None:
    if names:
        with warnings.catch_warnings(action="ignore", category=optuna.exceptions.ExperimentalWarning):
            study.set_metric_names(names)


def _storage_in(file: Path) -> JournalStorage:
    return JournalStorage(_Backend(str(file), _Lock(str(file))))


class _Lock(JournalFileOpenLock):
    """Optuna's own default is a symbolic link, which not every disk has; both kinds respect each other.

    Optuna waits without end for a lock that is alive. Here somebody else decides how long: see `patience.py`.
    """

    def __init__(self, file: str) -> None:
        super().__init__(file)
        self._seen: tuple[int, float] = (0, 0.0)  # when it was touched, and since when it is known not to be

    def acquire(self) -> bool:
        """
        Raises:
            TimeoutError: if another process has held it all the time.
            OSError: if it cannot be made.
        """
        end = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                os.close(os.open(self._lock_file, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
                return True
            except FileExistsError:
                self._remove_stale()
            if time.monotonic() > end:
                raise TimeoutError(errno.ETIMEDOUT, f"another process holds {Path(self._lock_file).name}")
            time.sleep(0.01)

    def release(self) -> None:
        with contextlib.suppress(RuntimeError):  # this process was halted for so long that another took the lock
            super().release()

    def _remove_stale(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            touched = os.lstat(self._lock_file).st_mtime_ns
            if touched != self._seen[0]:
                self._seen = (touched, time.monotonic())
            elif time.monotonic() - self._seen[1] > _STALE_SECONDS:
                self.release()


class _Backend(JournalFileBackend):
    """Optuna's, which a full disk leaves without half a line: whoever wrote behind one would break the journal."""

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """
        Raises:
            OSError: if they cannot be written; then nothing was.
        """
        text = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        self._lock.acquire()
        try:
            before = os.path.getsize(self._file_path)
            try:
                with open(self._file_path, "ab") as file:
                    file.write(text.encode())
                    file.flush()
                    os.fsync(file.fileno())
            except OSError:
                os.truncate(self._file_path, before)  # closed by now: until then it tries to write the rest
                raise
        finally:
            self._lock.release()
