"""The contract between those who start processes and whatever machine runs them: slots, and processes on them.

What passes through is a module's name, its arguments, an environment and a log file, so that a pool may reach other
machines over a shared file system. `tests/contracts/test_pool.py` holds for every pool: a new one is a line there.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Slot:
    """A place on a device where one process runs at a time."""

    name: str  # of no other slot of its pool
    device_id: str  # of no other device of its pool; several slots may share it
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)  # goes over what a process is given


@dataclass(eq=False)
class ProcessHandle:
    """One process of a pool, from `start` on; equal to itself alone. Only its pool changes it."""

    id: str  # for people: what the machine's own tools call it, such as its process number
    slot: Slot
    began_at: float | None = None  # in `time.monotonic` seconds; None: it waits in a queue and has not begun to run


@dataclass(frozen=True)
class ProcessExit:
    """A process is over, with every process of its group, and its slot is free."""

    process: ProcessHandle
    code: int  # its exit code; negative: the signal that killed it
    cause: str = ""  # of the signal, in words, where more is known than the signal

    @property
    def slot(self) -> Slot:
        return self.process.slot


class Pool(ABC):
    """Runs `module.main(arguments) -> int` in processes on slots. For one thread; close it, or use it as a context
    manager. Every process that was started exits exactly once in `wait`, unless `close` comes first."""

    @property
    @abstractmethod
    def slots(self) -> Sequence[Slot]:
        """All slots, taken or free."""

    @property
    @abstractmethod
    def free(self) -> int:
        """Slots on which a process could start now; none while the first imports are under way, which `wait` awaits."""

    @abstractmethod
    def describe(self) -> Sequence[str]:
        """Sentences for people: what the slots are."""

    @abstractmethod
    def learn(self, peak_bytes: int) -> None:
        """Hear how much memory a process has held: a pool that had to guess may open more slots."""

    @abstractmethod
    def start(
        self,
        module: str,
        arguments: list[str],
        environment: dict[str, str],
        log: Path,
        avoid: Collection[str] = (),
    ) -> ProcessHandle:
        """A new process, which may have to wait before it begins to run. Only while `free` is above 0; on the slot of a
        process that has just exited at once, whatever `free` says.

        Args:
            environment: all of it; the slot's own goes over it.
            log: to which the process's output is appended.
            avoid: ids of devices to be used only if no other has a free slot.

        Raises:
            InternalError: if nothing can be started any more.
        """

    @abstractmethod
    def wait(self, timeout: float) -> list[ProcessExit]:
        """The processes that have exited since the last call: at once if any have, else within `timeout` seconds.
        Meanwhile the handles of those that have begun to run are told so."""

    @abstractmethod
    def kill(self, process: ProcessHandle) -> None:
        """End a process and its group now, or take it out of its queue; `wait` tells of it. Nothing if it is over."""

    @abstractmethod
    def close(self) -> None:
        """Kill what still runs. Afterwards nothing can be started."""

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
