"""The quickstart sweep against the ways one would run the same four trials without it.

    python -m benchmarks.quickstart                        as the README types it: about 15 minutes on 2 quiet cores
    python -m benchmarks.quickstart --steps 10             a try
    python -m benchmarks.quickstart --only ours shell

ours      hydra/sweeper=async_optuna hydra/launcher=local_gpus, the default
shell     a loop of four single runs
basic     Hydra's basic launcher, in one command: one after the other
joblib    Hydra's joblib launcher with two processes, in an environment laid over this one

Each has an output folder and a cache folder of its own, so each scores the untuned base anew. Where ours spends its
time is read from its folders. The tiny model and its synthetic questions prove the machinery, never medicine.

A process imports for 6 to 8 s where Python may keep its compiled bytecode, as it does by default, and for 15 to 17 s
where it may not (PYTHONDONTWRITEBYTECODE, as many containers set it). Both are measured: a loop of single runs pays
that four times.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers import layered
from benchmarks.record import store
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import TrainLine, ValidationLine

ROOT = Path(__file__).parents[1]
RANKS = (8, 16, 32, 64)
WORDS = ["experiment=quickstart", "tracking=none"]
SWEPT = f"lora.r={','.join(map(str, RANKS))}"
STOCK = [f"hydra.sweeper.n_jobs={len(RANKS)}"]  # one batch; `hydra/sweeper=basic` cannot compose this config
JOBLIB = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
BYTECODE = {"kept": "", "forbidden": "1"}  # what PYTHONDONTWRITEBYTECODE is
_IMPORT = "import medqa_sweeps.worker.run, medqa_sweeps.sweep.sweeper, medqa_sweeps.analysis.terminal.printing"
_PATIENCE_SECONDS = 400.0  # with one command, before it counts as failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, help="of training; default: the quickstart's own")
    parser.add_argument("--only", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--bytecode", nargs="+", choices=BYTECODE, default=list(BYTECODE))
    asked = parser.parse_args()
    words = [*WORDS, *([f"training.max_steps={asked.steps}"] if asked.steps else [])]
    figures: dict[str, object] = {"steps": asked.steps}
    for bytecode in asked.bytecode:
        with tempfile.TemporaryDirectory(prefix="bytecode-") as compiled:
            environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled, "PYTHONDONTWRITEBYTECODE": BYTECODE[bytecode]}
            if bytecode == "kept":
                subprocess.run([sys.executable, "-c", _IMPORT], cwd=ROOT, env=environment, capture_output=True)
            figures[f"bytecode_{bytecode}"] = _compared(asked.only, words, environment)
    print(f"stored in {store('quickstart', figures)}")


def _compared(ways: Sequence[str], words: Sequence[str], environment: dict[str, str]) -> dict[str, object]:
    """Wall time of each way, seconds, and where it went."""
    figures: dict[str, object] = {}
    wall: dict[str, float] = {}
    for way in ways:
        with tempfile.TemporaryDirectory(prefix=f"quickstart-{way}-") as folder:
            began = time.time()
            failed = _failed(way, words, Path(folder), environment)
            if failed:
                print(f"{way}: {failed}", flush=True)
                figures[way] = {"failed": failed}
                continue
            wall[way] = time.time() - began
            figures[way] = {"wall_seconds": wall[way], **_where(Path(folder), began, time.time())}
            ratio = f", {wall[way] / wall['ours']:.2f} times ours" if "ours" in wall else ""
            print(f"{way}: {wall[way]:.1f} s{ratio}; {figures[way]}", flush=True)
    return figures


def _failed(way: str, words: Sequence[str], folder: Path, environment: dict[str, str]) -> str:
    """Why one way did not come to its end; empty: it did."""
    with open(folder / "log", "w") as log:
        for python, command in WAYS[way](folder):
            if python is None:
                return "missing"
            running = subprocess.Popen(
                [str(python), str(ROOT / "launch.py"), *command, *words],
                cwd=folder,
                env={**environment, "PYTHONPATH": str(ROOT), "MEDQA_SWEEPS_CACHE": str(folder / "cache")},
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
            try:
                code = running.wait(_PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)  # with the workers that a peer has started
                running.wait()
                return f"stopped after {_PATIENCE_SECONDS:.0f} s: {(folder / 'log').read_text()[-800:]}"
            if code:
                return f"exit {code}: {(folder / 'log').read_text()[-800:]}"
    missing = len(RANKS) - len(list(folder.glob("trials/*/result.json")))
    return f"{missing} trials have no result: {(folder / 'log').read_text()[-800:]}" if missing else ""


def _ours(folder: Path) -> list[tuple[Path | None, list[str]]]:
    return [(Path(sys.executable), ["-m", SWEPT, f"hydra.sweep.dir={folder / 'trials'}"])]


def _shell(folder: Path) -> list[tuple[Path | None, list[str]]]:
    return [
        (Path(sys.executable), [f"lora.r={rank}", f"hydra.run.dir={folder / 'trials' / str(rank)}"]) for rank in RANKS
    ]


def _basic(folder: Path) -> list[tuple[Path | None, list[str]]]:
    words = ["-m", *STOCK, "hydra/launcher=basic", SWEPT, f"hydra.sweep.dir={folder / 'trials'}"]
    return [(Path(sys.executable), words)]


def _joblib(folder: Path) -> list[tuple[Path | None, list[str]]]:
    python = layered("joblib", ["hydra-joblib-launcher==1.2.0"])
    return [(python, ["-m", *STOCK, *JOBLIB, SWEPT, f"hydra.sweep.dir={folder / 'trials'}"])]


WAYS = {"ours": _ours, "shell": _shell, "basic": _basic, "joblib": _joblib}


def _where(folder: Path, began: float, ended: float) -> dict[str, float]:
    """Seconds: until the first trial was at work, in trials (the sum over all of them), after the last one."""
    trials = [TrialDir(result.parent) for result in sorted(folder.glob("trials/*/result.json"))]
    lines = {trial: trial.metrics() for trial in trials}
    first = {trial: min(line.time for line in lines[trial]) for trial in trials}
    last = {trial: trial.result_file.stat().st_mtime for trial in trials}
    evaluated = sum(line.seconds for trial in trials for line in lines[trial] if isinstance(line, ValidationLine))
    first_steps = [min(line.time for line in lines[trial] if isinstance(line, TrainLine)) for trial in trials]
    last_steps = [max(line.time for line in lines[trial] if isinstance(line, TrainLine)) for trial in trials]
    return {
        "before_the_first_trial": min(first.values()) - began,
        "in_trials": sum(last[trial] - first[trial] for trial in trials),
        "to_their_first_steps": sum(step - first[trial] for step, trial in zip(first_steps, trials, strict=True)),
        "between_first_and_last_steps": sum(last - first for first, last in zip(first_steps, last_steps, strict=True)),
        "evaluating": evaluated,
        "after_the_last_trial": ended - max(last.values()),
    }


if __name__ == "__main__":
    main()
