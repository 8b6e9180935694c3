"""A cache shared by all trials, keyed by content: one process computes a value while the others wait."""

import contextlib
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from filelock import FileLock

from medqa_sweeps.durable.files import write_atomically
from medqa_sweeps.durable.writable_folders import cache_folder

if TYPE_CHECKING:
    import numpy as np

Value = TypeVar("Value")


def shared(kind: str, key: str, compute: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], bool]:
    """The JSON object stored under `kind` and `key`, and whether it was already stored.

    The first process that needs it computes it, while others wait. If the file cannot be read (a full disk, another
    user's file), it is computed again. If nothing can be stored, each process computes it.

    Raises:
        ConfigError: if no cache folder is writable.
    """
    return _kept(cache_folder() / kind / f"{key}.json", compute, _read_json, _write_json)


def shared_arrays(
    kind: str, key: str, compute: Callable[[], "dict[str, np.ndarray]"]
) -> "tuple[dict[str, np.ndarray], bool]":
    """As `shared`, for arrays by name. Their file has checksums, so that damaged arrays are computed again.

    Raises:
        ConfigError: if no cache folder is writable.
    """
    return _kept(cache_folder() / kind / f"{key}.npz", compute, _read_arrays, _write_arrays)


def _kept(
    path: Path, compute: Callable[[], Value], read: Callable[[Path], Value], write: Callable[[Path, Value], None]
) -> tuple[Value, bool]:
    lock = FileLock(path.with_suffix(".lock"), fallback_to_soft=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError:
        return compute(), False
    try:
        with contextlib.suppress(OSError, EOFError, ValueError, zipfile.BadZipFile):
            return read(path), True
        value = compute()
        with contextlib.suppress(OSError):
            write(path, value)
        return value, False
    finally:
        lock.release()


def _read_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def _write_json(path: Path, value: dict[str, Any]) -> None:
    write_atomically(path, json.dumps(value, ensure_ascii=False))


def _read_arrays(path: Path) -> "dict[str, np.ndarray]":
    import numpy as np

    with np.load(path, allow_pickle=False) as stored:
        return dict(stored)


def _write_arrays(path: Path, arrays: "dict[str, np.ndarray]") -> None:
    import numpy as np

    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
