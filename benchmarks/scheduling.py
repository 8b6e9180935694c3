"""How well jobs of uneven length are packed on slots, and what the parent spends on each: ours, and our peers'.

    python -m benchmarks.scheduling                    200 jobs of mean 0, 0.2, 1 and 3 seconds on 8 slots: 15 minutes
    python -m benchmarks.scheduling --means 0.2 --only ours
    python -m benchmarks.scheduling --engine slurm ray   on 6 slots of virtual clusters: mean 0 and 1

The jobs sleep, so that the schedulers are measured and not the cores. A job of length zero shows the overhead. The
makespan runs from the first job's begin to the last job's end; `wall` is the whole command. `lost` is what of a slot's
time a job takes beyond its length, were the slots filled as greedily as can be. Each engine has a result of its own.
"""

import argparse
import contextlib
import resource
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks import schedulers
from benchmarks.clusters import ENGINES, startable, started
from benchmarks.peers import versions
from benchmarks.record import store
from benchmarks.turns import ended_jobs, greedy_seconds, read_diary

SLOTS = {"local": 8, "slurm": 6, "ray": 6}  # a virtual cluster has no more
MEANS = {"local": [0.0, 0.2, 1.0, 3.0], "slurm": [0.0, 1.0], "ray": [0.0, 1.0]}
_SAID = 1000  # last characters of what a failed sweep said


def main() -> None:
    asked = _parse()
    for engine in startable(asked.engine or ["local"]):
        _compare(engine, asked)


def _compare(engine: str, asked: argparse.Namespace) -> None:
    """Measure every scheduler of the engine, and store what was found."""
    pythons = schedulers.pythons(engine, asked.only)
    slots = asked.slots or SLOTS[engine]
    rows = []
    for mean in asked.means or MEANS[engine]:
        for _ in range(asked.repeat):
            for name, python in pythons.items():  # side by side: what disturbs one, disturbs the others
                with started(engine):
                    rows.append(_measured(name, engine, python, mean, slots, asked))
                print(_line(engine, rows[-1]), flush=True)
    peers = {f"{name}: {package}": number for name, its in pythons.items() for package, number in versions(its).items()}
    stored = "scheduling" if engine == "local" else f"scheduling_{engine}"
    print(f"stored in {store(stored, {'slots': slots, 'runs': rows}, peers)}")


def _measured(
    name: str, engine: str, python: Path, mean: float, slots: int, asked: argparse.Namespace
) -> dict[str, float | str]:
    """One sweep of one scheduler; `failed` instead of figures if it did not run all jobs."""
    trials = asked.trials
    with tempfile.TemporaryDirectory(prefix="scheduling-") as folder:
        diary, log = Path(folder) / "diary", Path(folder) / "log"
        began, before, ended = time.monotonic(), _children_cpu(), False
        with open(log, "w") as output, contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                schedulers.command(name, engine, python, trials, mean, slots, diary),
                cwd=folder,
                env=schedulers.environment(name),
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=asked.patience,
            )
            ended = True
        wall, cpu = time.monotonic() - began, _children_cpu() - before
        row: dict[str, float | str] = {"scheduler": name, "trials": trials, "mean_seconds": mean, "wall_seconds": wall}
        row["never_ended"] = trials - ended_jobs(diary)
        if row["never_ended"] or not ended:
            why = "" if ended else f"ended by us after {asked.patience:g} s: "
            return {**row, "failed": why + log.read_text()[-_SAID:]}
        figures = {**read_diary(diary), "cpu_seconds_a_job": cpu / trials}
    greedy = greedy_seconds(trials, mean, slots)
    figures["lost_seconds_a_job"] = (figures["makespan_seconds"] - greedy) * slots / trials
    if mean:
        figures["greedy_seconds"] = greedy
        figures["over_greedy"] = figures["makespan_seconds"] / greedy
    return {**row, **figures}


def _children_cpu() -> float:
    """CPU seconds of all processes that have been started and waited for: not Ray's servers, nor a cluster's jobs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _line(engine: str, row: dict[str, float | str]) -> str:
    head = f"{engine}, {row['scheduler']}, mean {row['mean_seconds']} s: "
    if "failed" in row:
        return f"{head}failed, {row['never_ended']} of {row['trials']} jobs never ended: {row['failed']}"
    greedy = f", {row['over_greedy']:.3f} of greedy" if "over_greedy" in row else ""
    return (
        f"{head}makespan {row['makespan_seconds']:.2f} s{greedy}, wall {row['wall_seconds']:.2f} s; a trial: "
        f"{row['lost_seconds_a_job']:.3f} s of a slot lost, {1000 * float(row['parent_cpu_seconds_a_job']):.1f} ms of "
        f"the parent's CPU, {1000 * float(row['cpu_seconds_a_job']):.0f} ms with its children's"
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=ENGINES, nargs="+", action="extend", help="local unless given")
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--slots", type=int, help="8, on a cluster 6")
    parser.add_argument("--means", type=lambda text: [float(one) for one in text.split(",")])
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--only", type=lambda text: text.split(","), help="names of schedulers")
    parser.add_argument("--patience", type=float, default=900.0, help="seconds for one sweep, then it counts as failed")
    return parser.parse_args()


if __name__ == "__main__":
    main()
