"""The durations that every scheduler works through in order, and the diary in which the jobs note their times.

The n-th job to begin sleeps the n-th duration, whatever its parameters are. Standard library alone: it is imported in
the peers' environments too.
"""

import fcntl
import heapq
import json
import os
import random
import time
from pathlib import Path
from typing import Any


def durations(count: int, mean_seconds: float) -> list[float]:
    """Exponential, seconds, always the same."""
    draw = random.Random(0)
    return [mean_seconds * draw.expovariate(1) for _ in range(count)]


def greedy_seconds(count: int, mean_seconds: float, slots: int) -> float:
    """How long they take if each begins, in order, the moment that a slot is free: no scheduler is faster."""
    free_at = [0.0] * slots
    for seconds in durations(count, mean_seconds):
        heapq.heapreplace(free_at, free_at[0] + seconds)
    return max(free_at)


def ended_jobs(diary: Path) -> int:
    """How many jobs have ended."""
    ended = diary.with_suffix(".ended")
    return len(ended.read_text().splitlines()) if ended.exists() else 0


def read_diary(diary: Path) -> dict[str, float]:
    """From the first job's begin to the last job's end, seconds; the parent's CPU seconds meanwhile, a job."""
    began = [json.loads(line)["began"] for line in diary.read_text().splitlines()]
    ended = [json.loads(line) for line in diary.with_suffix(".ended").read_text().splitlines()]
    first, last = min(began, key=_at), max(ended, key=_at)
    return {
        "jobs": len(ended),
        "makespan_seconds": last["at"] - first["at"],
        "parent_cpu_seconds_a_job": (last["parent_cpu"] - first["parent_cpu"]) / max(1, len(began) - 1),
    }


def sleep_in_turn(diary: Path, count: int, mean_seconds: float, parent: int) -> None:
    """Sleep as long as the next in the list, and note in the diary when that began and ended.

    Args:
        parent: process whose CPU time is noted with both.
    """
    began: dict[str, object] = {"at": time.time(), "parent_cpu": cpu_seconds(parent)}
    turn = _note(diary, {"began": began})
    seconds = durations(count, mean_seconds)[turn]
    time.sleep(seconds)
    _note(diary.with_suffix(".ended"), {"turn": turn, "at": time.time(), "parent_cpu": cpu_seconds(parent)})


def cpu_seconds(process: int) -> float:
    """That a process has computed, to a hundredth; the parts of proc(5)'s `stat` called utime and stime."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _at(note: dict[str, Any]) -> float:
    return float(note["at"])


def _note(file: Path, line: dict[str, object]) -> int:
    """Append a line; how many were there before."""
    with open(file, "a+") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        opened.seek(0)
        before = sum(1 for _ in opened)
        opened.write(json.dumps(line) + "\n")
    return before
