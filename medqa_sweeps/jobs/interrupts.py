"""Counts Ctrl-C and its kin instead of raising, so that a sweep is never torn out of the middle of writing its study.

A signal that this process was told to ignore stays ignored: nohup does that to SIGHUP, and a shell to SIGINT when it
starts a program in the background. A handler of ours would also make it fatal again in every child, since a new program
starts with the default in the place of a handler.
"""

import math
import signal
import threading
import time
from types import FrameType
from typing import Any

from medqa_sweeps.pool.child import POLITE

# Deliveries so close are one request: `uv run` forwards a signal that its whole group has had already, and `timeout`
# signals the child and then the group. A person who means it presses again a second later.
MOMENT_SECONDS = 1.0


class Interrupts:
    """Within: how often this process was asked to stop, each time at least a second after the time before. Once: finish
    tidily; twice: stop now.

    Outside the main thread, where Python hears no signals, the count stays 0.
    """

    def __init__(self) -> None:
        self.count = 0
        self._counted = -math.inf  # when, by the monotonic clock
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            heard = [number for number in POLITE if signal.getsignal(number) is not signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._heard) for number in heard}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._counted >= MOMENT_SECONDS:
            self.count, self._counted = self.count + 1, now
