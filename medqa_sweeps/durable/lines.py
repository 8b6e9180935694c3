"""Files of JSON objects, one per line, that processes append to and follow, and that survive killed processes.

A last line without a line feed is incomplete, because its process died: readers skip it, and the next writer removes
it. Any other line that cannot be parsed is damage.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

from medqa_sweeps import damage
from medqa_sweeps.durable.files import write_atomically
from medqa_sweeps.errors import ConfigError

Content = TypeVar("Content")
_SKIPPED = "The line is skipped. Restore the file from a backup, or delete the line, and this message ends."
_REMEDY = "Restore the file from a backup, or delete that line: the rest is then read without it."


def append_lines(path: Path, objects: Iterable[dict[str, Any]], check: Callable[[], None] = lambda: None) -> None:
    """Append JSON objects, one per line, in one write; an incomplete last line is removed first.

    Args:
        check: called while the file is open and before it changes; may raise. Whoever replaces the file after that does
            not see what is written.
    """
    text = "".join(json.dumps(item, ensure_ascii=False, allow_nan=False) + "\n" for item in objects)
    with open(path, "a+b") as file:
        check()
        file.truncate(_whole_bytes(path))
        file.write(text.encode())


def replace_lines(path: Path, objects: Iterable[dict[str, Any]]) -> None:
    """Write a file of JSON objects, one per line, in place of what is there: whole, or not at all."""
    write_atomically(path, "".join(json.dumps(one, ensure_ascii=False, allow_nan=False) + "\n" for one in objects))


def repair_lines(path: Path) -> None:
    """Remove an incomplete last line; nothing if there is no file."""
    if path.exists() and (whole := _whole_bytes(path)) < path.stat().st_size:
        os.truncate(path, whole)


def read_lines(path: Path, parse: Callable[[dict[str, Any]], Content], containing: bytes = b"") -> Iterator[Content]:
    """`parse(object)` for the JSON object of each complete line; nothing if there is no file.

    Args:
        containing: lines without these bytes are skipped without parsing, which takes most of the time.

    Raises:
        ConfigError: if a line is not a JSON object that `parse` accepts; the message names the file and the line.
    """
    if path.exists():
        with open(path, "rb") as file:
            for number, text in enumerate(file, start=1):
                if text.endswith(b"\n") and containing in text:
                    yield _read(path, number, text, parse)


def readable_lines(path: Path, parse: Callable[[dict[str, Any]], Content]) -> tuple[list[Content], list[str]]:
    """`parse(object)` for each complete line that can be read, and a sentence for each that is damaged."""
    contents, damaged = list[Content](), list[str]()
    if path.exists():
        with open(path, "rb") as file:
            for number, text in enumerate(file, start=1):
                if text.endswith(b"\n"):
                    try:
                        contents.append(_read(path, number, text, parse, _SKIPPED))
                    except ConfigError as error:
                        damaged.append(str(error))
    return contents, damaged


def last_line(path: Path, parse: Callable[[dict[str, Any]], Content | None]) -> Content | None:
    """The newest line that can be read and for which `parse(object)` is not None; None without one."""
    if path.exists():
        for text in reversed(path.read_bytes().splitlines(keepends=True)):
            with contextlib.suppress(*damage.PARSE_ERRORS):
                if text.endswith(b"\n") and (content := parse(json.loads(text))) is not None:
                    return content
    return None


class LineReader(Generic[Content]):
    """Follows a growing file of JSON objects, one per line."""

    def __init__(self, path: Path, parse: Callable[[dict[str, Any]], Content]) -> None:
        self._path, self._parse = path, parse
        self._position, self._lines = 0, 0

    def new(self) -> list[Content]:
        """The objects of the complete lines written since the last call.

        Raises:
            ConfigError: as `read_lines`.
        """
        found = []
        try:
            with open(self._path, "rb") as file:
                file.seek(self._position)
                for text in file:
                    if not text.endswith(b"\n"):
                        break
                    found.append(_read(self._path, self._lines + 1, text, self._parse))
                    self._position += len(text)
                    self._lines += 1
        except FileNotFoundError:
            pass
        return found


def _read(
    path: Path, number: int, text: bytes, parse: Callable[[dict[str, Any]], Content], remedy: str = _REMEDY
) -> Content:
    with damage.parsing(path, remedy, number):
        return parse(json.loads(text))


def _whole_bytes(path: Path) -> int:
    """Length of `path` up to and including its last line feed."""
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
