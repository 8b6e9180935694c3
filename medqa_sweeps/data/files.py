"""Records from local files: JSON lines, JSON, tables of text, Parquet. To add a type, add to `_READERS`.

A JSON file may contain one record per line (also with the ending `.json`, as MedMCQA's), an array of records, or one
object of records keyed by question number, optionally nested under the names of several sets (MIRAGE). Only blank lines
are skipped: a record that cannot be read is yielded with its defect.
"""

import glob
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.command_line import shell_line
from medqa_sweeps.config import ColumnsConfig, DataConfig, texts_of
from medqa_sweeps.data.cells import from_json
from medqa_sweeps.data.contents import refuse_other_content, why_unsupported
from medqa_sweeps.data.encodings import text_of
from medqa_sweeps.data.fields import is_record
from medqa_sweeps.data.formats import RECORD_FIELDS
from medqa_sweeps.data.raw_record import RawRecord
from medqa_sweeps.data.tables import table_records
from medqa_sweeps.errors import DataError
from medqa_sweeps.lfs import is_lfs_pointer
from medqa_sweeps.wording import setting

_LINES = "one JSON object per line, one array of objects, or one object of objects keyed by question number"


def file_records(config: DataConfig, source: str | list[str], key: str) -> Iterator[RawRecord]:
    """The records of the files that `source`, a path, a glob or a list of them, names, in that order.

    Args:
        key: the config key of `source`, for errors; "" if it was typed as a file.

    Raises:
        DataError: if there is no such file, or a file is empty, of an unknown type, not what its name says, or
            unreadable as a whole.
    """
    for path in existing_files(source, key):
        reader = _READERS.get(path.suffix.lower())
        if reader is None:
            raise DataError(
                f"{path}: this file type is not supported; allowed are {', '.join(_READERS)}.{why_unsupported(path)}"
            )
        refuse_other_content(path)
        records = list(reader(path, config))
        if not records:
            raise DataError(f"{path} contains no questions. Name a file that does.")
        yield from records


def matching_files(source: str | list[str]) -> list[Path]:
    """The files that paths or globs name, those of a glob sorted; an existing path is never read as a glob."""
    return [path for text in texts_of(source) for path in _matching(text)]


def _matching(text: str) -> list[Path]:
    path = resolve_bundled(text)
    found = [str(path)] if os.path.lexists(path) else sorted(glob.glob(str(path), recursive=True))
    return [Path(name) for name in found if os.path.isfile(name) or _is_broken_link(name)]


def _is_broken_link(name: str) -> bool:
    return os.path.islink(name) and not os.path.exists(name)


def refuse_pointer(path: Path) -> None:
    """Check that a file is here.

    Raises:
        DataError: if it is a broken link or a Git-LFS pointer.
    """
    if _is_broken_link(str(path)):
        raise DataError(
            f"{path} is a link to a file that does not exist. Fetch that file (`git annex get`, `dvc pull`), or remove "
            "the link."
        )
    if is_lfs_pointer(path):
        raise DataError(
            f"{path} is a Git-LFS pointer, not the file itself. Run `git lfs pull` in its folder, or download the file."
        )


def existing_files(source: str | list[str], key: str) -> list[Path]:
    """The files that paths or globs name, without reading them.

    Raises:
        DataError: if one names none, one file is named twice, or one is a broken link or a Git-LFS pointer.
    """
    files = [path for text in texts_of(source) for path in _existing(text, key)]
    for index, path in enumerate(files):
        if path in files[:index]:
            raise DataError(f"{_named(key, setting(source))} names {path} twice. Name each file once.")
        refuse_pointer(path)
    return files


