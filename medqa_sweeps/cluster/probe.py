"""A process on a node, which a pool starts as it starts a trial; it answers what `examination` asks."""

import os
import platform
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
from filelock import BaseFileLock, SoftFileLock, Timeout

from medqa_sweeps.cluster.exchange import LOOK_SECONDS, Silent, answer, asked, await_line
from medqa_sweeps.durable.claim import claim
from medqa_sweeps.durable.lines import append_lines
from medqa_sweeps.durable.writable_folders import cache_folder
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.versions import COMPUTING

SILENCE_SECONDS = 600.0  # after which it leaves: whoever asked is gone
ASKED_LINES, ANSWERED_LINES = "asked.jsonl", "answered.jsonl"
LOCKED = "locked"  # the folder within the shared one whose lock is tried


def main(arguments: list[str]) -> int:
    """Answers until it is killed; FAILED after a long silence."""
    folder = Path(arguments[0])
    held: list[BaseFileLock] = []  # until this process ends
    number, heard_at = 0, time.monotonic()
    while time.monotonic() - heard_at < SILENCE_SECONDS:
        request = asked(folder, number)
        if request is None:
            time.sleep(LOOK_SECONDS)
            continue
        seen = time.time()
        match request["what"]:
            case "describe":
                reply = description(folder)
            case "claim":
                lock, reply = _claim(folder.parent / LOCKED)
                held += [lock] if lock else []
            case "try_claim":
                lock, reply = _claim(folder.parent / LOCKED)
                if lock is not None:
                    lock.release()
            case "lines":
                reply = _answer_lines(folder, request["count"])
            case _:  # an echo
                reply = {}
        answer(folder, number, {**reply, "seen": seen, "answered": time.time()})
        number, heard_at = number + 1, time.monotonic()
    return ExitCode.FAILED


def description(folder: Path) -> dict[str, Any]:
    """What this machine has, and where `folder` and the cache are on it."""
    from medqa_sweeps.doctor import examine_hardware

    try:
        cache, obstacle = str(cache_folder()), ""
    except ConfigError as error:
        cache, obstacle = "", str(error)
    return {
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in COMPUTING},
        "findings": [[one.topic, one.state, one.sentence] for one in examine_hardware()],
        "gpus": os.environ.get("CUDA_VISIBLE_DEVICES", ""),
        "cache": cache,
        "cache_obstacle": obstacle,
        "cache_disk": kind_of_disk(Path(cache)) if cache else "",
        "disk": kind_of_disk(folder),
    }


def kind_of_disk(path: Path) -> str:
    """The type of the file system that holds a path, with what of its options decides locks and caches: `nfs4,nolock`;
    "": unknown."""
    mounts = [one for one in psutil.disk_partitions(all=True) if path.is_relative_to(one.mountpoint)]
    if not mounts:
        return ""
    mount = max(mounts, key=lambda one: len(one.mountpoint))
    telling = ("nolock", "local_lock", "localflock", "flock", "noflock", "lookupcache", "actimeo", "noac")
    options = [one for one in mount.opts.split(",") if one.split("=")[0] in telling and one != "local_lock=none"]
    return ",".join([mount.fstype, *options])


def _claim(folder: Path) -> tuple[BaseFileLock | None, dict[str, Any]]:
    try:
        held = claim(folder)
    except Timeout:
        return None, {"claimed": False}
    return held, {"claimed": True, "by_file": isinstance(held, SoftFileLock)}


def _answer_lines(folder: Path, count: int) -> dict[str, Any]:
    """Answer each line of a file that grows by a line of another."""
    for number in range(1, count + 1):
        try:
            await_line(folder, ASKED_LINES, number, lambda: None)
        except Silent:
            return {"lines": number - 1}
        seen = time.time()
        append_lines(folder / ANSWERED_LINES, [{"seen": seen, "answered": time.time()}])
    return {"lines": count}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
