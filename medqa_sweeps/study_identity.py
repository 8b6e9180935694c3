"""What a study is called wherever its folder lies: folders are renamed, moved, copied to other machines, and linked to.

`study.yaml` keeps an id, the name in Optuna's storage, and every place where the study was swept. What is found by a
path is found again from there: a file that moved together with the study stands to its folder as it did before.
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
# Absolute paths in an override: quoted, in a URL of SQLite, or a word of its own.
_PATH = re.compile(
    r"""(?<=')/[^']+(?=') | (?<=")/[^"]+(?=") | (?<=sqlite:///)/[^\s'",]+ | (?<![^\s=,\[(])/[^\s'",\[\](){}]+""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class StudyIdentity:
    """The part of `study.yaml` that stays when the study goes on, however its folder is called by then."""

    id: str | None  # 12 hex digits; None: of an earlier version
    name: str | None  # in Optuna's storage; None: of an earlier version
    places: tuple[Path, ...]  # absolute folders in which it was swept, the first first; () of an earlier version

    def to_record(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "places": [str(place) for place in self.places]}

    def continued(self, folder: Path, name: str) -> "StudyIdentity":
        """The same study, swept in `folder` now."""
        places = self.places if folder in self.places[-1:] else (*self.places, folder)
        return StudyIdentity(self.id or uuid.uuid4().hex[:12], self.name or name, places)


def identity_of(folder: Path) -> StudyIdentity:
    """Who the study in the folder is; of a folder without a study, nobody yet.

    Raises:
        ConfigError: if its file is damaged.
    """
    try:
        with damage.told(folder / FILE):
            found = yaml.load((folder / FILE).read_text(encoding="utf-8"), damage.YAML_LOADER)
            return StudyIdentity(found.get("id"), found.get("name"), tuple(map(Path, found.get("places", ()))))
    except FileNotFoundError:
        return StudyIdentity(None, None, ())


def group_of(folder: Path) -> str:
    """The name that the study's trials share in W&B: its folder's when it was first swept."""
    return next((place.name for place in identity_of(folder).places), folder.resolve().name)


def moved_along(path: str, places: Iterable[Path], folder: Path) -> str:
    """Where `path`, a file or a glob, is now; itself if it is still there, or nowhere.

    Args:
        places: where `folder` has been, which may have moved together with the file, or left it behind.
    """
    if not os.path.isabs(path) or is_there(path):
        return path
    been = list(places)
    relative = (os.path.relpath(path, place) for place in been)
    candidates = (os.path.normpath(os.path.join(now, one)) for one in relative for now in (folder, *been))
    return next(filter(is_there, candidates), path)


def with_paths_found(text: str, found: Callable[[str], str]) -> str:
    """A path, or an override with paths in its value, each absolute one replaced by what `found` makes of it."""
    return found(text) if is_there(found(text)) else _PATH.sub(lambda path: found(path[0]), text)


def is_there(path: str) -> bool:
    return os.path.exists(path) or bool(glob.glob(path, recursive=True))
