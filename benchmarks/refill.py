"""How soon a slot is busy again: from a trial's end, or from the decision to prune it, to the next trial's first step.

    python -m benchmarks.refill                stand-in trials, and real tiny ones, on each engine that is there
    python -m benchmarks.refill --engine local --only stand-in

Read from the folders that a sweep leaves: the time of `result.json` (the end), of `stop` (the decision), of the next
trial's first line (its process is at work) and of its first training line (its first step is done). Slots are refilled
in the order in which they become free. The stand-in trains nothing: a step is 0.02 s of sleep, all around it is real.
The engines are this machine and virtual clusters on it. They take turns, with the same trials, 2 slots and no GPU.
"""

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.clusters import ENGINES, our_launcher, startable, started
from benchmarks.record import store
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import Outcome, TrainLine

ROOT = Path(__file__).parents[1]
SLOTS = 2
PROGRAMS = {"stand-in": ROOT / "tests" / "sweep" / "program.py", "real": ROOT / "launch.py"}
WORDS = {
    "stand-in": ["training.max_steps=50", "split.max_validation=16", "training.effective_batch_size=8"],
    "real": ["training.max_steps=20", "evaluation.baseline=false", "engine.threads=1"],
}
PRUNE_ALL = ["hydra/sweeper/pruner=threshold", "hydra.sweeper.pruner.lower=2"]  # no accuracy is above 2
ENDS: dict[str, list[str]] = {"completed": [], "pruned": PRUNE_ALL}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--only", choices=PROGRAMS, nargs="+", default=list(PROGRAMS))
    parser.add_argument("--engine", choices=ENGINES, nargs="+", default=list(ENGINES))
    asked = parser.parse_args()
    engines = startable(asked.engine)
    if not engines:
        sys.exit(1)
    figures = {}
    for kind, (what, words), engine in itertools.product(asked.only, ENDS.items(), engines):
        name = f"{kind}, {what}" if engine == "local" else f"{kind}, {what}, {engine}"
        with tempfile.TemporaryDirectory(prefix="refill-") as folder:
            with started(engine):
                _sweep(kind, [*words, *launcher(engine)], asked.trials, Path(folder) / "study")
            figures[name] = _gaps(Path(folder) / "study", asked.trials)
        for gap, found in figures[name].items():
            print(f"{name}: {gap} {found['median']:.3f} s (median of {found['count']}, most {found['most']:.3f} s)")
    print(f"stored in {store('refill', figures)}")


def launcher(engine: str) -> list[str]:
    """Overrides for our launcher: the first trial waits for both slots, which a cluster grants one after the other.

    Trials that begin together end together, and share the cores at the refill: so it is on each engine.
    """
    all_at_once = [] if engine == "local" else [f"hydra.launcher.at_least={SLOTS}"]
    return [*our_launcher(engine, SLOTS, gpus=0), *all_at_once]


def _sweep(kind: str, words: Sequence[str], trials: int, folder: Path) -> None:
    rates = ",".join(f"{1e-3 * (1 + place):g}" for place in range(trials))
    command = [
        *(sys.executable, str(PROGRAMS[kind]), "-m", "experiment=quickstart", "tracking=none", *WORDS[kind], *words),
        *(f"optimizer.lr={rates}", f"hydra.sweep.dir={folder}"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if len(list(folder.glob("*/result.json"))) < trials:
        sys.exit(f"the sweep ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def _gaps(folder: Path, trials: int) -> dict[str, dict[str, float]]:
    """By name of what is measured: its median, its largest, and how many there are; seconds."""
    all_of_them = [TrialDir(folder / str(number)) for number in range(trials)]
    begun = sorted(all_of_them, key=_first_line)[SLOTS:]
    ended = sorted(all_of_them, key=lambda trial: trial.result_file.stat().st_mtime)
    pairs = list(zip(ended, begun, strict=False))
    gaps = {
        "end to next at work": [_first_line(after) - before.result_file.stat().st_mtime for before, after in pairs],
        "end to next first step": [_first_step(after) - before.result_file.stat().st_mtime for before, after in pairs],
    }
    pruned = [(before, after) for before, after in pairs if _was_pruned(before)]
    if pruned:
        decided = [(before.stop_file.stat().st_mtime, after) for before, after in pruned]
        gaps["decision to end"] = [one.result_file.stat().st_mtime - one.stop_file.stat().st_mtime for one, _ in pruned]
        gaps["decision to next at work"] = [_first_line(after) - at for at, after in decided]
        gaps["decision to next first step"] = [_first_step(after) - at for at, after in decided]
    return {name: {"median": statistics.median(gap), "most": max(gap), "count": len(gap)} for name, gap in gaps.items()}


def _was_pruned(trial: TrialDir) -> bool:
    result = trial.result()
    return result is not None and result.outcome is Outcome.PRUNED and trial.stop_file.exists()


def _first_line(trial: TrialDir) -> float:
    return min(line.time for line in trial.metrics())


def _first_step(trial: TrialDir) -> float:
    return min(line.time for line in trial.metrics() if isinstance(line, TrainLine))


if __name__ == "__main__":
    main()
