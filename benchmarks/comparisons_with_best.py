"""Claims of "worse than the best", false ones and true ones, by procedure; and what the intervals beside them hold.

    python -m benchmarks.comparisons_with_best

The config with the highest accuracy is called the best, and a procedure calls others worse (`procedures.py`). A claim
is false if the config that is called worse is at least as good. Half an hour on two cores.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from benchmarks.procedures import PROCEDURES, Bools, Floats, Ints, drawn, tukey_critical
from benchmarks.record import store
from medqa_sweeps.statistics import compare_with_best, seed_spread

CONFIGS = (2, 4, 8, 15, 30, 60)
QUESTIONS = (100, 400, 1272)
STUDIES = 2000  # of a cell; the standard error of a rate of 5 % is then 0.5 points
STANDS_ON = {name: version(name) for name in ("numpy", "scipy")}
BEST = 0.60  # accuracy of the best config
POINTS = ("5", "10", "20")  # below the best
ENTRIES = 2**24  # answers that are held at a time


def equal(configs: int) -> Floats:
    """How far each config is below the best."""
    return np.zeros(configs)


def half(configs: int) -> Floats:
    return np.where(np.arange(configs) < (configs + 1) // 2, 0.0, 0.10)


def two(configs: int) -> Floats:
    """Two at the top, the rest far below: here a procedure steps down as far as it can."""
    return np.where(np.arange(configs) < 2, 0.0, 0.20)


def ladder(configs: int) -> Floats:
    return 0.005 * np.arange(configs)


def mixed(configs: int, turn: int = 0) -> Floats:
    """One best; the others 5, 10 and 20 points below, in turn."""
    below = np.resize(np.roll([0.05, 0.10, 0.20], -turn), configs - 1)
    return np.concatenate([[0.0], below])


SCENARIOS: dict[str, tuple[Callable[[int], Floats], bool]] = {  # and whether configs come in clusters
    "equal": (equal, False),
    "equal, clusters": (equal, True),
    "half": (half, False),
    "two": (two, False),
    "ladder": (ladder, False),
    "mixed": (mixed, False),
    "mixed, clusters": (mixed, True),
}
MIXED = ("mixed", "mixed, clusters")  # studied for power; the others for errors


@dataclass
class Cell:
    """What a procedure made of the studies of one scenario, N and Q."""

    scenario: str
    configs: int
    questions: int
    procedure: str
    studies: int = 0
    with_false_claim: int = 0  # studies
    without_true_best: int = 0  # studies in which each config that is truly the best is called worse
    found: int = 0  # configs called worse that are worse than the one called the best
    worse: int = 0  # all of these
    found_at: dict[str, int] = field(default_factory=dict)  # configs called worse, by points below the true best
    all_at: dict[str, int] = field(default_factory=dict)

    def add(self, claims_BxN: Bools, best_B: Ints, below_N: Floats) -> None:
        truly_BxN = below_N > below_N[best_B][:, None] + 1e-9
        self.studies += len(best_B)
        self.with_false_claim += int((claims_BxN & ~truly_BxN).any(axis=1).sum())
        self.without_true_best += int(claims_BxN[:, below_N == 0].all(axis=1).sum())
        self.found += int((claims_BxN & truly_BxN).sum())
        self.worse += int(truly_BxN.sum())
        for points in POINTS:
            column = claims_BxN[:, np.isclose(below_N, float(points) / 100)]
            self.found_at[points] = self.found_at.get(points, 0) + int(column.sum())
            self.all_at[points] = self.all_at.get(points, 0) + column.size

    @property
    def error(self) -> float:
        return self.with_false_claim / self.studies

    @property
    def power(self) -> float | None:
        """Share of the configs that are worse than the one called the best that are found; None without any."""
        return self.found / self.worse if self.worse else None

    def power_at(self, points: str) -> float | None:
        """Of the configs so many points below the true best."""
        return self.found_at[points] / self.all_at[points] if self.all_at[points] else None


def cells(scenario: str, configs: int, questions: int, studies: int = STUDIES) -> list[Cell]:
    """Of one scenario, N and Q by procedure."""
    of_below, clusters = SCENARIOS[scenario]
    number = list(SCENARIOS).index(scenario)
    random = np.random.default_rng([configs, questions, number])
    made = [Cell(scenario, configs, questions, name) for name in PROCEDURES]
    batch = max(1, min(studies // 4, ENTRIES // (configs * questions)))
    for turn, start in enumerate(range(0, studies, batch)):
        below_N = mixed(configs, turn) if of_below is mixed else of_below(configs)
        these = drawn(random, BEST - below_N, clusters, min(batch, studies - start), questions)
        for cell in made:
            cell.add(PROCEDURES[cell.procedure](these), these.best_B, below_N)
    return made


# The chosen procedure with several seeds per config, by the library's own functions


@dataclass
class Seeded:
    configs: int
    seeds: int
    deviation: float  # between seeds
    studies: int
    error: float  # share of studies of equal configs with a false claim
    power: float  # share of configs 5, 10 and 20 points below the best that are called worse, in a fifth of the studies


def seeded(configs: int, seeds: int, deviation: float, studies: int) -> Seeded:
    random = np.random.default_rng([configs, seeds, round(1000 * deviation)])
    claims = [_claims(random, equal(configs), seeds, deviation)[0] for _ in range(studies)]
    found = [_claims(random, mixed(configs, turn), seeds, deviation)[1] for turn in range(studies // 5)]
    return Seeded(configs, seeds, deviation, studies, float(np.mean(claims)), float(np.mean(found)))


def _claims(random: np.random.Generator, below_N: Floats, seeds: int, deviation: float) -> tuple[bool, float]:
    """Whether a claim is false, and the share of those truly worse that are found; 400 questions."""
    answers = [*answers_of_seeds(random, BEST - below_N, seeds, deviation)]
    order = np.argsort([-correct_SxQ.mean() for correct_SxQ in answers])
    spread = seed_spread([dict(enumerate(correct_SxQ.mean(axis=1))) for correct_SxQ in answers])
    compared = compare_with_best([answers[config] for config in order], len(answers), spread)
    claimed = np.array([paired.significant for paired in compared])
    truly = below_N[order[1:]] > below_N[order[0]]
    return bool((claimed & ~truly).any()), float(claimed[truly].mean()) if truly.any() else 0.0


def answers_of_seeds(
    random: np.random.Generator, accuracy_N: Floats, seeds: int, deviation: float, questions: int = 400
) -> npt.NDArray[np.bool_]:
    """[N, S, Q]. Two configs differ on 32 % of the questions, two seeds of a config on 20 %."""
    score = np.sqrt(0.5) * random.standard_normal(questions)
    score = score + np.sqrt(0.3) * random.standard_normal((accuracy_N.size, 1, questions))
    score = score + np.sqrt(0.2) * random.standard_normal((accuracy_N.size, seeds, questions))
    moved = random.normal(0, deviation, (accuracy_N.size, seeds, 1)) / stats.norm.pdf(stats.norm.ppf(BEST))
    return score < stats.norm.ppf(accuracy_N)[:, None, None] + moved


# Where the step-down is worst, in the limit of many questions: normal accuracies of standard error 1


@dataclass
class Limit:
    """Tukey's test, stepped down, for one truth."""

    truth: str
    configs: int
    apart: float  # the unit of the truth, in standard errors of an accuracy
    error: float
    one_holds: float  # share of intervals that hold the true difference
    all_hold: float  # share of studies in which all do


