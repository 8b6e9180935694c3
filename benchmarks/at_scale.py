"""Whether one parent keeps 1,000 slots busy: the real loop, study, storage, pool and table, in virtual time.

    python -m benchmarks.at_scale --keep FILE        50,000 trials of ten minutes: 2 hours; goes on where it stopped
    python -m benchmarks.at_scale --trials 2000 --fewer 1000 --slots 100 --known 2000

What the parent computes takes as much virtual time as it takes CPU time here. The trials' folders and configs are
not in the simulation, nor are clients of a cluster; their cost is measured on as many real ones first
(`parent_costs.py`) and charged: composing, starting, at each poll a look at each slot and into each running trial's
folder, and the end. The yardstick is a greedy schedule of the
same durations in the same order on the same cluster (`simulated_cluster.py`), whose decisions take no time.
"""

import argparse
import json
import math
import random
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial
from rich.console import Console

from benchmarks.parent_costs import folder_costs, pilot_costs
from benchmarks.record import store
from benchmarks.simulated_cluster import (
    Conditions,
    Costs,
    SimulatedTrials,
    VirtualClock,
    Window,
    cluster_of,
    greedy_seconds,
)
from medqa_sweeps.durable.lines import append_lines, read_lines
from medqa_sweeps.jobs.contract import JobEnded
from medqa_sweeps.jobs.failures import CircuitBreaker
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.sweep.journal import journal_of
from medqa_sweeps.sweep.loop import Budget, Sweep, View
from medqa_sweeps.sweep.patience import Patience, patient
from medqa_sweeps.sweep.sampling import SeededPerTrial
from medqa_sweeps.sweep.search_space import SearchSpace
from medqa_sweeps.sweep.space_parsing import parse_search_space
from medqa_sweeps.sweep.storage import connected
from medqa_sweeps.sweep.study import Study
from medqa_sweeps.sweep.table import SweepTable
from medqa_sweeps.trial.phase import Phase, PhaseName
from medqa_sweeps.trial.records import Outcome

SEARCHES = ("random", "grid", "tpe")
_LARGEST_SQLITE = 10_000  # trials; to fill one with 50,000 takes longer than the rest of the benchmark
_UPDATES = 10
_ASKED = 50  # trials over which an ask and a tell are measured


@dataclass(frozen=True)
class Outline:
    """What is to be simulated."""

    search: str = "random"
    trials: int = 50_000
    conditions: Conditions = Conditions()  # noqa: RUF009 (frozen)
    costs: Costs = Costs()  # noqa: RUF009 (frozen)
    is_charged: bool = True  # whether the parent's own work takes virtual time
    storage: str = "journal"
    mean_seconds: float = 600.0  # of a trial, before it is cut to the longest
    longest_seconds: float = math.inf

    @property
    def seconds(self) -> list[float]:
        """Of each trial by number, exponential, always the same."""
        draw = random.Random(self.conditions.seed)
        return [min(self.longest_seconds, draw.expovariate(1 / self.mean_seconds)) for _ in range(self.trials)]

    def windows(self) -> list[list[Window]]:
        """Of each slot, long enough for a parent that is several times too slow."""
        shortest = sum(self.seconds) / self.conditions.slots + max(self.seconds)
        return self.conditions.windows(10 * shortest + 100 * self.conditions.queue_seconds)


def main() -> None:
    asked = _parse()
    if asked.part:
        print(json.dumps(_part(json.loads(asked.part))))
        return
    with tempfile.TemporaryDirectory() as folder:
        _measure(asked, _Parts(asked.keep or Path(folder) / "parts.jsonl"))


def _measure(asked: argparse.Namespace, parts: "_Parts") -> None:
    folders, slots = parts.figures({"folders": asked.slots}), parts.figures({"pilots": asked.slots})
    print(f"{_line(folders)}\n{_line(slots)}", flush=True)
    figures: dict[str, Any] = {"folders": folders, "slots": slots, "sweeps": [], "asks": []}
    costs = asdict(_costs(folders, slots))
    for search in asked.searches:
        trials = asked.trials if search == "random" else asked.fewer
        row = parts.figures({"search": search, "trials": trials, "slots": asked.slots, "costs": costs})
        figures["sweeps"].append(row)
        print(_line(row), flush=True)
    for known in asked.known:
        for search in asked.searches:
            for storage in ("journal", "sqlite") if known <= _LARGEST_SQLITE else ("journal",):
                row = parts.figures({"ask": search, "known": known, "running": asked.slots, "storage": storage})
                figures["asks"].append(row)
                print(_line(row), flush=True)
    figures["table"] = [parts.figures({"rows": asked.slots, "ended": known}) for known in asked.known]
    for row in figures["table"]:
        print(_line(row), flush=True)
    print(f"stored in {store('at_scale', figures)}")


