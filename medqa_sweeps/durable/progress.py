"""How far a child process is: a small file that it replaces and its parent reads, for people alone."""

import contextlib
import json
import time
from pathlib import Path

from medqa_sweeps.durable.files import replace_quickly

_SECONDS = 0.2  # between two writes


class ProgressFile:
    """Written by one process, read by another. Never fails: a disk without room for it stops nothing."""

    def __init__(self, path: Path) -> None:
        self._path, self._shown = path, 0.0

    def show(self, done: int, total: int) -> None:
        if done < total and time.monotonic() - self._shown < _SECONDS:
            return
        self._shown = time.monotonic()
        with contextlib.suppress(OSError):
            replace_quickly(self._path, json.dumps([done, total]))

    def in_words(self) -> str:
        """`120 of 400`; empty if nothing was shown yet."""
        try:
            done, total = json.loads(self._path.read_text())
            return f"{done:,} of {total:,}"
        except (OSError, ValueError):
            return ""
