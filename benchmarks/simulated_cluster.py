"""A cluster in virtual time for the real pool and loop: nodes that fail, requests that wait in a queue, no process.

When a slot can be used is drawn beforehand and depends on nobody's choices: a *window* begins when a request has waited
its time in the queue and ends when the node fails. So a greedy schedule can be held to exactly the same cluster.
"""

import heapq
import random
import signal
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from medqa_sweeps.errors import FailureKind
from medqa_sweeps.jobs.contract import Job, JobEnded, Jobs, Reported
from medqa_sweeps.jobs.failures import another_attempt
from medqa_sweeps.pool.contract import Pool, ProcessHandle, Slot
from medqa_sweeps.pool.pilots import Ended, News, Pilot, PilotPool, Start
from medqa_sweeps.trial.folder import StopReason
from medqa_sweeps.trial.records import Outcome

MAX_ATTEMPTS = 2  # `engine.max_attempts` as it is by default
Window = tuple[float, float]  # seconds, from a grant to the failure of the node


@dataclass(frozen=True)
class Conditions:
    """What the cluster is like. Every wait, repair and time between failures is drawn from an exponential law."""

    slots: int = 1000
    slots_per_node: int = 8
    failures_an_hour: float = 0.02  # share of the nodes
    queue_seconds: float = 300.0  # mean, of each request
    repair_seconds: float = 1800.0  # mean, until a node that failed is back
    seed: int = 0

    def windows(self, horizon_seconds: float) -> list[list[Window]]:
        """By slot, in order, until the horizon."""
        draw, found = random.Random(self.seed), []
        for first in range(0, self.slots, self.slots_per_node):
            outages = list(self._outages(draw, horizon_seconds))
            for _ in range(first, min(first + self.slots_per_node, self.slots)):
                found.append(list(self._windows(draw, outages)))
        return found

    def _outages(self, draw: random.Random, horizon_seconds: float) -> Iterator[tuple[float, float]]:
        """From when to when a node is down; the last lies beyond the horizon."""
        back = 0.0
        while back < horizon_seconds:
            fails = back + draw.expovariate(self.failures_an_hour / 3600)
            back = fails + draw.expovariate(1 / self.repair_seconds)
            yield fails, back

    def _windows(self, draw: random.Random, outages: Sequence[tuple[float, float]]) -> Iterator[Window]:
        asked = 0.0
        for fails, back in outages:
            begins = asked + draw.expovariate(1 / self.queue_seconds)
            if begins < fails:
                yield begins, fails
            asked = back


def greedy_seconds(seconds: Sequence[float], windows: Sequence[Sequence[Window]]) -> float:
    """How long the jobs take if each begins, in order, the moment that a slot can be used; one whose node fails begins
    anew before all others, as often as `MAX_ATTEMPTS` allows. Nothing else takes time."""
    attempts = [0] * len(seconds)
    waiting = deque(range(len(seconds)))
    ahead = [deque(of_slot) for of_slot in windows]
    events: list[tuple[float, int, str, int]] = []  # when, slot, what, job
    idle: list[tuple[int, float]] = []  # slot, end of its window
    now = last = 0.0

    def next_window(slot: int) -> None:
        if ahead[slot]:
            heapq.heappush(events, (max(now, ahead[slot][0][0]), slot, "granted", -1))

    for slot in range(len(windows)):
        next_window(slot)
    left = len(seconds)
    while left:
        now, slot, what, job = heapq.heappop(events)
        if what == "lost":
            attempts[job] += 1
            if attempts[job] < MAX_ATTEMPTS:
                waiting.appendleft(job)
            else:
                left, last = left - 1, now
            ahead[slot].popleft()
            next_window(slot)
        else:
            left -= what == "done"
            last = now if what == "done" else last
            idle.append((slot, ahead[slot][0][1]))
        while waiting and idle:
            slot, ends = idle.pop()
            if ends <= now:  # its node failed while it had nothing to do
                ahead[slot].popleft()
                next_window(slot)
                continue
            job = waiting.popleft()
            done = now + seconds[job]
            heapq.heappush(events, (done, slot, "done", job) if done <= ends else (ends, slot, "lost", job))
    return last


