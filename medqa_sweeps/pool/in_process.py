"""A pool with one slot, which is this process itself, for debugging with breakpoints in the started module.

There is no isolation: changes that one module makes affect the next one, and a crash of one ends all.
"""

import importlib
import os
import sys
import time
import traceback
from collections.abc import Collection, Sequence
from pathlib import Path

from medqa_sweeps.pool.contract import Pool, ProcessExit, ProcessHandle, Slot


class InProcessPool(Pool):
    """`start` returns when the module has ended; `wait` returns its exit. Output goes to the terminal, not to the log,
    and the given environment overrides this process's own."""

    def __init__(self) -> None:
        self._slot = Slot("here", "here")
        self._exits: list[ProcessExit] = []

    @property
    def slots(self) -> Sequence[Slot]:
        return (self._slot,)

    @property
    def free(self) -> int:
        return 0 if self._exits else 1

    def describe(self) -> Sequence[str]:
        return ("In this process, one trial at a time, for debugging (hydra/launcher=in_process).",)

    def note_peak_memory(self, peak_bytes: int) -> None:
        """Nothing: there is one process, so there is one slot."""

    def note_waiting(self, processes: int) -> None:
        """Nothing: there is one slot."""

    def note_outcome(self, slot: Slot, log: Path, device_failed: bool) -> None:
        """Nothing: there is one slot."""

    def start(
        self,
        module: str,
        arguments: list[str],
        environment: dict[str, str],
        log: Path,
        avoid: Collection[str] = (),
    ) -> ProcessHandle:
        process = ProcessHandle(str(os.getpid()), self._slot, began_at=time.monotonic())
        before = (dict(os.environ), os.getcwd(), list(sys.path))
        os.environ.update(environment)
        try:
            code = importlib.import_module(module).main(arguments)
        except Exception:  # the module's own error; a process would end with code 1
            traceback.print_exc()
            code = 1
        finally:
            os.environ.clear()
            os.environ.update(before[0])
            os.chdir(before[1])
            sys.path[:] = before[2]
        self._exits.append(ProcessExit(process, code))
        return process

    def wait(self, timeout: float) -> list[ProcessExit]:
        if not self._exits:
            time.sleep(timeout)
        exits, self._exits = self._exits, []
        return exits

    def kill(self, process: ProcessHandle) -> None:
        """Nothing: no process runs when this can be called."""

    def close(self) -> None:
        """Nothing to close."""
