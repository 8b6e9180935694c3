"""Stores what a benchmark measured, with the machine and the versions that it was measured on."""

import json
import os
import platform
import sys
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

RESULTS = Path(__file__).parent / "results"


def store(name: str, figures: Any, versions: Mapping[str, str] | None = None) -> Path:
    """The file written: `results/NAME.json`, in place of an earlier one.

    Args:
        figures: whatever JSON can hold.
        versions: of peers in environments of their own; those of what this one stands on are added.
    """
    ours = {name: version(name) for name in ("hydra-core", "omegaconf", "optuna", "torch", "unsloth")}
    record = {
        "date": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "command": " ".join(["python", "-m", f"benchmarks.{Path(sys.argv[0]).stem}", *map(_shown, sys.argv[1:])]),
        "machine": {
            "cpu": _cpu_model(),
            "cores": psutil.cpu_count(logical=True),
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
            "load_1_minute": os.getloadavg()[0],  # at the end; above the cores: others were at work, repeat it
        },
        "versions": {"python": platform.python_version(), **ours, **(versions or {})},
        "figures": figures,
    }
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{name}.json"
    file.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    return file


def _shown(word: str) -> str:
    """A word of the command; of a path on this machine its name alone."""
    return f".../{Path(word).name}" if Path(word).is_absolute() else word


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