class VirtualClock:
    """Seconds that are skipped, and on top of them, if it is charged, the CPU time of this process. CPU time does not
    depend on what else the machine does; what a disk makes the process wait for is not in it.

    Args:
        is_charged: false: only what `charge` adds takes time, so that the same seed gives the same course.
    """

    def __init__(self, is_charged: bool) -> None:
        self._is_charged, self._began, self._skipped = is_charged, time.process_time(), 0.0
        self.charged = 0.0

    def monotonic(self) -> float:
        return self._skipped + (time.process_time() - self._began) * self._is_charged

    def charge(self, seconds: float) -> None:
        """Let time pass for work that is not done here, and whose cost was measured elsewhere."""
        self._skipped += seconds
        self.charged += seconds

    def skip_until(self, moment: float) -> None:
        self._skipped += max(0.0, moment - self.monotonic())

    @contextmanager
    def instead_of_the_real_one(self) -> Iterator[None]:
        """`time.monotonic` of the whole process: pool, loop, table and storage know no other clock."""
        with patch("time.monotonic", self.monotonic):
            yield


class SimulatedPilot(Pilot):
    """A request; how it fares, the cluster decides."""

    def __init__(self, cluster: "SimulatedCluster", slot: int) -> None:
        self._cluster, self._index = cluster, slot
        self._news = News()
        self._granted: Slot | None = None
        self.process = 0  # number of the one that runs, from 1; 0: none

    @property
    def id(self) -> str:
        return f"slot {self._index}"

    def look(self) -> News:
        self.slot = self._granted
        news, self._news = self._news, News()
        return news

    def grant(self, slot: Slot) -> None:
        self._granted = slot

    def start(self, what: Start) -> None:
        self._news.started = True
        self.process = self._cluster.run(self, int(Path(what.arguments[0]).name))

    def finish(self, code: int) -> None:
        self.process, self._news.ended = 0, Ended(code)

    def kill(self) -> None:
        if self.process:
            self.finish(-signal.SIGKILL)

    def fail(self, why: str) -> None:
        self.process, self.over = 0, why

    def end(self) -> None:
        if not self.over:
            self.fail("given back")
            self._cluster.take_back(self._index)

    def wait_for_end(self) -> None:
        return


class SimulatedCluster:
    """Grants slots in their windows, ends processes after their seconds, or with their node.

    Args:
        seconds: of each job, by number.
    """

    def __init__(
        self, clock: VirtualClock, windows: Sequence[Sequence[Window]], slots_per_node: int, seconds: Sequence[float]
    ) -> None:
        self._clock, self._slots_per_node, self._seconds = clock, slots_per_node, seconds
        self._ahead = [deque(of_slot) for of_slot in windows]
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = self._processes = 0
        self._unheld: list[tuple[float, int]] = []  # when it can be granted, slot
        for slot in range(len(windows)):
            self.take_back(slot)
        self.lost_slots = 0  # with their nodes

    def ask(self, without: Collection[str]) -> Pilot:
        passed_over = []
        while self._node_of(self._unheld[0][1]) in without:
            passed_over.append(heapq.heappop(self._unheld))
        slot = heapq.heappop(self._unheld)[1]
        for one in passed_over:
            heapq.heappush(self._unheld, one)
        pilot = SimulatedPilot(self, slot)
        begins, ends = self._window(slot)
        self._at(begins, lambda: self._grant(pilot, slot))
        self._at(ends, lambda: self._fail(pilot, slot))
        return pilot

    def take_back(self, slot: int) -> None:
        """Nobody holds it: it can be asked for."""
        heapq.heappush(self._unheld, (self._window(slot)[0], slot))

    def run(self, pilot: SimulatedPilot, job: int) -> int:
        """The number of the process that has begun."""
        self._processes += 1
        process = self._processes
        ends = self._clock.monotonic() + self._seconds[job]
        self._at(ends, lambda: pilot.finish(0) if pilot.process == process else None)
        return process

    def listen(self, seconds: float) -> None:
        """Skip to the next thing that happens, but no further than this; what is due by then happens."""
        until = self._clock.monotonic() + seconds
        self._clock.skip_until(min(until, self._events[0][0]) if self._events else until)
        now = self._clock.monotonic()
        while self._events and self._events[0][0] <= now:
            heapq.heappop(self._events)[2]()

    def _grant(self, pilot: SimulatedPilot, slot: int) -> None:
        if pilot.over:
            return
        node = self._node_of(slot)
        pilot.grant(Slot(f"{node} slot {slot}", node))

    def _node_of(self, slot: int) -> str:
        return f"n{slot // self._slots_per_node}"

    def _fail(self, pilot: SimulatedPilot, slot: int) -> None:
        if not pilot.over:  # else it was given back
            self.lost_slots += 1
            pilot.fail("the node failed")
            self.take_back(slot)

    def _window(self, slot: int) -> Window:
        """The one that is open, or the next."""
        while self._ahead[slot][0][1] <= self._clock.monotonic():
            self._ahead[slot].popleft()
        return self._ahead[slot][0]

    def _at(self, when: float, happens: Callable[[], None]) -> None:
        self._order += 1
        heapq.heappush(self._events, (when, self._order, happens))


