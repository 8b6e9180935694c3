"""One process at a time sweeps a study of a shared storage: a mark in the storage, with a beat, says which.

A folder has a lock, which the kernel lets go with the process. A database has none, and its other users may be on
other machines; so a mark that was left behind is told from a living one by its process, or by its beat.
"""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import optuna
import psutil

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.sweep.loop import Sweep
from medqa_sweeps.sweep.patience import StorageUnavailable

_MARK = "swept_by"  # attribute of a study
BEAT_SECONDS, WATCH_SECONDS = 15.0, 45.0
SETTLE_SECONDS = 1.0  # longer than another process takes to write its mark once it has seen none


@dataclass(frozen=True)
class Mark:
    """The process that sweeps a study."""

    host: str
    process: int
    started: float  # by the host's clock: numbers of processes are used again
    folder: str
    beat: int = 0

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}, in {self.folder}"

    def is_process_of(self, other: "Mark") -> bool:
        return (self.host, self.process, self.started) == (other.host, other.process, other.started)


@contextlib.contextmanager
def marked(study: optuna.Study, folder: Path, say: Callable[[str], None]) -> Iterator[Callable[[Sweep], None]]:
    """Mark the study as swept by this process; what comes back keeps the mark alive, called several times a second.

    Raises:
        ConfigError: if another living process sweeps it. One of another machine is watched for 45 seconds at most.
    """
    process = psutil.Process()
    own = Mark(socket.gethostname(), process.pid, process.create_time(), str(folder))
    there = _mark_of(study)
    if there and _is_alive(study, there, say):
        _refuse(study, there)
    study.set_user_attr(_MARK, asdict(own))
    time.sleep(SETTLE_SECONDS)
    try:
        there = _mark_of(study)
        if there and not there.is_process_of(own):  # it began at the same moment
            _refuse(study, there)
        yield _Beat(study, own)
    finally:
        with contextlib.suppress(StorageUnavailable):
            if (there := _mark_of(study)) and there.is_process_of(own):
                study.set_user_attr(_MARK, None)


class _Beat:
    def __init__(self, study: optuna.Study, own: Mark) -> None:
        self._study, self._own, self._beats = study, own, 0
        self._due = time.monotonic() + BEAT_SECONDS

    def __call__(self, sweep: Sweep) -> None:
        """Show that this sweep lives; stop it if another process has taken up its study."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + BEAT_SECONDS
        there = _mark_of(self._study)
        if there and not there.is_process_of(self._own):
            sweep.stop(f"{there} has taken up this study")
            return
        self._beats += 1
        self._study.set_user_attr(_MARK, {**asdict(self._own), "beat": self._beats})


def _is_alive(study: optuna.Study, mark: Mark, say: Callable[[str], None]) -> bool:
    if mark.host == socket.gethostname():
        try:
            return psutil.Process(mark.process).create_time() == mark.started
        except psutil.NoSuchProcess:
            return False
    say(f"Waiting    up to {WATCH_SECONDS:.0f} s, to see whether {mark} still sweeps this study")
    end = time.monotonic() + WATCH_SECONDS
    while time.monotonic() < end:
        time.sleep(min(1.0, WATCH_SECONDS / 10))
        if (now := _mark_of(study)) != mark:
            return now is not None
    return False


def _refuse(study: optuna.Study, mark: Mark) -> None:
    raise ConfigError(
        f"the study {study.study_name!r} in hydra.sweeper.storage is being swept by {mark}. Wait until it has ended, "
        "or choose another hydra.sweeper.study_name."
    )


def _mark_of(study: optuna.Study) -> Mark | None:
    found = study.user_attrs.get(_MARK)
    return Mark(**found) if found else None
