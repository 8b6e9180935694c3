"""A pool of slots that come and go. A slot is a *pilot*: a request to a cluster, then what the cluster granted, until
either side ends it. Each kind of cluster implements `Pilot`; `PilotPool` is the same for all.

Pilots are asked for as long as processes wait for them, each by itself: the first that comes is used at once. One that
the cluster takes away is asked for again, one for which nothing waits is given back.
"""

import itertools
import signal
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from medqa_sweeps.errors import InternalError
from medqa_sweeps.pool.contract import Pool, ProcessExit, ProcessHandle, Slot
from medqa_sweeps.pool.failing_devices import FailingDevices

_QUEUED = Slot("in the queue", "")  # of a process that waits for a pilot
_LISTEN_SECONDS = 0.2
_FIRST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS = 1.0, 60.0  # until a request that failed is made again
_HOPELESS = 4  # requests that failed one after the other while nothing was granted
_RECONSIDER_SECONDS = 60.0  # between two looks whether anything can run without the nodes that are out of service


@dataclass(frozen=True)
class Start:
    """What a process needs to start."""

    module: str
    arguments: list[str]
    environment: dict[str, str]
    log: Path
    avoid: Collection[str] = ()


@dataclass(frozen=True)
class Ended:
    """How a pilot's process ended."""

    code: int
    cause: str = ""


@dataclass
class News:
    """What a pilot has to tell since the last look."""

    started: bool = False
    ended: Ended | None = None


class Pilot(ABC):
    """One slot of a cluster, from its request to its end. It runs one process at a time."""

    slot: Slot | None = None  # None: it waits in the cluster's queue; its `device_id` is the name of its node
    notice: str = ""  # why it is about to end, for users; empty: it is not
    over: str = ""  # why it has ended, for users; empty: it has not
    failed_node: str = ""  # where it was, if it is over because that node failed it; empty: it ended for another reason

    @abstractmethod
    def look(self) -> News:
        """Brings `slot`, `notice` and `over` up to date, without waiting."""

    @property
    @abstractmethod
    def id(self) -> str:
        """Its name in the cluster's own tools; meaningful once it has a slot."""

    @abstractmethod
    def start(self, what: Start) -> None:
        """Start a process; `look` tells when it has started, and how it ended."""

    @abstractmethod
    def kill(self) -> None:
        """Kill its process now; nothing if none runs."""

    @abstractmethod
    def end(self) -> None:
        """Give the slot back, or withdraw the request, and kill its process; does not wait for the cluster."""

    @abstractmethod
    def wait_for_end(self) -> None:
        """Return when nothing of an ended pilot is left, as far as this machine can know."""


@dataclass(eq=False)
class _Work:
    """A process of ours, which runs on a pilot or waits for one."""

    handle: ProcessHandle
    start: Start
    killed: bool = False


