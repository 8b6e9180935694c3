"""The actor that holds a slot on a node of a Ray cluster, and passes lines to and from its seat.

Ray sends this class to the nodes as it stands here, so it imports nothing but the standard library and Ray.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import Any

_PR_SET_PDEATHSIG = 1  # from prctl.h
_LAST_WORDS_BYTES = 4000
_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class SeatCommand:
    """How to start a seat."""

    project: str | None  # folder of the code; None: where the actor is, as a runtime environment has put it
    arguments: list[str]  # of the seat
    place_variable: str
    threads: int


class SlotActor:
    """One seat, started by the first `listen`."""

    def __init__(self, command: SeatCommand) -> None:
        # The process of an actor outlives a killed raylet for good; the kernel is asked not to let it. The seat ends
        # with its input, and all that it has started with the seat.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        self._command = command
        self._seat: subprocess.Popen[bytes] | None = None
        self._said = b""  # all that the seat has written
        self._end: dict[str, Any] | None = None  # how it ended
        self._place: dict[str, Any] = {}
        self._told = 0  # number of the last line that was passed on
        self._reading = asyncio.Lock()

    async def listen(self, since: int) -> tuple[bytes, dict[str, Any] | None]:
        """What the seat has written from byte `since` on, as soon as there is some; and where and how it ended, if it
        has: its place, with `code` and the last `errors`.

        Whoever gets no answer asks again.
        """
        async with self._reading:
            if self._seat is None and self._end is None:
                self._start()
            while self._end is None and len(self._said) <= since:
                await self._read()
        return self._said[since:], self._end

    async def tell(self, number: int, line: bytes) -> None:
        """Pass a line to the seat; nothing if one of this number was passed already."""
        if number <= self._told or self._seat is None or self._seat.stdin is None:
            return
        self._told = number
        with contextlib.suppress(BrokenPipeError, ValueError):  # it has ended, as `listen` tells
            self._seat.stdin.write(line)
            self._seat.stdin.flush()

    async def stop(self) -> None:
        """Return when the seat and all that it has started have ended."""
        if self._seat is not None and self._seat.stdin is not None:
            self._seat.stdin.close()
            await asyncio.to_thread(self._seat.wait, _PATIENCE_SECONDS)

    def _start(self) -> None:
        self._place = self._where()
        project = self._command.project or os.getcwd()
        if not os.path.isdir(project):
            self._ended(1, f"this node does not see {project}: choose a folder that all nodes share")
            return
        variables = {**os.environ, self._command.place_variable: json.dumps(self._place)}
        self._errors = tempfile.TemporaryFile()
        self._seat = subprocess.Popen(
            [sys.executable, "-m", "medqa_sweeps.pool.seat", *self._command.arguments],
            cwd=project,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            process_group=0,
        )

    def _where(self) -> dict[str, Any]:
        import ray

        context = ray.get_runtime_context()
        node = context.get_node_id()
        names = {one["NodeID"]: one["NodeName"] for one in ray.nodes()}
        cards = ",".join(context.get_accelerator_ids().get("GPU", []))
        return {
            "node": names.get(node) or node,
            "node_id": node,
            "job": context.get_actor_id()[:8],
            "gpus": cards,
            "visible": cards,
            "cpus": self._command.threads,
        }

    async def _read(self) -> None:
        assert self._seat is not None and self._seat.stdout is not None
        received = await asyncio.to_thread(os.read, self._seat.stdout.fileno(), 1 << 16)
        self._said += received
        if not received:
            code = await asyncio.to_thread(self._seat.wait)
            self._errors.seek(0)
            self._ended(code, self._errors.read()[-_LAST_WORDS_BYTES:].decode(errors="replace"))

    def _ended(self, code: int, errors: str) -> None:
        self._end = {**self._place, "code": code, "errors": errors}
