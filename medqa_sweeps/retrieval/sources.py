"""Finds the files of a corpus: files, globs, folders and bundled files, each file once, without loops of links."""

import errno
import fnmatch
import glob
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.data.files import refuse_pointer
from medqa_sweeps.errors import DataError

FILE_TYPES = (".txt", ".md", ".pdf", ".jsonl")
_ALLOWED = "a corpus is made of .txt, .md, .pdf and .jsonl files"


@dataclass(frozen=True)
class Sources:
    """Files in the order of their paths, and counts of what was passed over."""

    files: list[Path]
    left_out: Counter[str] = field(default_factory=Counter)


def find_sources(sources: Sequence[str]) -> Sources:
    """The files that paths, globs, folders (all files below) and "bundled:…" name.

    A file that two paths or links lead to is read once. Names that begin with a dot are passed over in folders.

    Raises:
        DataError: if a source names no file of a known type, or a file is a broken link, a link to itself or a Git-LFS
            pointer.
        ConfigError: if no bundled file has that name.
    """
    left_out = Counter[str]()
    by_content_path: dict[str, str] = {}
    for text in sources:
        files = list(_readable(text, left_out))
        if not files:
            raise DataError(f"{_nothing(text)}; {_ALLOWED}. Name a folder, file or glob that has one.")
        for path in files:
            refuse_pointer(path)
            real = os.path.realpath(path)
            known = by_content_path.setdefault(real, str(path))
            if known != str(path):
                left_out["a second path to the same file"] += 1
                by_content_path[real] = min(known, str(path), key=_shortest)
    return Sources([Path(name) for name in sorted(by_content_path.values())], left_out)


def _readable(text: str, left_out: Counter[str]) -> Iterator[Path]:
    """The files of known types that one source names.

    Raises:
        DataError: if it names one file, and that is of another type.
    """
    path = resolve_bundled(text)
    _refuse_loop(path)
    if os.path.lexists(path) and not path.is_dir():
        if path.suffix.lower() not in FILE_TYPES:
            raise DataError(f"{path}: this file type is not supported; {_ALLOWED}. Convert it, or leave it out.")
        if path.exists() and not path.is_file():
            raise DataError(f"{path} is a pipe or device; {_ALLOWED}. Name a file.")
        yield path
        return
    for name in _below(str(path), left_out) if path.is_dir() else _matching(str(path), left_out):
        if os.path.exists(name) and not os.path.isfile(name):  # a pipe would keep its reader waiting
            left_out["something that is no file"] += 1
        elif os.path.splitext(name)[1].lower() in FILE_TYPES:
            yield Path(name)
        else:
            left_out[f"a file of another type ({os.path.splitext(name)[1] or 'no ending'})"] += 1


def _matching(pattern: str, left_out: Counter[str]) -> Iterator[str]:
    """The files that a glob names. Python's own `**` follows each loop of links some 40 times."""
    if "**" not in pattern:
        yield from (name for name in glob.iglob(pattern) if not os.path.isdir(name))
        return
    fixed = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    wanted = re.compile(_expression(pattern))
    base = fixed.rpartition("/")[0] or ("/" if fixed.startswith("/") else ".")
    for name in _below(base, left_out):
        if wanted.fullmatch(name if base != "." else name.removeprefix("./")):
            yield name


def _expression(pattern: str) -> str:
    """A glob with `**` as a regular expression on a whole path."""
    pieces = re.split(r"(\*\*/|\*\*|/)", pattern)
    known = {"**/": "(?:.*/)?", "**": ".*", "/": "/"}
    return "".join(known.get(piece) or _component(piece) for piece in pieces)


def _component(pattern: str) -> str:
    return fnmatch.translate(pattern).removeprefix("(?s:").removesuffix(r")\Z").replace(".*", "[^/]*")


def _below(folder: str, left_out: Counter[str]) -> Iterator[str]:
    """All files below a folder, also through links; a folder that is reached again is not entered again."""
    entered = {os.path.realpath(folder)}
    for here, folders, names in os.walk(folder, onerror=_refuse_closed, followlinks=True):
        going = []
        for name in sorted(folders):
            real = os.path.realpath(os.path.join(here, name))
            if name.startswith("."):
                continue
            if real in entered:
                left_out["a link to a folder that is read already"] += 1
            else:
                entered.add(real)
                going.append(name)
        folders[:] = going
        yield from (os.path.join(here, name) for name in sorted(names) if not name.startswith("."))


def _refuse_closed(error: OSError) -> None:
    raise DataError(f"{error.filename} cannot be read ({error.strerror}). Fix its permissions, or leave it out.")


def _refuse_loop(path: Path) -> None:
    try:
        path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise DataError(f"{path} is a link that leads to itself. Remove it, or link to a file.") from None


def _nothing(text: str) -> str:
    path = resolve_bundled(text)
    if path.is_dir():
        return f"{text} contains no file that can be read"
    return f"{text}: there is no such file" if not glob.has_magic(text) else f"{text} matches no file that can be read"


def _shortest(name: str) -> tuple[int, str]:
    return len(name), name
