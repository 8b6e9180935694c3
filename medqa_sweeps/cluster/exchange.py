"""Questions to a process on another machine and its answers, each a file of a folder that both see.

A file appears whole, by a rename, or it is a file of lines that grows. Both are how trials and their sweep talk: a
`stop` file appears, and `metrics.jsonl` grows.
"""

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from medqa_sweeps.durable.files import replace_quickly
from medqa_sweeps.durable.lines import read_lines

LOOK_SECONDS = 0.02
ANSWER_SECONDS = 120.0  # for an answer to be seen: attribute caches of a shared disk hold a minute


class Silent(Exception):
    """An answer was not seen in time."""


def ask(folder: Path, number: int, request: dict[str, Any]) -> None:
    """Write a question; numbers count from 0."""
    replace_quickly(folder / f"{number}.ask", json.dumps(request))


def asked(folder: Path, number: int) -> dict[str, Any] | None:
    """A question; None: none is seen yet."""
    return _read(folder / f"{number}.ask")


def answer(folder: Path, number: int, reply: dict[str, Any]) -> None:
    replace_quickly(folder / f"{number}.answer", json.dumps(reply))


def await_answer(folder: Path, number: int, meanwhile: Callable[[], None]) -> dict[str, Any]:
    """The answer to a question.

    Args:
        meanwhile: called between looks.

    Raises:
        Silent: if none is seen in time.
    """
    return until(lambda: _read(folder / f"{number}.answer"), meanwhile)


def await_line(folder: Path, name: str, count: int, meanwhile: Callable[[], None]) -> dict[str, Any]:
    """The line number `count`, from 1, of a file that grows.

    Raises:
        Silent: if it is not seen in time.
    """

    def look() -> dict[str, Any] | None:
        lines = list(read_lines(folder / name, lambda line: line))
        return lines[count - 1] if len(lines) >= count else None

    return until(look, meanwhile)


def until(look: Callable[[], dict[str, Any] | None], meanwhile: Callable[[], None]) -> dict[str, Any]:
    """What `look` finds, as soon as it finds anything.

    Raises:
        Silent: if it finds nothing in time.
    """
    end = time.monotonic() + ANSWER_SECONDS
    while (found := look()) is None:
        if time.monotonic() > end:
            raise Silent
        meanwhile()
        time.sleep(LOOK_SECONDS)
    return found


def _read(file: Path) -> dict[str, Any] | None:
    with contextlib.suppress(OSError):  # not there, or replaced under our hands on a disk that says so
        found: dict[str, Any] = json.loads(file.read_text())
        return found
    return None
