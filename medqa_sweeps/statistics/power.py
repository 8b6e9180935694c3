"""How much more would have to be measured to tell two configs apart, and what the seeds at hand can show."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import stats

from medqa_sweeps.statistics.crossed import CrossedError
from medqa_sweeps.statistics.pair import PairedDifference
from medqa_sweeps.statistics.replicates import SeedSpread, answer_noise

POWER = 0.8
_HOPELESS = 10**7  # more questions than there are in the world
_MANY_SEEDS = 10_000


def questions_needed(paired: PairedDifference, level: float = 0.05, power: float = POWER) -> int | None:
    """Questions after which McNemar's test would tell them apart; None if they would be too many to speak of.

    Args:
        paired: their difference, and the share of questions that splits them, are taken for the true ones.
        level: of the two-sided test; of one of many comparisons its own, `1 - paired.confidence`.
        power: chance that the test sees the difference.

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
    """The smallest true difference that as many seeds of each as `paired` has would resolve on these questions.

    A share; above 1 these seeds cannot resolve any.

    Args:
        paired: of two configs of two seeds or more each.
        from_questions: variance of the difference that the choice of questions alone brings, as of
            `variance_from_questions`.
        spread: between seeds, of the study.
        level: of the two-sided test; of one of many comparisons its own, `1 - paired.confidence`.
        power: chance that the test sees such a difference.
    """
    error = CrossedError(
        2 * spread.paired_variance / paired.seeds, spread.paired_freedom, from_questions, paired.questions
    )
    return _resolvable(error, level, power)


def seeds_needed(
    paired: PairedDifference, from_questions: float, spread: SeedSpread, level: float = 0.05, power: float = POWER
) -> int | None:
    """Seeds of each after which these questions would resolve the difference seen; None if 10,000 would not.

    More seeds shrink the variance between seeds, never that between questions. Every seed that both get adds a degree
    of freedom to the estimate of the spread. The other arguments are those of `resolvable_difference`.
    """

    def enough(seeds: int) -> bool:
        freedom = max(1.0, spread.paired_freedom + seeds - paired.seeds)
        error = CrossedError(2 * spread.paired_variance / seeds, freedom, from_questions, paired.questions)
        return _resolvable(error, level, power) <= abs(paired.difference)

    return _first(enough, 2, _MANY_SEEDS)


def variance_from_questions(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> float:
    """Of the mean difference of two configs, the variance that is left when each is trained under endless seeds.

    Args:
        first: whether each question was answered correctly, [S, Q] with two seeds or more.
        second: the same of the other.
    """
    of_question_Q = first.mean(axis=0) - second.mean(axis=0)
    noise = sum(answer_noise(which) / len(which) for which in (first, second))
    return max(0.0, float(np.var(of_question_Q, ddof=1)) - noise) / of_question_Q.size


def _resolvable(error: CrossedError, level: float, power: float) -> float:
    """The smallest true difference that a test with this error sees with this power."""
    return error.reach(1 - level) + float(stats.norm.ppf(power)) * error.deviation


def _first(holds: Callable[[int], bool], low: int, high: int) -> int | None:
    """The first integer from `low` to `high` at which it holds, as it does from there on; None if it never does."""
    if not holds(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
