"""What several trials may share, by content: one process computes it while the others wait."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

from filelock import FileLock

from medqa_sweeps.durable.files import write_atomically
from medqa_sweeps.durable.places import cache_folder


def shared(kind: str, key: str, compute: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], bool]:
    """The JSON object stored under `kind` and `key`, and whether it was there already.

    Computed by the first process that asks, while others that ask for the same wait for it. A file that cannot be
    read (a disk that was full, another user's) is computed again. Where nothing can be stored, each process computes.

    Raises:
        ConfigError: if there is no place for a cache.
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
