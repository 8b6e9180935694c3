"""The program that swept a study: where it is now, in which folder it ran, and how to become it.

The folder of the study may have been moved, alone or together with the program and its files, to another machine too.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from medqa_sweeps.command_line import change_folder, shell_line
from medqa_sweeps.config.overrides import key_of, override
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.installation import DISTRIBUTION, IN_CHECKOUT, PACKAGE, PROJECT
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.study_identity import identity_of, path_after_move, replace_paths

_FOLDER = "hydra.sweep.dir"
_ALLOW_CHANGES = "hydra.sweeper.allow_changes"  # as they were then: the study is what it is since


@dataclass(frozen=True)
class StudyProgram:
    """A program on this machine, and how it was started."""

    file: Path
    directory: Path  # in which it runs: relative paths in its words begin there
    arguments: tuple[str, ...]  # that it was given, paths as they are now; without the study's folder

    def become(self, arguments: Sequence[str], folder: Path, begun: Path) -> NoReturn:
        """Become the program, with these words, sweeping in `folder`.

        Args:
            begun: the study of whose config files, as they were when it began, everything is composed.
        """
        from medqa_sweeps.compose.snapshot import reading_kept  # and Hydra, which `status` and `stop` do without

        arguments = reading_kept(begun, [argument for argument in arguments if key_of(argument) != _ALLOW_CHANGES])
        shown = self.file.relative_to(self.directory) if self.file.is_relative_to(self.directory) else self.file
        change_folder(self.directory)
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, str(shown), *arguments, override(_FOLDER, folder)])


def origin_of_this_process() -> dict[str, Any]:
    """What `program_of` needs to find this program again, for the study's definition."""
    from medqa_sweeps.compose.snapshot import is_option

    program = _file_of_this_process()
    inside = program.is_relative_to(PROJECT)
    return {
        "command": [_typed(program), *(argument for argument in sys.argv[1:] if not is_option(argument))],
        "directory": os.getcwd(),
        "project_file": str(program.relative_to(PROJECT)) if inside else None,
    }


def _file_of_this_process() -> Path:
    """What Python can run as a file: our package's `__main__.py` would hide libraries behind rooms of their names."""
    program = Path(sys.argv[0]).absolute()
    if program.resolve() != PACKAGE / "__main__.py":
        return program
    return PROJECT / "launch.py" if IN_CHECKOUT else _installed_program()


def _typed(program: Path) -> str:
    """The program as it was typed, if it was."""
    return sys.argv[0] if Path(sys.argv[0]).absolute() == program else str(program)


def _installed_program() -> Path:
    """`medqa-sweeps` of this environment."""
    return Path(sys.executable).with_name(DISTRIBUTION)


def program_of(study: StudyDir) -> StudyProgram:
    """The program that swept the study: where it stands to the study's folder as it did, else where it was, else this
    project's own.

    Raises:
        ConfigError: if there is no such study, or the program is nowhere.
    """
    origin = study.definition()
    for file, directory in _candidates(origin, study.path):
        if file.is_file():
            arguments = [argument for argument in origin["command"][1:] if key_of(argument) != _FOLDER]
            return StudyProgram(file, directory, tuple(arguments_found_again(study, arguments)))
    raise ConfigError(
        f"{Path(origin['directory'], origin['command'][0])}, which swept this study, is not there any more. Give its "
        f"command again with {shell_line(override(_FOLDER, study.path))}."
    )


def found_again(study: StudyDir, path: str) -> str:
    """Where a file or folder is that stood in the study's command or config; itself if it is nowhere else."""
    moved = path_after_move(path, identity_of(study.path).folders[::-1], study.path)
    origin = study.definition()
    own = PROJECT / (origin.get("project_file") or ".")
    return path_after_move(moved, [Path(origin["directory"], origin["command"][0]).parent], own.parent)


def arguments_found_again(study: StudyDir, arguments: Sequence[str]) -> list[str]:
    """A command's words, with the present place of each path in them."""
    return [replace_paths(argument, lambda path: found_again(study, path)) for argument in arguments]


def _candidates(origin: Mapping[str, Any], study: Path) -> Iterator[tuple[Path, Path]]:
    """Where the program may be and in which folder it runs there, the likeliest first."""
    directory, name = Path(origin["directory"]), origin["command"][0]
    for folder_then in identity_of(study).folders[-1:]:
        along = Path(os.path.normpath(study / os.path.relpath(directory, folder_then)))
        yield Path(os.path.normpath(along / name)), along
    yield Path(os.path.normpath(directory / name)), directory
    if Path(name).name == DISTRIBUTION:
        yield _installed_program(), directory if directory.is_dir() else Path.cwd()
    if own := origin.get("project_file"):
        yield PROJECT / own, directory if directory.is_dir() else Path.cwd()
