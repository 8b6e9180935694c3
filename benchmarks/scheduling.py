"""How well jobs of uneven length are packed on slots, and what the parent spends on each: ours, and our peers'.

    python -m benchmarks.scheduling                    200 jobs of mean 0, 0.2, 1 and 3 seconds on 8 slots: 15 minutes
    python -m benchmarks.scheduling --means 0.2 --only ours

The jobs sleep, so that the schedulers are measured and not the cores. All sample at random. A job of length zero shows
the overhead. The makespan runs from the first job's begin to the last job's end; `wall` is the whole command.
"""

import argparse
import contextlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.peers import peer, versions
from benchmarks.record import store
from benchmarks.turns import greedy_seconds, read_diary

_PATIENCE_SECONDS = 900.0  # with one sweep, before it counts as failed
HERE = Path(__file__).parent
ROOT = HERE.parent
SPACE = ["x=interval(0,1)", "y=interval(0,1)"]
OURS = ["hydra/sweeper=async_optuna", "hydra/launcher=local_gpus", "hydra.launcher.devices=cpu"]
STOCK = ["hydra/sweeper=optuna", "hydra/launcher=joblib"]


def main() -> None:
    asked = _parse()
    pythons = {"ours": Path(sys.executable), **{name: peer(name) for name in ("hydra", "ray") if name in asked.only}}
    found = {name: python for name, python in pythons.items() if python is not None and name in asked.only}
    rows = []
    for mean in asked.means:
        for _ in range(asked.repeat):
            for name, python in found.items():  # side by side: what disturbs one, disturbs the others
                rows.append(_measured(name, python, asked.trials, mean, asked.slots))
                print(_line(rows[-1]), flush=True)
    peers = {f"{name}: {package}": number for name in found for package, number in versions(found[name]).items()}
    print(f"stored in {store('scheduling', {'slots': asked.slots, 'runs': rows}, peers)}")


def _measured(name: str, python: Path, trials: int, mean: float, slots: int) -> dict[str, float | str]:
    """One sweep of one scheduler; `failed` instead of figures if it did not run all jobs."""
    with tempfile.TemporaryDirectory(prefix="scheduling-") as folder:
        diary, log = Path(folder) / "diary", Path(folder) / "log"
        began, before = time.monotonic(), _children_cpu()
        with open(log, "w") as output, contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                _command(name, python, trials, mean, slots, diary),
                cwd=folder,
                env={**os.environ, "PYTHONPATH": f"{ROOT}:{HERE}" if name == "ours" else str(HERE)},
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=_PATIENCE_SECONDS,
            )
        wall, cpu = time.monotonic() - began, _children_cpu() - before
        row: dict[str, float | str] = {"scheduler": name, "trials": trials, "mean_seconds": mean, "wall_seconds": wall}
        ended = diary.with_suffix(".ended")
        if not ended.exists() or len(ended.read_text().splitlines()) < trials:
            return {**row, "failed": log.read_text()[-1000:]}
        figures = {**read_diary(diary), "cpu_seconds_a_job": cpu / trials}
    if mean:
        figures["greedy_seconds"] = greedy_seconds(trials, mean, slots)
        figures["over_greedy"] = figures["makespan_seconds"] / figures["greedy_seconds"]
    return {**row, **figures}


def _command(name: str, python: Path, trials: int, mean: float, slots: int, diary: Path) -> list[str]:
    if name == "ray":
        words = [str(diary), str(trials), str(mean), str(slots), str(diary.parent / "ray")]
        return [str(python), str(HERE / "ray_sleeper.py"), *words]
    of_sweeper = {
        "ours": [*OURS, f"hydra.launcher.slots_per_device={slots}"],
        "hydra": [*STOCK, f"hydra.launcher.n_jobs={slots}", f"hydra.sweeper.n_jobs={slots}"],
    }[name]
    return [
        *(str(python), str(HERE / "sleeper.py"), "-m", *of_sweeper, "hydra/sweeper/sampler=random"),
        *(f"hydra.sweeper.n_trials={trials}", f"hydra.sweep.dir={diary.parent / 'study'}", *SPACE),
        *(f"count={trials}", f"mean_seconds={mean}", f"diary={diary}"),
    ]


def _children_cpu() -> float:
    """CPU seconds of all processes that have been started and waited for; Ray's own servers are not among them."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _line(row: dict[str, float | str]) -> str:
    head = f"{row['scheduler']:>6}, mean {row['mean_seconds']} s: "
    if "failed" in row:
        return f"{head}failed: {row['failed']}"
    greedy = f", {row['over_greedy']:.3f} of greedy" if "over_greedy" in row else ""
    return (
        f"{head}makespan {row['makespan_seconds']:.2f} s{greedy}, wall {row['wall_seconds']:.2f} s; a trial: "
        f"{1000 * float(row['parent_cpu_seconds_a_job']):.1f} ms of the parent's CPU, "
        f"{1000 * float(row['cpu_seconds_a_job']):.0f} ms of all"
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument(
        "--means", type=lambda text: [float(one) for one in text.split(",")], default=[0.0, 0.2, 1.0, 3.0]
    )
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--only", type=lambda text: text.split(","), default=["ours", "hydra", "ray"])
    return parser.parse_args()


if __name__ == "__main__":
    main()
