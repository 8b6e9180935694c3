"""What the parent spends on each trial as a study grows: seconds of CPU by tenths of its trials.

    python -m benchmarks.growth                                 10,000 trials of grid and random, 2,000 of TPE
    python -m benchmarks.growth --trials 1000 --searches tpe --storage journal

The loop, the study and Optuna are real; the jobs are `tests/sweep/simulated.py`, in virtual time. "Optuna alone" asks
and tells the same number of trials with the same sampler and storage, and nothing else: the rest is ours.
"""

import argparse
import itertools
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import optuna

from benchmarks.record import store
from medqa_sweeps.jobs.contract import JobEnded
from medqa_sweeps.jobs.failures import CircuitBreaker
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.sweep.journal import journal_of
from medqa_sweeps.sweep.loop import Budget, Sweep
from medqa_sweeps.sweep.space_parsing import parse_search_space
from medqa_sweeps.sweep.study import Study
from tests.sweep.simulated import Course, SimulatedJobs

SLOTS = 8
TENTHS = 10


class Clock:
    """A view that notes the CPU time of every end."""

    def __init__(self) -> None:
        self.at = [time.process_time()]

    def earlier(self, ended: JobEnded, settings: str) -> None: ...
    def started(self, number: int, settings: str) -> None: ...
    def say(self, sentence: str) -> None: ...
    def update(self) -> None: ...

    def ended(self, ended: JobEnded, settings: str) -> None:
        self.at.append(time.process_time())


def main() -> None:
    asked = _parse()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rows = []
    for search in asked.searches:
        for storage in asked.storage:
            trials = asked.trials if search != "tpe" else asked.tpe_trials
            with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
                ours = _by_tenth(_sweep(search, trials, _study(search, storage, Path(first))))
                alone = _by_tenth(_optuna_alone(search, trials, _study(search, storage, Path(second))))
            rows.append({"search": search, "storage": storage, "trials": trials, "sweep": ours, "optuna_alone": alone})
            print(f"{search}, {storage}, {trials:,} trials; CPU milliseconds a trial, by tenths of them")
            print("    sweep        " + "".join(f"{one:7.2f}" for one in ours))
            print("    Optuna alone " + "".join(f"{one:7.2f}" for one in alone), flush=True)
    print(f"stored in {store('growth', rows)}")


def _sweep(search: str, trials: int, into: optuna.Study) -> list[float]:
    """CPU time at the start and at every trial's end, seconds."""
    study = Study(into, parse_search_space(_words(search, trials), {}, [], {}, None), trials)
    draw = random.Random(0)
    jobs = SimulatedJobs(SLOTS, lambda number, words: Course(seconds=draw.expovariate(1), value=draw.random()))
    clock = Clock()
    assert Sweep(study, jobs, None, CircuitBreaker(0.0, trials), Budget(), clock).run().complete
    return clock.at


def _optuna_alone(search: str, trials: int, study: optuna.Study) -> list[float]:
    """Likewise, of `ask` and `tell` with as many trials open at a time."""
    space = parse_search_space(_words(search, trials), {}, [], {}, None)
    points = space.points() if search == "grid" else iter(())
    draw, running, at = random.Random(0), [], [time.process_time()]
    for number in range(trials + SLOTS):
        if number < trials:
            if search == "grid":
                study.enqueue_trial(next(points))
            running.append(study.ask())
            space.suggest(running[-1])
        if number >= SLOTS:
            study.tell(running.pop(0), draw.random())
            at.append(time.process_time())
    return at


def _words(search: str, trials: int) -> Sequence[str]:
    if search == "grid":  # as many points as trials, or a few less
        return (f"a=range(0,{trials // 10})", "b=range(0,10)")
    return ("x=interval(0,1)", "y=interval(0,1)")


def _study(search: str, storage: str, folder: Path) -> optuna.Study:
    return optuna.create_study(
        storage=journal_of(StudyDir(folder)) if storage == "journal" else None,
        study_name="growth",
        sampler=optuna.samplers.TPESampler(seed=0) if search == "tpe" else optuna.samplers.RandomSampler(seed=0),
    )


def _by_tenth(at: Sequence[float]) -> list[float]:
    """Milliseconds a trial."""
    step = (len(at) - 1) / TENTHS
    edges = [round(place * step) for place in range(TENTHS + 1)]
    return [1000 * (at[end] - at[start]) / (end - start) for start, end in itertools.pairwise(edges)]


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10_000, help="of grid and random")
    parser.add_argument("--tpe-trials", type=int, default=2_000)
    parser.add_argument("--searches", nargs="+", default=["grid", "random", "tpe"], choices=["grid", "random", "tpe"])
    parser.add_argument("--storage", nargs="+", default=["journal"], choices=["journal", "memory"])
    return parser.parse_args()


if __name__ == "__main__":
    main()