class _Parts:
    """Measures each part in a process of its own, so that its peak memory is of this part alone.

    Args:
        file: keeps the figures of each; a part that it has is not measured again.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._kept = {json.dumps(part): figures for part, figures in read_lines(file, lambda line: line.values())}

    def figures(self, part: dict[str, Any]) -> dict[str, Any]:
        key = json.dumps(part)
        if key not in self._kept:
            command = [sys.executable, "-m", "benchmarks.at_scale", "--part", key]
            printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            self._kept[key] = json.loads(printed.splitlines()[-1])
            append_lines(self._file, [{"part": part, "figures": self._kept[key]}])
        return cast(dict[str, Any], self._kept[key])


def _part(part: dict[str, Any]) -> dict[str, Any]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="at_scale-") as name:
        folder = Path(name)
        if "folders" in part:
            return folder_costs(part["folders"], folder)
        if "pilots" in part:
            return pilot_costs(part["pilots"], folder)
        if "ask" in part:
            return asking(part["ask"], part["known"], part["running"], part["storage"], folder)
        if "rows" in part:
            return table_costs(part["rows"], part["ended"])
        outline = Outline(part["search"], part["trials"], Conditions(part["slots"]), Costs(**part["costs"]))
        return simulate(outline, folder)


def _costs(folders: dict[str, float], slots: dict[str, float]) -> Costs:
    prepare, start, look, end = (folders[f"{name}_cpu_ms"] / 1000 for name in ("prepare", "start", "look", "end"))
    return Costs(prepare, start, look + slots["look_cpu_ms"] / 1000, end)


def simulate(outline: Outline, folder: Path, view: View | None = None) -> dict[str, Any]:
    """One sweep to its end, and how it went.

    Args:
        view: None: the table as in a file, without a terminal.
    """
    seconds, windows = outline.seconds, outline.windows()
    values = random.Random(1)
    into = _optuna_study(outline.search, outline.storage, folder)
    clock, cpu = VirtualClock(outline.is_charged), time.process_time()
    with clock.instead_of_the_real_one(), open("/dev/null", "w") as nowhere:
        study = Study(into, _space(outline.search, outline.trials), outline.trials)
        cluster, pool = cluster_of(clock, outline.conditions, windows, seconds)
        jobs = SimulatedTrials(pool, clock, outline.costs, lambda number: values.random())
        shown = view or SweepTable(Console(file=nowhere, width=120), study.planned)
        result = Sweep(study, jobs, None, CircuitBreaker(1.0, study.total), Budget(), shown).run()
        makespan = clock.monotonic()
    own = time.process_time() - cpu
    greedy = greedy_seconds(seconds[: study.total], windows)
    assert result.complete
    states = [trial.state for trial in into.get_trials(deepcopy=False)]
    return {
        "search": outline.search,
        "storage": outline.storage,
        "trials": len(states),
        "slots": outline.conditions.slots,
        "completed": states.count(TrialState.COMPLETE),
        "failed": states.count(TrialState.FAIL),
        "slots_lost_with_their_nodes": cluster.lost_slots,
        "attempts_lost": jobs.attempts_lost,
        "starts": jobs.starts,
        "polls": jobs.polls,
        "virtual_hours": makespan / 3600,
        "over_greedy": makespan / greedy,
        "cores_of_loop": own / makespan,
        "cores_of_folders_and_slots": clock.charged / makespan,
        "cores": (own + clock.charged) / makespan,
        "loop_cpu_seconds": own,
        "charged_seconds": clock.charged,
        "peak_memory_mib": _peak_memory_mib(),
        "storage_bytes": sum(file.stat().st_size for file in folder.iterdir()),
    }


def asking(search: str, known: int, running: int, storage: str, folder: Path) -> dict[str, Any]:
    """What a trial costs in a study that has so many, the last of which run: to open the study, to ask, to tell."""
    space, draw = _space(search, known + 2 * _ASKED), random.Random(0)
    into = _optuna_study(search, storage, folder)
    into.add_trials(_earlier(space, search, known, min(running, known // 2), draw))
    began = time.perf_counter()
    opened = _optuna_study(search, storage, folder)
    resumed = Study(opened, space, known + 2 * _ASKED)
    resumed.told()
    open_seconds = time.perf_counter() - began
    resumed.ask()  # the first one makes what the others use
    began, cpu = time.perf_counter(), time.process_time()
    candidates = [candidate for _ in range(_ASKED) if (candidate := resumed.ask())]
    asked, asked_cpu = time.perf_counter() - began, time.process_time() - cpu
    began = time.perf_counter()
    for candidate in candidates:
        resumed.tell(JobEnded(candidate.number, Outcome.COMPLETED, draw.random()))
    told = time.perf_counter() - began
    return {
        "search": search,
        "storage": storage,
        "known_trials": known,
        "open_seconds": open_seconds,
        "ask_ms": 1000 * asked / len(candidates),
        "ask_cpu_ms": 1000 * asked_cpu / len(candidates),
        "tell_ms": 1000 * told / len(candidates),
        "peak_memory_mib": _peak_memory_mib(),
    }


def _earlier(space: SearchSpace, search: str, known: int, running: int, draw: random.Random) -> list[FrozenTrial]:
    """Trials of an earlier sweep, of which the last are under way."""
    sampler = optuna.samplers.RandomSampler(seed=0)
    drawn = optuna.create_study(sampler=sampler)
    points = space.points() if search == "grid" else (space.suggest(drawn.ask()) for _ in range(known))
    made = []
    for number, params in zip(range(known), points, strict=False):
        ended = number < known - running
        made.append(
            create_trial(
                state=TrialState.COMPLETE if ended else TrialState.RUNNING,
                value=draw.random() if ended else None,
                params=params,
                distributions=space.distributions,
            )
        )
    return made


def table_costs(rows: int, ended: int) -> dict[str, Any]:
    """Milliseconds to show the table in a terminal: the first time, which ranks all trials, and later."""
    draw = random.Random(0)
    with open("/dev/null", "w") as nowhere:
        table = SweepTable(Console(file=nowhere, force_terminal=True, width=160, height=50), 2 * ended)
        for number in range(ended):
            table.earlier(JobEnded(number, Outcome.COMPLETED, draw.random()), f"lr={draw.random():.3g}")
        for number in range(ended, ended + rows):
            table.started(number, f"lr={draw.random():.3g}")
            table.look(number, Phase(PhaseName.TRAINING, 40, 250, seconds_left=300.0, seconds_in_all=600.0))
        with table:
            first, *later = [_seconds_of_an_update(table) for _ in range(1 + _UPDATES)]
    later_ms = 1000 * sum(later) / len(later)
    return {"rows": rows, "ended_trials": ended, "first_update_ms": 1000 * first, "update_ms": later_ms}


def _seconds_of_an_update(table: SweepTable) -> float:
    began = time.perf_counter()
    table.update()
    return time.perf_counter() - began


def _optuna_study(search: str, storage: str, folder: Path) -> optuna.Study:
    """As the sweeper makes it, or opens it again."""
    kept = journal_of(StudyDir(folder)) if storage == "journal" else connected(f"sqlite:///{folder}/study.db")
    sampler = optuna.samplers.TPESampler(seed=0) if search == "tpe" else optuna.samplers.RandomSampler(seed=0)
    return optuna.create_study(
        storage=patient(kept, Patience()),
        study_name="at_scale",
        sampler=SeededPerTrial(sampler, 0),
        direction="maximize",
        load_if_exists=True,
    )


def _space(search: str, trials: int) -> SearchSpace:
    words = ("optimizer.lr=tag(log,interval(1e-5,1e-2))", "lora.dropout=interval(0,0.5)", "lora.r=8,16,32,64")
    if search == "grid":
        words = (f"seed=range(0,{-(-trials // 40)})", "lora.r=range(1,11)", "lora.alpha=8,16,32,64")
    return parse_search_space(words, {}, [], {}, None)


def _peak_memory_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _line(row: dict[str, Any]) -> str:
    shown = {name: f"{figure:.4g}" if isinstance(figure, float) else figure for name, figure in row.items()}
    return ", ".join(f"{name} {figure}" for name, figure in shown.items())


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slots", type=int, default=1000)
    parser.add_argument("--trials", type=int, default=50_000, help="of the random search")
    parser.add_argument("--fewer", type=int, default=10_000, help="trials of the others")
    parser.add_argument("--searches", nargs="*", default=SEARCHES, choices=SEARCHES)
    parser.add_argument("--known", nargs="*", type=int, default=[2_000, 10_000, 50_000], help="trials when asked")
    parser.add_argument("--keep", type=Path, help="file for the figures of each part, for a run that is interrupted")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
