"""Statistical power: questions or seeds needed to resolve a difference, and the difference that given seeds resolve."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import stats

from medqa_sweeps.statistics.crossed import CrossedError
from medqa_sweeps.statistics.pair import PairedDifference
from medqa_sweeps.statistics.replicates import SeedSpread, answer_noise

POWER = 0.8
_HOPELESS = 10**7  # more questions than exist
_MANY_SEEDS = 10_000


def questions_needed(paired: PairedDifference, level: float = 0.05, power: float = POWER) -> int | None:
    """Number of questions for McNemar's test to resolve the difference; None if it is 10 million or more.

    Args:
        paired: its difference and its share of discordant questions are taken as the true values.
        level: of the two-sided test; for one of many comparisons its own level, `1 - paired.confidence`.
        power: probability that the test is significant.

    Source: Connor, Biometrics 43 (1987) 207; statsmodels' `normal_sample_size_one_tail` at half the level.
    """
    from statsmodels.stats.power import normal_sample_size_one_tail

    split = (paired.only_first + paired.only_second) / paired.questions
    difference = abs(paired.difference)
    if difference * _HOPELESS < 1:
        return None
    needed = normal_sample_size_one_tail(
        difference, power, level / 2, std_null=math.sqrt(split), std_alternative=math.sqrt(split - difference**2)
    )
    return math.ceil(needed) if needed < _HOPELESS else None


def resolvable_difference(
    paired: PairedDifference, from_questions: float, spread: SeedSpread, level: float = 0.05, power: float = POWER
) -> float:
    """The smallest true difference that these questions and the seeds of `paired` can resolve.

    A share; above 1, these seeds cannot resolve any difference.

    Args:
        paired: of two configs with two or more seeds each.
        from_questions: variance of the difference due to the choice of questions, from `variance_from_questions`.
        spread: between the seeds of the study.
        level: of the two-sided test; for one of many comparisons its own level, `1 - paired.confidence`.
        power: probability that the test is significant for such a difference.
    """
    error = CrossedError(
        2 * spread.paired_variance / paired.seeds, spread.paired_freedom, from_questions, paired.questions
    )
    return _resolvable(error, level, power)


def seeds_needed(
    paired: PairedDifference, from_questions: float, spread: SeedSpread, level: float = 0.05, power: float = POWER
) -> int | None:
    """Seeds per config with which these questions resolve the observed difference; None if 10,000 are not enough.

    More seeds reduce the variance between seeds, never that between questions. Each additional seed of both configs
    adds one degree of freedom to the estimate of the spread. The other arguments are those of `resolvable_difference`.
    """

    def enough(seeds: int) -> bool:
        freedom = max(1.0, spread.paired_freedom + seeds - paired.seeds)
        error = CrossedError(2 * spread.paired_variance / seeds, freedom, from_questions, paired.questions)
        return _resolvable(error, level, power) <= abs(paired.difference)

    return _first(enough, 2, _MANY_SEEDS)


def variance_from_questions(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> float:
    """The variance of the difference of two configs that remains with infinitely many seeds.

    Args:
        first: whether each question was answered correctly, [S, Q] with two or more seeds.
        second: the same for the other config.
    """
    of_question_Q = first.mean(axis=0) - second.mean(axis=0)
    noise = sum(answer_noise(which) / len(which) for which in (first, second))
    return max(0.0, float(np.var(of_question_Q, ddof=1)) - noise) / of_question_Q.size


def _resolvable(error: CrossedError, level: float, power: float) -> float:
    """The smallest true difference that a test with this error detects with this power."""
    return error.reach(1 - level) + float(stats.norm.ppf(power)) * error.deviation


def _first(holds: Callable[[int], bool], low: int, high: int) -> int | None:
    """The first integer from `low` to `high` for which a monotone condition holds; None if there is none."""
    if not holds(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
