"""What several trials may share, by content: the folder, and how one process computes while the others wait."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock

from medqa_sweeps.trial_dir import write_atomically


def cache_folder() -> Path:
    """`$MEDQA_SWEEPS_CACHE`, or `~/.cache/medqa_sweeps`. Safe to delete whenever no trial runs."""
    return Path(os.environ.get("MEDQA_SWEEPS_CACHE") or Path.home() / ".cache" / "medqa_sweeps")


def shared(kind: str, key: str, compute: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], bool]:
    """The JSON object stored under `kind` and `key`, and whether it was there already.

    Computed by the first process that asks, while others that ask for the same wait for it. A file that cannot be
    read (a disk that was full) is computed again.
    """
    path = cache_folder() / kind / f"{key}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        try:
            return json.loads(path.read_text()), True
        except (FileNotFoundError, json.JSONDecodeError):
            value = compute()
            write_atomically(path, json.dumps(value, ensure_ascii=False))
            return value, False
