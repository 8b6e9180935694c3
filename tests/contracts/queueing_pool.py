"""A pool with a queue, as a batch system has one: what is started waits on its slot until the queue lets it begin."""

import itertools
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from medqa_sweeps.pool.contract import Pool, ProcessExit, ProcessHandle, Slot

_GATE = "tests.contracts.queueing_pool"  # which the inner pool's processes become first
_LOOK_SECONDS = 0.02


@dataclass
class _Waiting:
    """A process of ours, and the process of the inner pool that stands for it from the beginning."""

    handle: ProcessHandle
    gate: Path  # exists once the process may begin
    open_at: float


class QueueingPool(Pool):
    """Processes of another pool, each held back before it does anything.

    Args:
        folder: for the gates.
        queue_seconds: how long each waits.
        clock: gives the seconds that `queue_seconds` and `began_at` are measured in.
    """

    def __init__(
        self, inner: Pool, folder: Path, queue_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._inner, self._folder, self._queue_seconds, self._clock = inner, folder, queue_seconds, clock
        self._numbers = itertools.count()
        self._started: dict[ProcessHandle, _Waiting] = {}  # by the inner pool's handle

    @property
    def slots(self) -> Sequence[Slot]:
        return self._inner.slots

    @property
    def free(self) -> int:
        return self._inner.free

    def describe(self) -> Sequence[str]:
        return self._inner.describe()

    def note_peak_memory(self, peak_bytes: int) -> None:
        self._inner.note_peak_memory(peak_bytes)

    def note_waiting(self, processes: int) -> None:
        self._inner.note_waiting(processes)

    def note_outcome(self, slot: Slot, log: Path, device_failed: bool) -> None:
        self._inner.note_outcome(slot, log, device_failed)

    def start(
        self,
        module: str,
        arguments: list[str],
        environment: dict[str, str],
        log: Path,
        avoid: Collection[str] = (),
    ) -> ProcessHandle:
        gate = self._folder / f"gate{next(self._numbers)}"
        inner = self._inner.start(_GATE, [str(gate), module, *arguments], environment, log, avoid)
        handle = ProcessHandle(f"queued {gate.name}", inner.slot)
        self._started[inner] = _Waiting(handle, gate, self._clock() + self._queue_seconds)
        return handle

    def wait(self, timeout: float) -> list[ProcessExit]:
        end = time.monotonic() + timeout
        while True:
            self._let_in()
            exits = self._inner.wait(min(_LOOK_SECONDS, max(0.0, end - time.monotonic())))
            if exits or time.monotonic() >= end:
                return [replace(one, process=self._started.pop(one.process).handle) for one in exits]

    def kill(self, process: ProcessHandle) -> None:
        for inner, started in self._started.items():
            if started.handle is process:
                self._inner.kill(inner)

    def close(self) -> None:
        self._inner.close()
        self._started.clear()

    def _let_in(self) -> None:
        for started in self._started.values():
            if started.handle.began_at is None and self._clock() >= started.open_at:
                started.gate.touch()
                started.handle.began_at = self._clock()


def main(arguments: list[str]) -> int:
    """The exit code of the module, once the gate is open."""
    import importlib

    gate, module, *rest = arguments
    while not Path(gate).exists():
        time.sleep(_LOOK_SECONDS)
    return int(importlib.import_module(module).main(rest))
