"""The contract between a sweep's loop, which decides what runs next, and whatever runs it.

    prepare (check, compose; ahead of time) → start (on a free slot) → poll: reported …, ended

`TrialJobs` trains trials in their folders, `CallableJobs` runs any Hydra task function in a process of its own,
`BatchJobs` hands batches to a stock Hydra launcher. `tests/contracts/test_jobs.py` holds for all of them.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from medqa_sweeps.alarms import Alarm
from medqa_sweeps.errors import FailureKind
from medqa_sweeps.study.best import ScoredTrial
from medqa_sweeps.trial.folder import StopReason
from medqa_sweeps.trial.records import Outcome

POLL_SECONDS = 0.2  # at most so long until a Ctrl-C, a request or a silent trial is noticed


@dataclass(frozen=True)
class Job:
    """A job that could start now. Holds no process, no slot and no open file."""

    number: int  # of the trial in its study, from 0; names its folder
    overrides: tuple[str, ...]  # Hydra's words: "lora.r=8"
    signature: str | None = None  # equal signature, same experiment; None where a job has none
    prepared: Any = None  # what the implementation needs to start it


@dataclass(frozen=True)
class Reported:
    """A running job has scored itself on the way."""

    number: int
    samples_seen: int
    value: float | list[float]  # the objective so far; a list of several


@dataclass(frozen=True)
class JobEnded:
    """A job is over; no process of it is left, and its slot is free."""

    number: int
    outcome: Outcome  # interrupted: it can go on, from where it was, when it is started again
    value: Any = None  # the objective, or a sequence of several; None: there is none
    failure: FailureKind | None = None
    message: str = ""  # for people; of a failure, with its next step
    error: BaseException | None = None  # what the job itself raised, where that is known
    signature: str | None = None  # of the experiment; None where a job has none
    scored: ScoredTrial | None = None  # for the choice of the best; None: not a trial, or it cannot be ranked
    stopped: bool = False  # a person ended it before its planned training was done
    same_as: int | None = None  # number of the trial whose result it repeats, without having run
    seconds: float = 0.0  # that it worked, over all its attempts
    disk_bytes: int = 0  # that it has left on disk; 0 where nobody looks
    alarms: tuple[Alarm, ...] = ()  # reasons not to trust its score; empty where nobody looks
    resumes: str = ""  # of one that was interrupted: from where it goes on, after "it"; empty where nobody knows
    changed: str = ""  # of an earlier sweep's: what has changed since and can move digits; empty: nothing


class Jobs(ABC):
    """Runs jobs on slots. For one thread; close it, or use it as a context manager.

    A job that was started ends exactly once in `poll`, whatever happens to its processes, unless `close` comes first.
    """

    @property
    @abstractmethod
    def free(self) -> int:
        """Slots on which a job could start now."""

    @property
    @abstractmethod
    def running(self) -> Sequence[int]:
        """Numbers of the jobs that have started and not ended, in the order of their start."""

    @abstractmethod
    def prepare(self, number: int, overrides: Sequence[str]) -> Job:
        """A job that is composed and checked. Writes nothing; may be thrown away.

        Raises:
            TrialError: if it cannot run as asked, of the kind that says why.
        """

    def describe(self) -> Sequence[str]:
        """Lines for people: where the jobs will run, how many at a time."""
        return ()

    def ended_before(self, number: int) -> JobEnded | None:
        """How the job of that number ended in an earlier sweep; None if it has not, or nobody knows."""
        return None

    def note_waiting(self, jobs: int) -> None:
        """Take note of how many jobs are still to be started: see `Pool.note_waiting`."""
        return

    def not_run(self, ended: JobEnded, overrides: Sequence[str]) -> None:
        """A job has ended without having started: keep a record of it where jobs leave records."""
        return

    @abstractmethod
    def start(self, job: Job) -> None:
        """Begin, or go on with, a job. Only while `free` is above 0."""

    @abstractmethod
    def poll(self, timeout: float) -> list[Reported | JobEnded]:
        """What has happened since the last call, in order: at once if anything has, else within `timeout` seconds."""

    @abstractmethod
    def stop(self, number: int, reason: StopReason, why: str = "") -> None:
        """Ask a job to end soon, with a sentence for its record. One that cannot be asked is left to finish."""

    @abstractmethod
    def kill(self) -> None:
        """End every job now; `poll` tells each of them as interrupted."""

    @abstractmethod
    def close(self) -> None:
        """Kill what still runs and give the slots back. Nothing can be started afterwards."""

    def __enter__(self) -> "Jobs":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
