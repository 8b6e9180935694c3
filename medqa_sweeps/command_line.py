"""Command lines for people: quoted for a shell, and with paths as short as they can be typed where people stand."""

import errno
import io
import os
import shlex
import sys
from pathlib import Path
from typing import Any

_STANDS_IN = "MEDQA_SWEEPS_STARTED_IN"  # the folder of the person's shell, once this process has left it
_PROGRAMS = ("medqa_sweeps", "analysis")  # run as `python -m`


def command(module: str, *words: str | Path) -> str:
    """`uv run python -m medqa_sweeps resume multirun/a`, to be pasted into the shell of whoever started this process.

    Args:
        words: a `Path` is shortened, a text is one argument as it is.
    """
    return typed("uv", "run", "python", "-m", module, *words)


def typed(*words: str | Path) -> str:
    """The words as one types them into that shell."""
    return " ".join(_quoted(shown(word) if isinstance(word, Path) else word) for word in words)


def shown(path: Path) -> str:
    """Relative to where the person stands, where that is shorter; never like an option."""
    text = min(os.path.abspath(path), os.path.relpath(path, os.environ.get(_STANDS_IN)), key=len)
    return f"./{text}" if text.startswith("-") else text


def move_to(directory: Path) -> None:
    """Make `directory` the current folder, also of a program that this process becomes; the person stays behind."""
    os.environ.setdefault(_STANDS_IN, os.getcwd())
    os.chdir(directory)


def command_of_this_process() -> list[str]:
    """How this process was started, as a person would type it."""
    program = Path(sys.argv[0])
    if program.name == "__main__.py" and program.parent.name in _PROGRAMS:
        return ["uv", "run", "python", "-m", program.parent.name, *sys.argv[1:]]
    return ["uv", "run", shown(program), *sys.argv[1:]]


def outlive_readers() -> None:
    """From now on what this process prints goes nowhere once nobody reads it: `| head -1`, a closed terminal.

    It then does what it was asked to do, and ends with the code that it would have ended with.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):  # else it is somebody's own, or there is none
            stream.flush()
            raw = io.BufferedWriter(_Lasting(stream.fileno(), "wb", closefd=False))
            how: dict[str, Any] = {
                "encoding": stream.encoding,
                "errors": stream.errors,
                "line_buffering": stream.line_buffering,
            }
            setattr(sys, name, io.TextIOWrapper(raw, write_through=stream.write_through, **how))


class _Lasting(io.FileIO):
    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.EIO):
                raise
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)
            return len(memoryview(data).cast("B"))


def _quoted(word: str) -> str:
    """In single quotes where a shell needs them; byte by byte where a terminal would not print the word."""
    if word.isprintable():
        return shlex.quote(word)
    return "$'" + "".join(_escaped(byte) for byte in os.fsencode(word)) + "'"


def _escaped(byte: int) -> str:
    letter = chr(byte)
    return letter if letter.isascii() and letter.isprintable() and letter not in "\\'" else f"\\x{byte:02x}"
