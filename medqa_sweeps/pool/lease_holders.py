"""Notes of which sweep holds a GPU, only for messages: the locks of `leases` decide."""

import json
import time
from pathlib import Path

import psutil

from medqa_sweeps.durable.files import write_atomically
from medqa_sweeps.durable.writable_folders import cache_folder


def leases_folder() -> Path:
    """The folder of locks and notes, for all processes with this cache folder."""
    return cache_folder() / "leases"


def write_lease_holder(file: Path, folder: Path) -> None:
    """Note that this process, which works in `folder`, holds the device that the file is named after."""
    process = psutil.Process()
    since = time.strftime("%Y-%m-%d %H:%M")
    holder = {"pid": process.pid, "process_started": process.create_time(), "study": str(folder), "since": since}
    write_atomically(file, json.dumps(holder))


def lease_holders(uuid: str) -> list[str]:
    """The running sweeps that hold a GPU, from their notes."""
    return [shown for note in sorted(leases_folder().glob(f"{uuid}*.json")) if (shown := _holder(note))]


def _holder(note: Path) -> str:
    try:
        holder = json.loads(note.read_text())
        alive = abs(psutil.Process(holder["pid"]).create_time() - holder["process_started"]) < 2
    except (FileNotFoundError, psutil.NoSuchProcess):
        return ""
    return f"the sweep of {holder['study']} (process {holder['pid']}, since {holder['since']})" if alive else ""
