"""Files of JSON objects, a line each, that processes may append to, follow and be killed over.

A line without its line feed was left half-written by a process that died: readers skip it, and the next writer cuts it
off.
"""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


def append_lines(path: Path, objects: Iterable[dict[str, Any]]) -> None:
    """Add JSON objects, a line each, in one write, after cutting off a line that a dying process left half-written."""
    text = "".join(json.dumps(item, ensure_ascii=False, allow_nan=False) + "\n" for item in objects)
    with open(path, "a+b") as file:
        file.truncate(_whole_bytes(path))
        file.write(text.encode())


def repair_lines(path: Path) -> None:
    """Cut off a last line that a dying process left half-written; nothing if there is no file."""
    if path.exists() and (whole := _whole_bytes(path)) < path.stat().st_size:
        os.truncate(path, whole)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of the whole lines of `path`; none if there is no file."""
    if path.exists():
        with open(path, "rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield json.loads(line)


class LineReader:
    """Follows a file of JSON objects, a line each, while it grows."""

    def __init__(self, path: Path) -> None:
        self._path, self._position = path, 0

    def new_objects(self) -> list[dict[str, Any]]:
        """Those of the whole lines written since the last call."""
        objects = []
        try:
            with open(self._path, "rb") as file:
                file.seek(self._position)
                for text in file:
                    if not text.endswith(b"\n"):
                        break
                    self._position += len(text)
                    objects.append(json.loads(text))
        except FileNotFoundError:
            pass
        return objects


def _whole_bytes(path: Path) -> int:
    """Length of `path` up to and with its last line feed."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        position = size
        while position > 0:
            start = max(0, position - 4096)
            file.seek(start)
            found = file.read(position - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            position = start
    return 0
