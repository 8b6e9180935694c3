"""A pool of one slot that is this process itself, for debugging: a breakpoint in a trial stops where it stands.

No fresh process, so no protection: what a job leaves behind, the next one finds, and what kills it kills the sweep.
"""

import importlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from medqa_sweeps.pool.contract import Gone, Pool, SlotLike


@dataclass(frozen=True)
class Here:
    """The only slot."""

    name: str = "here"
    device_id: str = "here"

    def environment(self) -> dict[str, str]:
        return {}


class InProcessPool(Pool):
    """`start` returns when the job has ended; `wait` tells of it. Output stays in the terminal, no log is written."""

    def __init__(self) -> None:
        self._slot = Here()
        self._gone: list[Gone] = []

    @property
    def slots(self) -> Sequence[SlotLike]:
        return (self._slot,)

    @property
    def free(self) -> int:
        return 0 if self._gone else 1

    def describe(self) -> Sequence[str]:
        return ("In this process, one after the other, for debugging (hydra/launcher=in_process).",)

    def start(
        self,
        key: int,
        module: str,
        arguments: list[str],
        environment: dict[str, str],
        log: Path,
        avoid: Collection[str] = (),
    ) -> SlotLike:
        before = (dict(os.environ), os.getcwd(), list(sys.path))
        os.environ.update(environment)
        try:
            code = importlib.import_module(module).main(arguments)
        except Exception:  # a job's own; a process would end with code 1
            traceback.print_exc()
            code = 1
        finally:
            os.environ.clear()
            os.environ.update(before[0])
            os.chdir(before[1])
            sys.path[:] = before[2]
        self._gone.append(Gone(key, code, self._slot))
        return self._slot

    def wait(self, timeout: float) -> list[Gone]:
        if not self._gone:
            time.sleep(timeout)
        gone, self._gone = self._gone, []
        return gone

    def signal(self, key: int, number: signal.Signals) -> None:
        """Nothing: whenever this can be called, no job runs."""

    def close(self) -> None:
        """Nothing is open."""
