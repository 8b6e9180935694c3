"""A cache shared by all trials, keyed by content: one process computes a value while the others wait."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

from filelock import FileLock

from medqa_sweeps.durable.files import write_atomically
from medqa_sweeps.durable.writable_folders import cache_folder


def shared(kind: str, key: str, compute: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], bool]:
    """The JSON object stored under `kind` and `key`, and whether it was already stored.

    The first process that needs it computes it, while others wait. If the file cannot be read (a full disk, another
    user's file), it is computed again. If nothing can be stored, each process computes it.

    Raises:
        ConfigError: if no cache folder is writable.
    """
    path = cache_folder() / kind / f"{key}.json"
    lock = FileLock(path.with_suffix(".lock"), fallback_to_soft=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError:
        return compute(), False
    try:
        with contextlib.suppress(OSError, json.JSONDecodeError):
            return json.loads(path.read_text()), True
        value = compute()
        with contextlib.suppress(OSError):
            write_atomically(path, json.dumps(value, ensure_ascii=False))
        return value, False
    finally:
        lock.release()
