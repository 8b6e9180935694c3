"""Command lines for users: quoted for a shell, with paths relative to the user's folder where that is shorter."""

import os
import shlex
import sys
from pathlib import Path

_SHELL_FOLDER = "MEDQA_SWEEPS_STARTED_IN"  # the folder of the user's shell, after this process has changed its own
_PROGRAMS = ("medqa_sweeps", "analysis")  # run as `python -m`


def command(module: str, *arguments: str | Path) -> str:
    """`uv run python -m medqa_sweeps resume multirun/a`, to paste into the shell that started this process.

    Args:
        arguments: a `Path` is shortened; a text is one argument, unchanged.
    """
    return shell_line("uv", "run", "python", "-m", module, *arguments)


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
    if program.name == "__main__.py" and program.parent.name in _PROGRAMS:
        return ["uv", "run", "python", "-m", program.parent.name, *sys.argv[1:]]
    return ["uv", "run", short_path(program), *sys.argv[1:]]


def _quoted(argument: str) -> str:
    """In single quotes if a shell needs them; as escaped bytes if a terminal cannot print the argument."""
    if argument.isprintable():
        return shlex.quote(argument)
    return "$'" + "".join(_escaped(byte) for byte in os.fsencode(argument)) + "'"


def _escaped(byte: int) -> str:
    letter = chr(byte)
    return letter if letter.isascii() and letter.isprintable() and letter not in "\\'" else f"\\x{byte:02x}"
