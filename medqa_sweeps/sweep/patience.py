"""A storage that answers late or is gone for a while: the sweep waits for it, and stops in a sentence if it stays away.

A viewer or a backup locks a SQLite file, a database server starts again, a disk is full: minutes later all is well.
Running trials need no storage, so they go on meanwhile, and how a trial ended stands in its folder.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.wording import duration

PATIENCE_SECONDS = 300.0  # longer than a server takes to start again or a backup to copy a study
_PAUSE_SECONDS = 1.0  # between two tries; SQLite itself waits 5 s for a lock before it says no
_LIBRARIES = ("sqlalchemy", "redis", "grpc")  # whose errors mean that a storage did not answer
Answer = TypeVar("Answer")


class StorageUnavailable(ConfigError):
    """The storage has not answered for so long that the sweep must end."""


class Patience:
    """How a sweep waits for its storage.

    Args:
        where: the storage, for people.
    """

    def __init__(self, where: str = "hydra.sweeper.storage", seconds: float | None = None) -> None:
        self.where, self._seconds = where, PATIENCE_SECONDS if seconds is None else seconds
        self.say: Callable[[str], None] = print
        self.is_over: Callable[[], bool] = lambda: False  # whether nobody wants to wait any more
        self._is_lost = False  # it was waited for in vain: from then on every call is tried once

    def until_answered(self, ask: Callable[[], Answer]) -> Answer:
        """What `ask` returns, asked again and again while the storage does not answer.

        Raises:
            StorageUnavailable: if it has not answered for the time that is said, or people do not want to wait.
        """
        began, waits = time.monotonic(), False
        while True:
            try:
                answer = ask()
            except Exception as error:
                if not _is_of_the_storage(error):
                    raise
                why = _in_words(error)
                waited = time.monotonic() - began
                if self._is_lost or self.is_over() or waited >= self._seconds:
                    self._is_lost = True
                    raise StorageUnavailable(
                        f"{self.where} has not answered for {duration(waited)} ({why}); once it does, the same command "
                        "resumes the study"
                    ) from error
                if not waits:
                    waits = True
                    self.say(
                        f"{self.where} does not answer ({why}). Waiting for it, up to {duration(self._seconds)}; "
                        "running trials continue meanwhile."
                    )
                time.sleep(min(_PAUSE_SECONDS, self._seconds))
            else:
                if waits:
                    self.say(f"{self.where} answers again, after {duration(time.monotonic() - began)}.")
                return answer


class _Patient(BaseStorage):
    """Another storage, each call of which is repeated until it is answered."""

    def __init__(self, storage: BaseStorage, patience: Patience) -> None:
        self._storage, self._patience = storage, patience


def _patiently(name: str) -> Callable[..., Any]:
    def call(self: _Patient, *arguments: Any, **named: Any) -> Any:
        return self._patience.until_answered(partial(getattr(self._storage, name), *arguments, **named))

    return call


def _state_set(self: _Patient, trial_id: int, state: TrialState, values: Any = None) -> bool:
    """Whether the call has put the trial in the state: its first try, where its answer was lost, or a later one."""
    tries = 0

    def ask() -> bool:
        nonlocal tries
        tries += 1
        try:
            is_set = self._storage.set_trial_state_values(trial_id, state, values)
        except UpdateFinishedTrialError:
            if tries == 1:
                raise
            is_set = False
        return is_set or (tries > 1 and self._storage.get_trial(trial_id).state is state)

    return self._patience.until_answered(ask)


_CALLS = {name: _patiently(name) for name in dir(BaseStorage) if not name.startswith("_")}
_PatientStorage: Any = type("PatientStorage", (_Patient,), _CALLS | {"set_trial_state_values": _state_set})


def patient(storage: BaseStorage, patience: Patience) -> BaseStorage:
    """The same storage, waited for while it does not answer."""
    made: BaseStorage = _PatientStorage(storage, patience)
    return made


def _is_of_the_storage(error: Exception) -> bool:
    library = type(error).__module__.partition(".")[0]
    return isinstance(error, OSError | StorageInternalError) or library in _LIBRARIES


def _in_words(error: Exception) -> str:
    """What the database, the server or the system said, in one line."""
    cause = error.__cause__ or error
    told = getattr(cause, "orig", None) or getattr(cause, "strerror", None) or cause
    return str(told).strip().partition("\n")[0].rstrip(".") or type(cause).__name__