@dataclass
class _Running:
    process: ProcessHandle
    failures: list[FailureKind] = field(default_factory=list)


@dataclass(frozen=True)
class Costs:
    """What the parent spends on trials' folders and configs, seconds; the simulation has none and charges this."""

    prepare: float = 0.0
    start: float = 0.0
    look: float = 0.0  # into one running trial's folder, at each poll
    end: float = 0.0


class SimulatedTrials(Jobs):
    """Jobs on a real pool, with the attempts of `TrialJobs` and without folders.

    Args:
        value: of a job, by number.
    """

    def __init__(self, pool: Pool, clock: VirtualClock, costs: Costs, value: Callable[[int], float]) -> None:
        self._pool, self._clock, self._costs, self._value = pool, clock, costs, value
        self._running: dict[int, _Running] = {}
        self.attempts_lost = 0
        self.starts = 0
        self.polls = 0

    @property
    def free(self) -> int:
        return self._pool.free

    @property
    def running(self) -> Sequence[int]:
        return list(self._running)

    def note_waiting(self, jobs: int) -> None:
        self._pool.note_waiting(jobs)

    def prepare(self, number: int, overrides: Sequence[str]) -> Job:
        self._clock.charge(self._costs.prepare)
        return Job(number, tuple(overrides))

    def start(self, job: Job) -> None:
        self._clock.charge(self._costs.start)
        self._running[job.number] = _Running(self._process(job.number))

    def poll(self, timeout: float) -> list[Reported | JobEnded]:
        self.polls += 1
        exits = self._pool.wait(timeout)
        self._clock.charge(self._costs.look * len(self._running))
        ended: list[Reported | JobEnded] = []
        by_process = {id(one.process): number for number, one in self._running.items()} if exits else {}
        for one in exits:
            ended += self._after(by_process[id(one.process)], one.code, one.slot.device_id)
        return ended

    def stop(self, number: int, reason: StopReason, why: str = "") -> None:
        return

    def kill(self) -> None:
        for one in self._running.values():
            self._pool.kill(one.process)

    def close(self) -> None:
        self._running.clear()

    def _process(self, number: int, avoid: Sequence[str] = ()) -> ProcessHandle:
        self.starts += 1
        return self._pool.start("simulated", [str(number)], {}, Path("log"), avoid)

    def _after(self, number: int, code: int, node: str) -> list[JobEnded]:
        running = self._running[number]
        if code == 0:
            del self._running[number]
            self._clock.charge(self._costs.end)
            return [JobEnded(number, Outcome.COMPLETED, self._value(number))]
        running.failures.append(FailureKind.KILLED)
        self.attempts_lost += 1
        if another_attempt(running.failures, MAX_ATTEMPTS):
            running.process = self._process(number, [node])
            return []
        del self._running[number]
        return [JobEnded(number, Outcome.FAILED, failure=FailureKind.KILLED, message="its node failed")]


def cluster_of(
    clock: VirtualClock, conditions: Conditions, windows: Sequence[Sequence[Window]], seconds: Sequence[float]
) -> tuple[SimulatedCluster, PilotPool]:
    """The cluster and a real pool on it. The clock must be the process's by now."""
    cluster = SimulatedCluster(clock, windows, conditions.slots_per_node, seconds)
    return cluster, PilotPool(cluster.ask, cluster.listen, conditions.slots)
