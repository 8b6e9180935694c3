"""Command lines for users: quoted for a shell, with paths relative to the user's folder where that is shorter."""

import errno
import io
import os
import shlex
import sys
from pathlib import Path
from typing import Any

from medqa_sweeps.installation import COMMAND, DISTRIBUTION, IN_ENVIRONMENT

_SHELL_FOLDER = "MEDQA_SWEEPS_STARTED_IN"  # the folder of the user's shell, after this process has changed its own
_PROGRAMS = ("medqa_sweeps", "analysis")  # run as `python -m`


def command(name: str, *arguments: str | Path) -> str:
    """`uv run medqa-sweeps resume multirun/a`, to paste into the shell that started this process; where the
    package is installed, `medqa-sweeps resume multirun/a`.

    Args:
        arguments: a `Path` is shortened; a text is one argument, unchanged.
    """
    return shell_line(*COMMAND.split(), name, *arguments)


def shell_line(*arguments: str | Path) -> str:
    """The arguments as one line for that shell."""
    return " ".join(_quoted(short_path(argument) if isinstance(argument, Path) else argument) for argument in arguments)


def short_path(path: Path) -> str:
    """The path relative to the user's folder, if that is shorter; it never looks like an option."""
    text = min(os.path.abspath(path), os.path.relpath(path, os.environ.get(_SHELL_FOLDER)), key=len)
    return f"./{text}" if text.startswith("-") else text


def change_folder(directory: Path) -> None:
    """Change the current folder of this process; `short_path` keeps the folder of the user's shell as its reference."""
    os.environ.setdefault(_SHELL_FOLDER, os.getcwd())
    os.chdir(directory)


def command_of_this_process() -> list[str]:
    """The command that started this process, as a user would type it."""
    program = Path(sys.argv[0])
    runner = IN_ENVIRONMENT.split()
    if program.name == "__main__.py" and program.parent.name in _PROGRAMS:
        return [*runner, "python", "-m", program.parent.name, *sys.argv[1:]]
    return [*runner, DISTRIBUTION if program.name == DISTRIBUTION else short_path(program), *sys.argv[1:]]


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


def _quoted(argument: str) -> str:
    """In single quotes if a shell needs them; as escaped bytes if a terminal cannot print the argument."""
    if argument.isprintable():
        return shlex.quote(argument)
    return "$'" + "".join(_escaped(byte) for byte in os.fsencode(argument)) + "'"


def _escaped(byte: int) -> str:
    letter = chr(byte)
    return letter if letter.isascii() and letter.isprintable() and letter not in "\\'" else f"\\x{byte:02x}"