class PilotPool(Pool):
    """Processes on pilots.

    Args:
        ask: requests another pilot, at once, on none of the nodes of these names.
        listen: waits until a pilot may have news, for at most so many seconds.
        at_most: most pilots at the same time, 1 or more.
        at_least: no process starts before this many were granted for the first time.
        sentences: for users, about the slots.
        say: tells users what happens to slots on which nothing runs, and to nodes that fail.
        runs_without: whether the cluster has other nodes for such slots than these, as far as it answers; by default
            it has those that have granted a slot.
        look_at: the command that shows users a node's state; empty: there is none.
        leave: ends the connection to the cluster, when the pool is closed.
    """

    def __init__(
        self,
        ask: Callable[[Collection[str]], Pilot],
        listen: Callable[[float], None],
        at_most: int,
        at_least: int = 1,
        sentences: Sequence[str] = (),
        say: Callable[[str], None] = lambda sentence: None,
        runs_without: Callable[[Collection[str]], bool | None] | None = None,
        look_at: Callable[[str], str] = lambda node: "",
        leave: Callable[[], None] = lambda: None,
    ) -> None:
        self._ask, self._listen, self._at_most, self._at_least = ask, listen, at_most, at_least
        self._sentences, self._say, self._leave = sentences, say, leave
        self._nodes: set[str] = set()  # that have granted a slot
        self._failing = FailingDevices(runs_without or self._knows_another, say, look_at)
        self._reconsider_at = 0.0
        self._granted_at: dict[Pilot, float] = {}
        self._failed_at: dict[str, float] = {}  # by node, when it failed last
        self._lost = itertools.count()  # slots on which nothing ran
        self._waiting: int | None = None  # processes still to be started; None: nobody has said, so all slots are held
        self._pilots: list[Pilot] = []
        self._leaving: list[Pilot] = []  # given back, and not over yet
        self._queue: list[_Work] = []
        self._busy: dict[Pilot, _Work] = {}
        self._begun = self._closed = False
        self._failed, self._retry_at = 0, 0.0  # requests that failed one after the other; when to make the next
        self._balance()

    @property
    def slots(self) -> Sequence[Slot]:
        return [pilot.slot for pilot in self._pilots if pilot.slot is not None]

    @property
    def free(self) -> int:
        return max(0, len(self._idle()) - len(self._queue)) if self._begun else 0

    def describe(self) -> Sequence[str]:
        return self._sentences

    def note_peak_memory(self, peak_bytes: int) -> None:
        """Nothing: what a slot holds was asked of the cluster."""

    def note_waiting(self, processes: int) -> None:
        self._waiting = processes
        self._balance()

    def note_outcome(self, slot: Slot, log: Path, device_failed: bool) -> None:
        self._failing.note(slot, str(log), device_failed)
        self._reconsider_at = time.monotonic() + _RECONSIDER_SECONDS

    def start(
        self,
        module: str,
        arguments: list[str],
        environment: dict[str, str],
        log: Path,
        avoid: Collection[str] = (),
    ) -> ProcessHandle:
        if self._closed:
            raise InternalError("this pool was closed; nothing can be started")
        work = _Work(ProcessHandle("queued", _QUEUED), Start(module, arguments, environment, log, avoid))
        self._queue.append(work)
        self._waiting = max(0, self._waiting - 1) if self._waiting is not None else None
        self._assign()
        return work.handle

    def wait(self, timeout: float) -> list[ProcessExit]:
        end = time.monotonic() + timeout
        while True:
            exits = self._look()
            left = end - time.monotonic()
            if exits or left <= 0:
                return exits
            self._listen(min(left, _LISTEN_SECONDS))

    def kill(self, process: ProcessHandle) -> None:
        for pilot, work in self._busy.items():
            if work.handle is process:
                work.killed = True
                pilot.kill()
        for work in self._queue:
            work.killed = work.killed or work.handle is process

    def close(self) -> None:
        self._closed = True
        for pilot in self._pilots:
            pilot.end()
        for pilot in [*self._pilots, *self._leaving]:
            pilot.wait_for_end()
        for held in (self._pilots, self._leaving, self._queue, self._busy):
            held.clear()
        self._leave()

    def _look(self) -> list[ProcessExit]:
        exits: list[ProcessExit] = []
        for pilot in list(self._leaving):
            pilot.look()
            if pilot.over:
                self._leaving.remove(pilot)
        for pilot in list(self._pilots):
            before, news = pilot.slot, pilot.look()
            if pilot.slot is not None and before is None:
                self._failed = 0
                self._nodes.add(pilot.slot.device_id)
                self._granted_at[pilot] = time.monotonic()
                self._begun = self._begun or len(self.slots) >= self._at_least
            work = self._busy.get(pilot)
            if work is not None:
                if news.started:
                    work.handle.began_at = time.monotonic()
                work.handle.notice = pilot.notice
                if news.ended is not None:
                    del self._busy[pilot]
                    exits.append(ProcessExit(work.handle, news.ended.code, news.ended.cause))
            if pilot.over:
                exits += self._without(pilot)
        exits += [ProcessExit(work.handle, -signal.SIGKILL) for work in self._queue if work.killed]
        self._queue = [work for work in self._queue if not work.killed]
        self._assign()
        self._balance()
        return exits

    def _without(self, pilot: Pilot) -> list[ProcessExit]:
        """The end of what ran on a pilot that is over; what had not started there waits for another one."""
        self._pilots.remove(pilot)
        work = self._busy.pop(pilot, None)
        if pilot.failed_node and not self._closed:
            log = work.start.log if work else Path(f"without work {next(self._lost)}")
            slot, at_once = pilot.slot or Slot("", pilot.failed_node), not self._is_another_failure(pilot)
            self._failing.note(slot, str(log), device_failed=True, at_once=at_once)
            self._reconsider_at = time.monotonic() + _RECONSIDER_SECONDS
        self._granted_at.pop(pilot, None)
        if pilot.slot is None:
            self._request_failed(pilot.over)
        if work is None:
            if pilot.slot is not None and not self._closed:
                self._say(
                    f"{pilot.slot.name} is gone ({pilot.notice or pilot.over}); another slot is asked for if needed"
                )
            return []
        if work.handle.began_at is None and not work.killed:
            work.handle.slot, work.handle.notice = _QUEUED, ""
            self._queue.insert(0, work)
            return []
        return [ProcessExit(work.handle, -signal.SIGKILL, pilot.notice or pilot.over)]

    def _is_another_failure(self, pilot: Pilot) -> bool:
        """Whether its node has failed once more: slots that were there when it failed are lost at once, and count
        once. A node that restarts after one failure may be as good as any."""
        granted_at, failed_at = self._granted_at.get(pilot), self._failed_at.get(pilot.failed_node)
        if granted_at is not None and failed_at is not None and granted_at <= failed_at:
            return False
        self._failed_at[pilot.failed_node] = time.monotonic()
        return True

    def _request_failed(self, why: str) -> None:
        """
        Raises:
            InternalError: if one after the other failed and no slot was ever granted, or none is left.
        """
        self._failed += 1
        if self._failed >= _HOPELESS and not self.slots:
            raise InternalError(f"No slot is granted, {self._failed} requests failed. The last: {why}")
        delay = min(_LONGEST_DELAY_SECONDS, _FIRST_DELAY_SECONDS * 2 ** (self._failed - 1))
        self._retry_at = time.monotonic() + delay
        if self._failed == 1:
            self._say(f"A request for a slot failed and is made again: {why}")

    def _assign(self) -> None:
        """Start what waits on the pilots that are idle: on an idle device rather than a busy one, and on one to avoid
        only if there is no other."""
        if not self._begun:
            return
        while self._queue and (idle := self._idle()):
            work = self._queue.pop(0)
            busy = Counter(one.handle.slot.device_id for one in self._busy.values())
            avoid = work.start.avoid

            def rank(slot: Slot | None, busy: Counter[str] = busy, avoid: Collection[str] = avoid) -> tuple[bool, int]:
                assert slot is not None
                return slot.device_id in avoid, busy[slot.device_id]

            pilot = min(idle, key=lambda pilot: rank(pilot.slot))
            assert pilot.slot is not None
            self._busy[pilot] = work
            work.handle.slot, work.handle.id = pilot.slot, pilot.id
            given = {**work.start.environment, **pilot.slot.environment}
            pilot.start(Start(work.start.module, work.start.arguments, given, work.start.log))

    def _balance(self) -> None:
        """As many pilots as there is work for: more are asked for, or those that nothing needs are given back."""
        if self._closed:
            return
        self._leave_failing_nodes()
        wanted = self._at_most
        if self._waiting is not None:
            wanted = min(wanted, len(self._busy) + len(self._queue) + self._waiting)
            self._at_least = min(self._at_least, max(1, wanted))  # with less work than that nobody waits for more
        lasting = [pilot for pilot in self._pilots if not pilot.notice and not self._is_out(pilot)]
        for _ in range(wanted - len(lasting)):
            if time.monotonic() < self._retry_at:
                return
            self._pilots.append(self._ask(tuple(self._failing.out)))
        pending = [pilot for pilot in reversed(lasting) if pilot.slot is None]
        for pilot in [*pending, *self._idle()][: max(0, len(lasting) - wanted)]:
            self._give_back(pilot)

    def _leave_failing_nodes(self) -> None:
        """Give back what is idle on nodes that are out of service: a slot that was asked for before may be there. Where
        no slot is left, ask again whether the nodes can be done without: the others may have failed since."""
        for pilot in [one for one in self._pilots if self._is_out(one) and one not in self._busy]:
            self._give_back(pilot)
        if not self.slots and time.monotonic() > self._reconsider_at:
            self._reconsider_at = time.monotonic() + _RECONSIDER_SECONDS
            if self._failing.reconsider():
                for pilot in list(self._pilots):  # requests that leave those nodes out
                    self._give_back(pilot)

    def _give_back(self, pilot: Pilot) -> None:
        self._pilots.remove(pilot)
        self._granted_at.pop(pilot, None)
        self._leaving.append(pilot)
        pilot.end()

    def _is_out(self, pilot: Pilot) -> bool:
        """Whether it is on a node that is out of service."""
        return pilot.slot is not None and pilot.slot.device_id in self._failing.out

    def _knows_another(self, out: Collection[str]) -> bool:
        return not self._nodes <= set(out)

    def _idle(self) -> list[Pilot]:
        """Pilots on which a process can start."""
        able = [one for one in self._pilots if one.slot and not one.notice and not one.over and not self._is_out(one)]
        return [one for one in able if one not in self._busy]
