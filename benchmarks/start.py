"""How long a sweep takes to start, with the checks of every value before it and without them.

    python -m benchmarks.start                 five starts of each: 2 minutes

A start is measured as a whole command that plans only (hydra.sweeper.plan_only=true): Python's imports, Hydra, reading
the questions, and the checks. CPU seconds beside the wall's tell whether others were at work. The checks are a sum over
the values, so a grid of 10,000 points costs as many as its lists are long; of a long range they are seven.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.record import store

ROOT = Path(__file__).parents[1]
SWEEPS = {
    "quickstart, 4 points": ["lora.r=8,16,32,64"],
    "ranges, 10,000 points": ["lora.r=range(1,101)", "seed=range(0,100)"],
    "lists, 10,000 points": [f"lora.r={','.join(map(str, range(1, 101)))}", f"seed={','.join(map(str, range(100)))}"],
}
_WITHOUT = "import medqa_sweeps.sweep.sweeper as sweeper; sweeper.preflight = lambda *asked: []"
_RUN = "import runpy, sys; sys.argv[0] = 'launch.py'; runpy.run_path(sys.argv.pop(1), run_name='__main__')"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    repeat = parser.parse_args().repeat
    figures = {}
    for name, words in SWEEPS.items():
        _start(words, checked=True)  # files are read from memory from here on
        starts = [(_start(words, checked=False), _start(words, checked=True)) for _ in range(repeat)]
        without, checked = (list(of_one) for of_one in zip(*starts, strict=True))
        figures[name] = {"without_checks": without, "with_checks": checked, "added": _added(without, checked)}
        print(f"{name}: {_shown(without)} without the checks, {_shown(checked)} with them", flush=True)
    print(f"stored in {store('start', figures)}")


def _start(words: list[str], checked: bool) -> dict[str, float]:
    """Seconds of one command, by the clock and of CPU."""
    program = f"{'' if checked else _WITHOUT}\n{_RUN}"
    with tempfile.TemporaryDirectory(prefix="start-") as folder:
        asked = ["-m", "experiment=quickstart", "tracking=none", *words, "hydra.sweeper.plan_only=true"]
        began, before = time.monotonic(), _children_cpu()
        subprocess.run(
            [sys.executable, "-c", program, str(ROOT / "launch.py"), *asked, f"hydra.sweep.dir={folder}/study"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return {"wall_seconds": time.monotonic() - began, "cpu_seconds": _children_cpu() - before}


def _added(without: list[dict[str, float]], checked: list[dict[str, float]]) -> dict[str, float]:
    """What the checks add, by the medians."""
    return {key: _median(checked, key) - _median(without, key) for key in without[0]}


def _median(starts: list[dict[str, float]], key: str) -> float:
    return statistics.median(start[key] for start in starts)


def _shown(starts: list[dict[str, float]]) -> str:
    return f"{_median(starts, 'wall_seconds'):.2f} s (CPU {_median(starts, 'cpu_seconds'):.2f} s)"


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
