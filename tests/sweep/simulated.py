"""Jobs in virtual time, for tests of the loop: no process, no folder; a day of training passes in a millisecond."""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from medqa_sweeps.errors import FailureKind, TrialError
from medqa_sweeps.jobs.contract import Job, JobEnded, Jobs, Reported
from medqa_sweeps.trial.folder import StopReason
from medqa_sweeps.trial.records import Outcome


@dataclass
class Course:
    """What a job will do, once it starts."""

    seconds: float = 1.0
    value: Any = 0.5
    reports: Sequence[tuple[float, Any]] = ()  # (share of the way, value)
    signature: str | None = None
    outcome: Outcome = Outcome.COMPLETED
    failure: FailureKind | None = None
    message: str = ""
    refused: TrialError | None = None  # raised when it is prepared


@dataclass
class SimulatedJobs(Jobs):
    """`course` tells what a job of a number and overrides will do."""

    slots: int
    course: Callable[[int, Sequence[str]], Course]
    now: float = 0.0
    earlier: dict[int, JobEnded] = field(default_factory=dict)
    started: list[tuple[int, float]] = field(default_factory=list)  # number, when
    prepared: list[int] = field(default_factory=list)
    stops: list[tuple[int, StopReason, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._events: list[tuple[float, int, Reported | JobEnded]] = []
        self._running: dict[int, Course] = {}
        self._order = 0

    @property
    def free(self) -> int:
        return self.slots - len(self._running)

    @property
    def running(self) -> Sequence[int]:
        return list(self._running)

    def prepare(self, number: int, overrides: Sequence[str]) -> Job:
        course = self.course(number, overrides)
        self.prepared.append(number)
        if course.refused:
            raise course.refused
        return Job(number, tuple(overrides), course.signature, course)

    def ended_before(self, number: int) -> JobEnded | None:
        return self.earlier.get(number)

    def start(self, job: Job) -> None:
        assert self.free > 0, "the loop starts only on a free slot"
        course: Course = job.prepared
        self.started.append((job.number, self.now))
        self._running[job.number] = course
        for share, value in course.reports:
            self._at(share * course.seconds, Reported(job.number, round(1000 * share), value))
        value = course.value if course.outcome is Outcome.COMPLETED else None
        ended = JobEnded(job.number, course.outcome, value, course.failure, course.message, signature=course.signature)
        self._at(course.seconds, replace(ended, seconds=course.seconds))

    def poll(self, timeout: float) -> list[Reported | JobEnded]:
        """Jumps to the next event, however far it is."""
        if not self._events:
            return []
        self.now = max(self.now, self._events[0][0])
        events = []
        while self._events and self._events[0][0] <= self.now:
            event = heapq.heappop(self._events)[2]
            if event.number in self._running:
                events.append(event)
                if isinstance(event, JobEnded):
                    del self._running[event.number]
        return events

    def stop(self, number: int, reason: StopReason, why: str = "") -> None:
        self.stops.append((number, reason, why))
        outcome = {StopReason.PRUNED: Outcome.PRUNED, StopReason.INTERRUPTED: Outcome.INTERRUPTED}.get(reason)
        self._at(0.0, JobEnded(number, outcome or Outcome.COMPLETED, message=why))

    def kill(self) -> None:
        for number in self._running:
            self._at(0.0, JobEnded(number, Outcome.INTERRUPTED))

    def close(self) -> None:
        self._running.clear()

    def _at(self, delay: float, event: Reported | JobEnded) -> None:
        self._order += 1
        heapq.heappush(self._events, (self.now + delay, self._order, event))
