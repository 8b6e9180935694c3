"""False "worse than the best" claims, and true ones found, by procedure: simulated studies of equal and unequal configs.

    python -m benchmarks.comparisons_with_best

A study is N configs that answer the same Q questions. The config with the highest accuracy is called the best, and a
procedure calls some of the others worse. A claim is false if the config called worse is at least as good in truth. The
questions and configs come from a latent threshold model: an answer is correct when ability + ease of the question + noise
exceeds 0; two equal configs differ on 23 % of the questions (in clusters: on 10 % within one, on 29 % across).
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt
from scipy import integrate, optimize, stats

LEVEL = 0.05
CONFIGS = (2, 4, 8, 15, 30, 60)
QUESTIONS = (100, 400, 1272)
STUDIES = 2000  # of each cell; the standard error of a rate of 5 % is 0.5 points
FLIPS = 399  # sign flips of a study
BEST = 0.60  # accuracy of the best config
SHARED = 0.75  # correlation of two configs' latent scores; within clusters 0.95, across them 0.62
WITHIN, ACROSS = 0.95, 0.62
CLUSTERS = 3
ENTRIES = 2**24  # answers that are held at a time

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]


def equal(configs: int) -> Floats:
    """Points below the best: none."""
    return np.zeros(configs)


def half(configs: int) -> Floats:
    return np.where(np.arange(configs) < (configs + 1) // 2, 0.0, 0.10)


def two(configs: int) -> Floats:
    """Two at the top, the rest far below: a step-down procedure has stepped down as far as it can."""
    return np.where(np.arange(configs) < 2, 0.0, 0.20)


def ladder(configs: int) -> Floats:
    return 0.005 * np.arange(configs)


def mixed(configs: int) -> Floats:
    """One best; the others 10, 5 and 20 points below it, in turn."""
    return np.array([0.0, *(([0.10, 0.05, 0.20] * configs)[: configs - 1])])


SCENARIOS: dict[str, tuple[Callable[[int], Floats], bool]] = {  # and whether configs come in clusters
    "equal": (equal, False),
    "equal, clusters": (equal, True),
    "half": (half, False),
    "two": (two, False),
    "ladder": (ladder, False),
    "mixed": (mixed, False),
    "mixed, clusters": (mixed, True),
}


@dataclass(frozen=True)
class Studies:
    """B studies of N configs on Q questions."""

    correct_BxNxQ: Floats
    best_B: npt.NDArray[np.integer]  # the config with the highest accuracy; equal ones at random

    @cached_property
    def only_first_BxNxN(self) -> npt.NDArray[np.integer]:
        return (self.correct_BxNxQ @ (1 - self.correct_BxNxQ).transpose(0, 2, 1)).astype(np.int32)

    @cached_property
    def split_BxNxN(self) -> npt.NDArray[np.integer]:
        return self.only_first_BxNxN + self.only_first_BxNxN.transpose(0, 2, 1)

    @property
    def questions(self) -> int:
        return self.correct_BxNxQ.shape[2]

    @property
    def configs(self) -> int:
        return self.correct_BxNxQ.shape[1]

    def of_the_best(self, value_BxNxN: Floats) -> Floats:
        """The row of the best config in each study, [B, N]."""
        return np.take_along_axis(value_BxNxN, self.best_B[:, None, None], axis=1)[:, 0]

    @cached_property
    def exact_p_BxNxN(self) -> Floats:
        return _tables(self.questions)[0][self.split_BxNxN, self.only_first_BxNxN]

    @cached_property
    def z_BxN(self) -> Floats:
        """How far the best is ahead of each, as the z that has the mid-p value of McNemar's test; 0 of itself."""
        split, ahead = self.of_the_best(self.split_BxNxN), self.of_the_best(self.only_first_BxNxN)
        return np.where(ahead * 2 > split, _tables(self.questions)[1][split, ahead], 0.0)


@cache
def _tables(questions: int) -> tuple[Floats, Floats]:
    """By questions that split the two, and those that only the first answered: exact p, and the z of the mid-p."""
    split, first = np.ogrid[: questions + 1, : questions + 1]
    fewer = np.minimum(first, np.maximum(split - first, 0))
    below, at = stats.binom.cdf(fewer, split, 0.5), stats.binom.pmf(fewer, split, 0.5)
    mid = np.where(2 * fewer == split, 1.0, 2 * below - at)
    return np.minimum(1.0, 2 * below), stats.norm.isf(np.clip(mid, 1e-300, 1) / 2)


