"""Slots, and the processes that work on them: the contract between jobs and whatever machine they run on.

`LocalPool` is this machine. An engine that reaches others over a shared file system fits behind the same contract:
what passes through it is a module's name, folders and a log. `tests/contracts/test_pool.py` holds for every pool.
"""

import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from medqa_sweeps.pool.children import Children


class SlotLike(Protocol):
    """A place on a device where one process works at a time."""

    @property
    def name(self) -> str: ...

    @property
    def device_id(self) -> str: ...

    def environment(self) -> dict[str, str]:
        """What a process on this slot finds in its environment besides what its job gives it."""


@dataclass(frozen=True)
class Gone:
    """A process is over, with every process of its group, and its slot is free."""

    key: int
    code: int  # its exit code; negative: the signal that killed it
    slot: SlotLike
    cause: str = ""  # in words, where more is known than the signal


class Pool(ABC):
    """Runs `module.main(arguments) -> int` in processes on slots. For one thread; close it, or use it as a context
    manager. What was started ends exactly once in `wait`, unless `close` comes first."""

    @property
    @abstractmethod
    def slots(self) -> Sequence[SlotLike]:
        """All slots, taken or free."""

    @property
    @abstractmethod
    def free(self) -> int:
        """Slots on which a process could start now; none while the first imports are under way, which `wait` awaits."""

    def describe(self) -> Sequence[str]:
        """Sentences for people: what the slots are."""
        return ()

    def learn(self, peak_bytes: int) -> None:
        """Hear how much memory a trial has held: a pool that had to guess may open more slots."""

    @abstractmethod
    def start(
        self,
        key: int,
        module: str,
        arguments: list[str],
        environment: dict[str, str],
        log: Path,
        avoid: Collection[str] = (),
    ) -> SlotLike:
        """The slot of a new process. For a first attempt only while `free` is above 0; on a slot that has just become
        free at once, whatever that says.

        Args:
            key: what `wait` and `signal` call the process; of no other that runs.
            environment: all of it; the slot's own goes over it.
            avoid: ids of devices to be used only if no other has a free slot.

        Raises:
            InternalError: if nothing can be started any more.
        """

    @abstractmethod
    def wait(self, timeout: float) -> list[Gone]:
        """The processes that have ended since the last call: at once if any have, else within `timeout` seconds."""

    @abstractmethod
    def signal(self, key: int, number: signal.Signals) -> None:
        """Send a signal to a process and its group; nothing if it is gone."""

    @abstractmethod
    def close(self) -> None:
        """Kill what still runs. Afterwards nothing can be started."""

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class LocalPool(Pool):
    """Children on this machine's slots; it closes the children with itself.

    Args:
        stagger_seconds: least time between two starts on one device, so that two loads do not peak together.
    """

    def __init__(self, children: Children, slots: Sequence[SlotLike], stagger_seconds: float = 0.0) -> None:
        self._children, self._slots, self._stagger = children, list(slots), stagger_seconds
        self._taken: dict[int, tuple[int, SlotLike]] = {}  # key → process and slot
        self._last_start: dict[str, float] = {}  # by device

    @property
    def slots(self) -> Sequence[SlotLike]:
        return tuple(self._slots)

    @property
    def free(self) -> int:
        return sum(map(self._has_rested, self._untaken())) if self._children.ready else 0

    def start(
        self,
        key: int,
        module: str,
        arguments: list[str],
        environment: dict[str, str],
        log: Path,
        avoid: Collection[str] = (),
    ) -> SlotLike:
        assert key not in self._taken, f"{key} is running already"
        # An idle device before a shared one; a device to be avoided last.
        busy = [slot.device_id for _, slot in self._taken.values()]
        slot = min(
            self._untaken(),
            key=lambda slot: (slot.device_id in avoid, not self._has_rested(slot), busy.count(slot.device_id)),
        )
        pid = self._children.start(module, arguments, {**environment, **slot.environment()}, log)
        self._taken[key] = (pid, slot)
        self._last_start[slot.device_id] = time.monotonic()
        return slot

    def wait(self, timeout: float) -> list[Gone]:
        if not self._taken and self._children.ready:
            time.sleep(timeout)
            return []
        key_of = {pid: key for key, (pid, _) in self._taken.items()}
        ended = self._children.wait(timeout)
        return [Gone(key_of[one.pid], one.code, self._taken.pop(key_of[one.pid])[1], one.cause) for one in ended]

    def signal(self, key: int, number: signal.Signals) -> None:
        if key in self._taken:
            self._children.signal(self._taken[key][0], number)

    def close(self) -> None:
        self._children.close()
        self._taken.clear()

    def add(self, slots: Sequence[SlotLike]) -> None:
        """More slots, where measured memory has room for them."""
        self._slots += slots

    def _untaken(self) -> list[SlotLike]:
        taken = [slot for _, slot in self._taken.values()]
        return [slot for slot in self._slots if slot not in taken]

    def _has_rested(self, slot: SlotLike) -> bool:
        """Whether the last start on its device is long enough ago."""
        last = self._last_start.get(slot.device_id)
        return last is None or time.monotonic() - last >= self._stagger