def _existing(text: str, key: str) -> list[Path]:
    if os.path.isdir(resolve_bundled(text)):
        if not key:
            raise DataError(f"{text} is a folder. Name a file in it.")
        from medqa_sweeps.config.overrides import override  # Hydra, which no trial's process needs

        several = shell_line(override(key, f"{text.rstrip('/')}/*.jsonl"))
        raise DataError(f"{key}={text} is a folder. Name a file in it, or several: {several}.")
    files = _matching(text)
    if not files:
        folder = resolve_bundled(text).parent
        there = sorted(path.name for path in folder.iterdir() if path.suffix in _READERS) if folder.is_dir() else []
        found = (
            f"{folder} contains {', '.join(there[:8])}" if there else f"{folder} contains no {', '.join(_READERS)} file"
        )
        instead = " (data=sample is a demonstration on invented questions.)" if key else ""
        raise DataError(f"{_named(key, text)}: there is no such file ({found}). Fix the path.{instead}")
    return files


def _named(key: str, source: str) -> str:
    return f"{key}={source}" if key else source


# JSON


def _json_records(path: Path, config: DataConfig) -> Iterator[RawRecord]:
    text = text_of(path, config.encoding)
    if text.lstrip().startswith("["):
        array = _whole(text, path, "a JSON array")
        yield from (RawRecord(f"{path}, record {number}", item) for number, item in enumerate(array, start=1))
        return
    keyed = _keyed(text, config.columns)
    if keyed is not None:
        yield from _keyed_records(keyed, path, config)
        return
    for number, line in enumerate(text.split("\n"), start=1):  # splitlines() would also cut at U+2028 inside a text
        if line.strip():
            yield _line_record(line, f"{path}, line {number}")


def _line_record(line: str, location: str) -> RawRecord:
    try:
        return RawRecord(location, from_json(line))
    except (ValueError, RecursionError) as error:
        return RawRecord(location, line, f"not JSON ({error}); allowed is {_LINES}")


def _whole(text: str, path: Path, allowed: str) -> Any:
    try:
        return from_json(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error}). Allowed is {allowed}. Fix or remove the file.") from error


def _keyed(text: str, columns: ColumnsConfig) -> dict[str, Any] | None:
    """The records of a text that is one JSON object, by key; None if it is anything else, such as JSON lines."""
    try:
        value = from_json(text)
    except (ValueError, RecursionError):
        return None
    if _is_keyed(value, columns):
        return value
    return {"": value} if isinstance(value, dict) and "\n" in text.strip() else None


def _is_keyed(value: Any, columns: ColumnsConfig) -> bool:
    """Whether a value is an object of objects that is not itself a record."""
    if not isinstance(value, dict) or RECORD_FIELDS & value.keys() or is_record(value, columns):
        return False
    return any(isinstance(inner, dict) and inner for inner in value.values())


def _keyed_records(keyed: dict[str, Any], path: Path, config: DataConfig) -> Iterator[RawRecord]:
    sets = config.hub_subsets
    if not all(_is_keyed(inner, config.columns) for inner in keyed.values()):
        yield from (RawRecord(f"{path}, {name}" if name else str(path), record) for name, record in keyed.items())
        return
    if not sets and len(keyed) > 1:
        raise DataError(
            f"{path} contains {len(keyed)} sets: {', '.join(keyed)}. Choose which to read: "
            f"data.hub_subsets=[{next(iter(keyed))}]."
        )
    for chosen in sets or keyed:
        if chosen not in keyed:
            raise DataError(f"{path} has no set {chosen}; data.hub_subsets may name {', '.join(keyed)}.")
        yield from (RawRecord(f"{path}, {chosen}, {name}", record) for name, record in keyed[chosen].items())


# Parquet


def _parquet_records(path: Path, config: DataConfig) -> Iterator[RawRecord]:
    import pyarrow
    from pyarrow import parquet

    number = 0
    try:
        for batch in parquet.ParquetFile(path).iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield RawRecord(f"{path}, row {number}", row)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(f"{path}: not a readable Parquet file ({reason}). Write it again.") from error


_READERS: dict[str, Callable[[Path, DataConfig], Iterator[RawRecord]]] = {
    ".jsonl": _json_records,
    ".json": _json_records,
    ".csv": table_records,
    ".tsv": table_records,
    ".parquet": _parquet_records,
}
FILE_TYPES = tuple(_READERS)