def drawn(random: np.random.Generator, accuracy_N: Floats, clusters: bool, studies: int, questions: int) -> Studies:
    configs = accuracy_N.size
    shared = ACROSS if clusters else SHARED
    score = math.sqrt(shared) * random.standard_normal((studies, 1, questions), dtype=np.float32)
    own = 1 - shared
    if clusters:
        of_cluster = random.standard_normal((studies, CLUSTERS, questions), dtype=np.float32)
        score = score + math.sqrt(WITHIN - ACROSS) * of_cluster[:, np.arange(configs) % CLUSTERS]
        own = 1 - WITHIN
    noise = random.standard_normal((studies, configs, questions), dtype=np.float32)
    correct = (score + math.sqrt(own) * noise < stats.norm.ppf(accuracy_N)[:, None]).astype(np.float32)
    best = (correct.sum(axis=2) + random.uniform(0, 0.5, (studies, configs))).argmax(axis=1)
    return Studies(correct, best)


# Procedures: whether each config is called worse than the best, [B, N]


def uncorrected(studies: Studies) -> Bools:
    return _is_other(studies) & (studies.of_the_best(studies.exact_p_BxNxN) < LEVEL)


def holm_of_all_pairs(studies: Studies) -> Bools:
    first, second = np.triu_indices(studies.configs, k=1)
    accepted = _holm(studies.exact_p_BxNxN[:, first, second])
    return _is_other(studies) & (studies.of_the_best(studies.exact_p_BxNxN) <= accepted[:, None])


def holm_of_the_best(studies: Studies) -> Bools:
    p_BxN = np.where(_is_other(studies), studies.of_the_best(studies.exact_p_BxNxN), 1.0)
    accepted = _holm(np.sort(p_BxN, axis=1)[:, : studies.configs - 1])
    return _is_other(studies) & (p_BxN <= accepted[:, None])


def subset_of_gupta(studies: Studies) -> Bools:
    """Multiple comparisons with the best (Hsu): what is not in the subset that holds the true best in 95 %."""
    return studies.z_BxN > dunnett(studies.configs)


def tukey(studies: Studies) -> Bools:
    return studies.z_BxN > tukey_critical(studies.configs)


def tukey_step_down(studies: Studies) -> Bools:
    """The farthest first; each held against the range of those that are left."""
    critical = np.array([tukey_critical(left) if left > 1 else math.inf for left in range(1, studies.configs + 1)])
    return _step_down(studies, np.broadcast_to(critical, studies.z_BxN.shape), studies.z_BxN)


def sign_flips(studies: Studies) -> Bools:
    """Westfall and Young: the largest z of all pairs, when every question changes sides at random."""
    return _mcnemar_z(studies) > _flipped(studies)[:, -1:]


def sign_flips_step_down(studies: Studies) -> Bools:
    return _step_down(studies, _flipped(studies), _mcnemar_z(studies))


PROCEDURES: dict[str, Callable[[Studies], Bools]] = {
    "uncorrected": uncorrected,
    "Holm, all pairs": holm_of_all_pairs,
    "Holm, best": holm_of_the_best,
    "MCB": subset_of_gupta,
    "Tukey": tukey,
    "Tukey, step-down": tukey_step_down,
    "flips": sign_flips,
    "flips, step-down": sign_flips_step_down,
}


@cache
def tukey_critical(configs: int) -> float:
    return float(stats.studentized_range.ppf(1 - LEVEL, configs, math.inf)) / math.sqrt(2)


@cache
def dunnett(configs: int) -> float:
    """One-sided, of N - 1 comparisons with one that correlate by 1/2."""

    def held(critical: float) -> float:
        density = lambda z: stats.norm.pdf(z) * stats.norm.cdf(z + math.sqrt(2) * critical) ** (configs - 1)  # noqa: E731
        return float(integrate.quad(density, -8, 8)[0])

    return float(optimize.brentq(lambda critical: held(critical) - (1 - LEVEL), 0.1, 10))


def _is_other(studies: Studies) -> Bools:
    return np.arange(studies.configs) != studies.best_B[:, None]


def _holm(p_BxP: Floats) -> Floats:
    """The largest p-value of each study that Holm's method rejects; -1 if none is."""
    ascending = np.sort(p_BxP, axis=1)
    passed = np.logical_and.accumulate(ascending < LEVEL / np.arange(ascending.shape[1], 0, -1), axis=1)
    return np.where(passed, ascending, -1.0).max(axis=1)


def _mcnemar_z(studies: Studies) -> Floats:
    ahead, split = studies.of_the_best(studies.only_first_BxNxN), studies.of_the_best(studies.split_BxNxN)
    return np.where(split > 0, (2.0 * ahead - split) / np.sqrt(np.maximum(split, 1)), 0.0)