def limits(studies: int = 100_000) -> Iterator[Limit]:
    random = np.random.default_rng(78)
    for configs in (3, 4, 8, 15, 30):
        place = np.arange(configs)
        truths = {
            **{f"{top} equal at the top": 1.0 * (place >= top) for top in {1, 2, 3, configs // 2, configs - 1}},
            "ladder": 1.0 * place,
            "pairs": 1.0 * (place // 2),
            "two, then doubling": np.where(place < 2, 0.0, 2.0**place / 4),
        }
        for name, below_N in truths.items():
            for apart in (0, 0.1, 0.3, 1, 2, 3, 4, 6, 8, 12):
                yield _limit(random, name, apart, apart * below_N, studies if configs < 15 else studies // 4)


def _limit(random: np.random.Generator, name: str, apart: float, below_N: Floats, studies: int) -> Limit:
    configs = below_N.size
    score_BxN = random.standard_normal((studies, configs)) - below_N
    order = np.argsort(-score_BxN, axis=1)
    ahead = (score_BxN.max(axis=1, keepdims=True) - np.take_along_axis(score_BxN, order, axis=1)) / np.sqrt(2)
    truly = (below_N[order] - below_N[order[:, :1]]) / np.sqrt(2)
    critical_N = np.array([np.inf, *map(tukey_critical, range(2, configs + 1))])
    exceeds = ahead > critical_N
    claimed = np.logical_and.accumulate(exceeds[:, :0:-1], axis=1)[:, ::-1]
    last_step = critical_N[np.maximum(1, configs - claimed.sum(axis=1) - 1)][:, None]
    held = np.abs(ahead - truly)[:, 1:] <= np.where(claimed, critical_N[1:], last_step)
    error = (claimed & (truly[:, 1:] <= 0)).any(axis=1).mean()
    return Limit(name, configs, apart, float(error), float(held.mean()), float(held.all(axis=1).mean()))


# Tables


def tables(made: Iterable[Cell]) -> Iterator[str]:
    """Markdown: the highest error rate of all scenarios, and the power for configs 5, 10 and 20 points below."""
    by = {(cell.configs, cell.questions, cell.procedure, cell.scenario): cell for cell in made}

    def error(configs: int, questions: int, name: str) -> str:
        scenarios = [scenario for scenario in SCENARIOS if scenario not in MIXED]
        return f"{100 * max(by[configs, questions, name, scenario].error for scenario in scenarios):.1f}"

    def power(configs: int, questions: int, name: str) -> str:
        powers = (by[configs, questions, name, "mixed"].power_at(points) for points in POINTS)
        return " / ".join("-" if power is None else f"{100 * power:.0f}" for power in powers)

    for figure in (error, power):
        yield f"\n| N | Q | {' | '.join(PROCEDURES)} |"
        yield "|" + "---:|" * (len(PROCEDURES) + 2)
        for configs, questions in itertools.product(CONFIGS, QUESTIONS):
            figures = " | ".join(figure(configs, questions, name) for name in PROCEDURES)
            yield f"| {configs} | {questions:,} | {figures} |"


def by_procedure(made: Iterable[Cell]) -> dict[str, list[dict[str, Any]]]:
    """What is stored: of each figure a row per scenario, N and Q, with a column per procedure."""
    figures: dict[str, Callable[[Cell], float | None]] = {
        "error": lambda cell: cell.error,
        "true best called worse": lambda cell: cell.without_true_best / cell.studies,
        "power": lambda cell: cell.power,
        **{f"power at {points} points": partial(Cell.power_at, points=points) for points in POINTS},
    }
    rows: dict[tuple[str, str, int, int], dict[str, Any]] = {}
    for (name, of), cell in itertools.product(figures.items(), made):
        value, key = of(cell), (name, cell.scenario, cell.configs, cell.questions)
        if value is not None:
            row = rows.setdefault(key, dict(zip(("scenario", "configs", "questions"), key[1:], strict=True)))
            row[cell.procedure] = round(value, 4)
    return {name: [row for key, row in rows.items() if key[0] == name] for name in figures}


def main() -> None:
    made = [
        cell
        for scenario, configs, questions in itertools.product(SCENARIOS, CONFIGS, QUESTIONS)
        for cell in cells(scenario, configs, questions)
    ]
    print(*tables(made), sep="\n")
    of_limits = list(limits())
    print("worst:", max(of_limits, key=lambda one: one.error), min(of_limits, key=lambda one: one.all_hold), sep="\n")
    print("fewest of single intervals hold:", min(of_limits, key=lambda one: one.one_holds))
    with_seeds = [
        seeded(configs, seeds, deviation, 400 if configs == 15 else 1000)
        for configs in (2, 4, 15)
        for seeds in (2, 3, 5)
        for deviation in (0.0, 0.01, 0.03)
    ]
    print(*with_seeds, sep="\n")
    figures = {
        "studies": STUDIES,
        **by_procedure(made),
        "limits": [asdict(one) for one in of_limits],
        "seeds": [asdict(one) for one in with_seeds],
    }
    print(f"Stored in {store('comparisons_with_best', figures, STANDS_ON)}")


if __name__ == "__main__":
    main()
