"""A study's id and name, which stay when its folder is renamed, moved, copied to another machine or linked to.

`study.yaml` keeps an id, the name in Optuna's storage, and every folder in which the study was swept. A file that moved
together with the study still has the same path relative to the study folder, and is found by it.
"""

import glob
import os
import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from medqa_sweeps import damage

FILE = "study.yaml"
# Absolute paths in an override: quoted, in an SQLite URL, or between delimiters.
_PATH = re.compile(
    r"""(?<=')/[^']+(?=') | (?<=")/[^"]+(?=") | (?<=sqlite:///)/[^\s'",]+ | (?<![^\s=,\[(])/[^\s'",\[\](){}]+""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class StudyIdentity:
    """The part of `study.yaml` that stays the same when a study is resumed, also in a renamed folder."""

    id: str | None  # 12 hex digits; None: written by an earlier version
    name: str | None  # in Optuna's storage; None: written by an earlier version
    folders: tuple[Path, ...]  # absolute folders in which it was swept, oldest first; () if an earlier version wrote it

    def to_record(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "places": [str(folder) for folder in self.folders]}

    def continued(self, folder: Path, name: str) -> "StudyIdentity":
        """The same study, now swept in `folder`."""
        folders = self.folders if folder in self.folders[-1:] else (*self.folders, folder)
        return StudyIdentity(self.id or uuid.uuid4().hex[:12], self.name or name, folders)


def identity_of(folder: Path) -> StudyIdentity:
    """The identity of the study in the folder; all fields are empty if there is no study.

    Raises:
        ConfigError: if study.yaml is damaged.
    """
    try:
        with damage.parsing(folder / FILE):
            found = yaml.load((folder / FILE).read_text(encoding="utf-8"), damage.YAML_LOADER)
            return StudyIdentity(found.get("id"), found.get("name"), tuple(map(Path, found.get("places", ()))))
    except FileNotFoundError:
        return StudyIdentity(None, None, ())


def group_of(folder: Path) -> str:
    """The W&B group of the study's trials: the name of the folder in which the study was first swept."""
    return next((first.name for first in identity_of(folder).folders), folder.resolve().name)


def path_after_move(path: str, past_folders: Iterable[Path], folder: Path) -> str:
    """Where `path`, a file or a glob, is now; `path` itself if it still exists or cannot be found.

    Args:
        past_folders: earlier locations of `folder`, which may have moved with or without the file.
    """
    if not os.path.isabs(path) or path_exists(path):
        return path
    past = list(past_folders)
    relative = (os.path.relpath(path, one) for one in past)
    candidates = (os.path.normpath(os.path.join(now, one)) for one in relative for now in (folder, *past))
    return next(filter(path_exists, candidates), path)


def replace_paths(text: str, found: Callable[[str], str]) -> str:
    """A path, or an override with paths in its value, in which `found` replaces each absolute path."""
    return found(text) if path_exists(found(text)) else _PATH.sub(lambda path: found(path[0]), text)


def path_exists(path: str) -> bool:
    return os.path.exists(path) or bool(glob.glob(path, recursive=True))