def _nearest_first(studies: Studies, z_BxN: Floats) -> npt.NDArray[np.integer]:
    """Configs in the order of their z, the best itself first."""
    return np.where(_is_other(studies), z_BxN, -1.0).argsort(axis=1, kind="stable")


def _step_down(studies: Studies, critical_BxN: Floats, z_BxN: Floats) -> Bools:
    """Claims from the farthest on, as long as each exceeds the critical value of as many as are left (column m - 1)."""
    order = _nearest_first(studies, z_BxN)
    exceeds = np.take_along_axis(z_BxN, order, axis=1) > critical_BxN
    exceeds[:, 0] = False
    claimed = np.logical_and.accumulate(exceeds[:, ::-1], axis=1)[:, ::-1]
    claims = np.zeros_like(claimed)
    np.put_along_axis(claims, order, claimed, axis=1)
    return claims


_random_flips = np.random.default_rng(77)


def _flipped(studies: Studies) -> Floats:
    """By study and number of nearest configs, the 95 % quantile of the largest |z| among all their pairs."""
    order = _nearest_first(studies, _mcnemar_z(studies))
    return np.array([_of_one(studies, study, order[study]) for study in range(len(order))])


def _of_one(studies: Studies, study: int, order_N: npt.NDArray[np.integer]) -> Floats:
    correct_NxQ = studies.correct_BxNxQ[study][order_N]
    signs_FxQ = _random_flips.integers(0, 2, (FLIPS, studies.questions), dtype=np.int8) * np.float32(2) - 1
    sums_FxN = signs_FxQ @ correct_NxQ.T
    scale_NxN = 1 / np.sqrt(np.maximum(1, studies.split_BxNxN[study][np.ix_(order_N, order_N)]), dtype=np.float32)
    largest_FxN = np.zeros_like(sums_FxN)
    for last in range(1, len(order_N)):  # of the pairs of the last with those before it
        apart = np.abs(sums_FxN[:, :last] - sums_FxN[:, last : last + 1]) * scale_NxN[last, :last]
        largest_FxN[:, last] = np.maximum(largest_FxN[:, last - 1], apart.max(axis=1))
    rank = math.ceil((1 - LEVEL) * (FLIPS + 1)) - 1
    return np.partition(largest_FxN, rank, axis=0)[rank]


# What came of it


@dataclass
class Cell:
    """What a procedure did with the studies of one scenario, N and Q."""

    procedure: str
    scenario: str
    configs: int
    questions: int
    studies: int = 0
    with_false: int = 0  # studies with a false claim
    without_true_best: int = 0  # studies in which the truly best (all of them, where several are) was called worse
    found: int = 0  # configs called worse that are
    worse: int = 0  # configs that are worse than the one called the best
    of_points: dict[str, list[int]] | None = None  # found and all, by points below the true best

    def add(self, claims_BxN: Bools, best_B: npt.NDArray[np.integer], below_N: Floats) -> None:
        truly_BxN = below_N > below_N[best_B][:, None] + 1e-9
        self.studies += len(best_B)
        self.with_false += int((claims_BxN & ~truly_BxN).any(axis=1).sum())
        self.without_true_best += int(claims_BxN[:, below_N == 0].all(axis=1).sum())
        self.found += int((claims_BxN & truly_BxN).sum())
        self.worse += int(truly_BxN.sum())
        if self.scenario.startswith("mixed"):
            self.of_points = self.of_points or {}
            for points in np.unique(below_N[below_N > 0]):
                column = claims_BxN[:, below_N == points]
                so_far = self.of_points.setdefault(f"{100 * points:.0f}", [0, 0])
                so_far[:] = [so_far[0] + int(column.sum()), so_far[1] + column.size]


def cells(scenario: str, configs: int, questions: int, studies: int = STUDIES) -> list[Cell]:
    below, clusters = SCENARIOS[scenario]
    below_N = below(configs)
    random = np.random.default_rng([configs, questions, list(SCENARIOS).index(scenario)])
    made = [Cell(name, scenario, configs, questions) for name in PROCEDURES]
    batch = max(1, min(studies, ENTRIES // (configs * questions)))
    for start in range(0, studies, batch):
        these = drawn(random, BEST - below_N, clusters, min(batch, studies - start), questions)
        for cell in made:
            cell.add(PROCEDURES[cell.procedure](these), these.best_B, below_N)
    return made


def simulated() -> Iterator[Cell]:
    for scenario in SCENARIOS:
        for configs in CONFIGS:
            for questions in QUESTIONS:
                yield from cells(scenario, configs, questions)
