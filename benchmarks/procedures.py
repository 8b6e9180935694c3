"""Simulated studies of one seed per config, and procedures that call some of their configs worse than the best.

A study is N configs that answer the same Q questions by a latent threshold model: an answer is correct when ability of
the config, ease of the question and noise together exceed 0. Two equal configs differ on 22 % of the questions; where
configs come in clusters, on 10 % within a cluster and on 28 % across.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import integrate, optimize, stats

from medqa_sweeps.statistics import LEVEL, level_of_a_pair
from medqa_sweeps.statistics.pair import mid_p

FLIPS = 399  # sign flips of a study
SHARED = 0.75  # correlation of two configs' latent scores
WITHIN, ACROSS = 0.95, 0.62  # the same within and across clusters
CLUSTERS = 3

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Studies:
    """B studies of N configs on Q questions."""

    correct_BxNxQ: Floats  # 1 or 0
    best_B: Ints  # the config with the highest accuracy; one of equal ones at random

    @property
    def configs(self) -> int:
        return self.correct_BxNxQ.shape[1]

    @property
    def questions(self) -> int:
        return self.correct_BxNxQ.shape[2]

    @cached_property
    def only_first_BxNxN(self) -> Ints:
        return (self.correct_BxNxQ @ (1 - self.correct_BxNxQ).transpose(0, 2, 1)).astype(np.int32)

    @cached_property
    def split_BxNxN(self) -> Ints:
        """Questions that one of the two answered correctly."""
        return self.only_first_BxNxN + self.only_first_BxNxN.transpose(0, 2, 1)

    @cached_property
    def exact_p_BxNxN(self) -> Floats:
        """Of McNemar's exact test."""
        return _tables(self.questions)[0][self.split_BxNxN, self.only_first_BxNxN]

    @cached_property
    def z_BxN(self) -> Floats:
        """How far the best is ahead, as the z that has McNemar's mid-p value; 0 of itself."""
        split, ahead = self.of_the_best(self.split_BxNxN), self.of_the_best(self.only_first_BxNxN)
        return np.where(ahead * 2 > split, _tables(self.questions)[1][split, ahead], 0.0)

    @cached_property
    def mcnemar_z_BxN(self) -> Floats:
        """The same as McNemar's own z."""
        split, ahead = self.of_the_best(self.split_BxNxN), self.of_the_best(self.only_first_BxNxN)
        return (2.0 * ahead - split) / np.sqrt(np.maximum(split, 1))

    @property
    def is_other_BxN(self) -> Bools:
        return np.arange(self.configs) != self.best_B[:, None]

    def of_the_best(self, value_BxNxN: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The row of the best config of each study, [B, N]."""
        return np.take_along_axis(value_BxNxN, self.best_B[:, None, None], axis=1)[:, 0]

    def nearest_first_BxN(self, z_BxN: Floats) -> Ints:
        """Configs in the order of their z, the best one itself first."""
        return np.where(self.is_other_BxN, z_BxN, -np.inf).argsort(axis=1, kind="stable")


def drawn(random: np.random.Generator, accuracy_N: Floats, clusters: bool, studies: int, questions: int) -> Studies:
    configs = accuracy_N.size
    score = math.sqrt(ACROSS if clusters else SHARED) * _normal(random, studies, 1, questions)
    if clusters:
        of_cluster = math.sqrt(WITHIN - ACROSS) * _normal(random, studies, CLUSTERS, questions)
        score = score + of_cluster[:, np.arange(configs) % CLUSTERS]
    score = score + math.sqrt(1 - (WITHIN if clusters else SHARED)) * _normal(random, studies, configs, questions)
    correct = (score < stats.norm.ppf(accuracy_N)[:, None]).astype(np.float32)
    return Studies(correct, (correct.sum(axis=2) + random.uniform(0, 0.5, (studies, configs))).argmax(axis=1))


# Procedures: whether each config is called worse than the best, [B, N]


def uncorrected(studies: Studies) -> Bools:
    return studies.is_other_BxN & (studies.of_the_best(studies.exact_p_BxNxN) < LEVEL)


def holm_all_pairs(studies: Studies) -> Bools:
    first, second = np.triu_indices(studies.configs, k=1)
    rejected_up_to = _holm(studies.exact_p_BxNxN[:, first, second])
    return studies.is_other_BxN & (studies.of_the_best(studies.exact_p_BxNxN) <= rejected_up_to[:, None])


def holm_with_best(studies: Studies) -> Bools:
    p_BxN = np.where(studies.is_other_BxN, studies.of_the_best(studies.exact_p_BxNxN), 2.0)
    rejected_up_to = _holm(np.sort(p_BxN, axis=1)[:, : studies.configs - 1])
    return studies.is_other_BxN & (p_BxN <= rejected_up_to[:, None])


def hsu(studies: Studies) -> Bools:
    """What is outside Gupta's subset, which holds the true best in 95 %: Hsu's multiple comparisons with the best."""
    return studies.z_BxN > dunnett_critical(studies.configs)


def tukey(studies: Studies) -> Bools:
    return studies.z_BxN > tukey_critical(studies.configs)


def tukey_step_down(studies: Studies) -> Bools:
    """The farthest first; each is held against the range of as many as are left."""
    critical_N = [math.inf, *(tukey_critical(left) for left in range(2, studies.configs + 1))]
    return _step_down(studies, np.broadcast_to(critical_N, studies.z_BxN.shape), studies.z_BxN)


def flips(studies: Studies) -> Bools:
    """Westfall and Young: against the largest z of all pairs when questions change sides at random."""
    return studies.mcnemar_z_BxN > _flipped(studies)[:, -1:]


def flips_step_down(studies: Studies) -> Bools:
    return _step_down(studies, _flipped(studies), studies.mcnemar_z_BxN)


PROCEDURES: dict[str, Callable[[Studies], Bools]] = {
    "uncorrected": uncorrected,
    "Holm, all pairs": holm_all_pairs,
    "Holm, with best": holm_with_best,
    "MCB": hsu,
    "Tukey": tukey,
    "Tukey, step-down": tukey_step_down,
    "flips": flips,
    "flips, step-down": flips_step_down,
}


@cache
def tukey_critical(configs: int) -> float:
    return float(stats.norm.isf(level_of_a_pair(configs) / 2))


@cache
def dunnett_critical(configs: int) -> float:
    """One-sided, of N - 1 comparisons with one config."""

    def held(critical: float) -> float:
        def density(z: float) -> float:
            return float(stats.norm.pdf(z) * stats.norm.cdf(z + math.sqrt(2) * critical) ** (configs - 1))

        return float(integrate.quad(density, -8, 8)[0])

    return float(optimize.brentq(lambda critical: held(critical) - (1 - LEVEL), 0.1, 10))


def _normal(random: np.random.Generator, *shape: int) -> npt.NDArray[np.float32]:
    return random.standard_normal(shape, dtype=np.float32)


@cache
def _tables(questions: int) -> tuple[Floats, Floats]:
    """By questions that split the two, and those that only the first answered: exact p, and the z of the mid-p."""
    split, first = np.ogrid[: questions + 1, : questions + 1]
    fewer = np.clip(split - first, 0, first)
    exact = np.minimum(1.0, 2 * stats.binom.cdf(fewer, split, 0.5))
    return exact, stats.norm.isf(np.clip(mid_p(fewer, split), 1e-300, 1) / 2)


def _holm(p_BxP: Floats) -> Floats:
    """The largest p-value of each study that Holm's method rejects; -1 if it rejects none."""
    ascending = np.sort(p_BxP, axis=1)
    passed = np.logical_and.accumulate(ascending < LEVEL / np.arange(ascending.shape[1], 0, -1), axis=1)
    return np.where(passed, ascending, -1.0).max(axis=1)


def _step_down(studies: Studies, critical_BxN: Floats, z_BxN: Floats) -> Bools:
    """Claims from the farthest on, while each exceeds the critical value (column m - 1) of the m that are left."""
    order = studies.nearest_first_BxN(z_BxN)
    exceeds = np.take_along_axis(z_BxN, order, axis=1) > critical_BxN
    exceeds[:, 0] = False
    claimed = np.logical_and.accumulate(exceeds[:, ::-1], axis=1)[:, ::-1]
    claims = np.zeros_like(claimed)
    np.put_along_axis(claims, order, claimed, axis=1)
    return claims


_random_signs = np.random.default_rng(77)


def _flipped(studies: Studies) -> Floats:
    """By study and number m of the nearest configs (column m - 1), the 95 % quantile of the largest |z| among them."""
    order = studies.nearest_first_BxN(studies.mcnemar_z_BxN)
    return np.array([_flipped_one(studies, study, order[study]) for study in range(len(order))])


def _flipped_one(studies: Studies, study: int, order_N: Ints) -> Floats:
    correct_NxQ = studies.correct_BxNxQ[study][order_N]
    signs_FxQ = _random_signs.integers(0, 2, (FLIPS, studies.questions), dtype=np.int8) * np.float32(2) - 1
    sums_FxN = signs_FxQ @ correct_NxQ.T
    split_NxN = studies.split_BxNxN[study][np.ix_(order_N, order_N)]
    scale_NxN = 1 / np.sqrt(np.maximum(1, split_NxN), dtype=np.float32)
    largest_FxN = np.zeros_like(sums_FxN)
    for last in range(1, len(order_N)):  # of the pairs of the last one with those before it
        apart = np.abs(sums_FxN[:, :last] - sums_FxN[:, last : last + 1]) * scale_NxN[last, :last]
        largest_FxN[:, last] = np.maximum(largest_FxN[:, last - 1], apart.max(axis=1))
    rank = math.ceil((1 - LEVEL) * (FLIPS + 1)) - 1
    return np.partition(largest_FxN, rank, axis=0)[rank]
