"""The interface of a pool, which runs processes on the slots of some machine.

A pool gets a module name, its arguments, an environment and a log file, so that it can also use other machines over a
shared file system. `tests/contracts/test_pool.py` tests every pool: add a line there for a new one.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Slot:
    """A share of a device, on which one process runs at a time."""

    name: str  # unique in its pool
    device_id: str  # unique in its pool; several slots may share a device
    environment: Mapping[str, str] = field(
        default_factory=dict, hash=False
    )  # overrides the variables that a process is given


@dataclass(eq=False)
class ProcessHandle:
    """One process of a pool; compared by identity. Only its pool changes it."""

    id: str  # for users: its name in the machine's own tools, such as a process id
    slot: Slot
    began_at: float | None = None  # in `time.monotonic` seconds; None: it still waits in a queue
    notice: str = ""  # why its slot will end soon, for users: it should save its work; empty: nobody has said so


@dataclass(frozen=True)
class ProcessExit:
    """The end of a process and of every process of its group; its slot is free."""

    process: ProcessHandle
    code: int  # its exit code; negative: the signal that killed it
    cause: str = ""  # of the signal, for users; empty if unknown

    @property
    def slot(self) -> Slot:
        return self.process.slot


class Pool(ABC):
    """Runs `module.main(arguments) -> int` in processes on slots. Single-threaded; close it, or use it as a context
    manager. `wait` returns every started process exactly once, unless `close` comes first."""

    @property
    @abstractmethod
    def slots(self) -> Sequence[Slot]:
        """All slots, busy or free. A cluster's come and go."""

    @property
    @abstractmethod
    def free(self) -> int:
        """Number of slots on which a process can start now; 0 during the first imports, for which `wait` waits."""

    @abstractmethod
    def describe(self) -> Sequence[str]:
        """Sentences for users about the slots."""

    @abstractmethod
    def note_peak_memory(self, peak_bytes: int) -> None:
        """Take note of the peak memory of a process: a pool that had to guess may add slots."""

    @abstractmethod
    def note_waiting(self, processes: int) -> None:
        """Take note of how many processes are still to be started: a pool that holds slots of a cluster asks for as
        many as it needs, and gives the others back."""

    @abstractmethod
    def note_outcome(self, slot: Slot, log: Path, device_failed: bool) -> None:
        """Take note of how a process ended on a slot, where that says something about its device: the device failed, or
        the process completed its work. A device on which different work fails again and again, and not elsewhere, is
        taken out of service, unless nothing could run without it. A pool takes note of lost slots by itself.

        Args:
            log: the process's: the same over all attempts at the same work, and different for each work.
        """

    @abstractmethod
    def start(
        self,
        module: str,
        arguments: list[str],
        environment: dict[str, str],
        log: Path,
        avoid: Collection[str] = (),
    ) -> ProcessHandle:
        """Start a process, which may wait in a queue before it runs. Only while `free` is above 0; the slot of a
        process that has just exited can be used at once, whatever `free` is.

        Args:
            environment: the whole environment; the slot's variables override it.
            log: file to which the process's output is appended.
            avoid: ids of devices to use only if no other device has a free slot.

        Raises:
            InternalError: if nothing can be started.
        """

    @abstractmethod
    def wait(self, timeout: float) -> list[ProcessExit]:
        """The processes that exited since the last call: at once if there are any, else within `timeout` seconds.
        Also sets `began_at` of the processes that have begun to run, and `notice` of those whose slot will end."""

    @abstractmethod
    def kill(self, process: ProcessHandle) -> None:
        """Kill a process and its group now, or remove it from its queue; `wait` returns it. Nothing if it has ended."""

    @abstractmethod
    def close(self) -> None:
        """Kill all running processes. Afterwards nothing can be started."""

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
