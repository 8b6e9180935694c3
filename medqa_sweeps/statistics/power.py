"""How much more would have to be measured to tell two configs apart, if they differ as they seem to."""

import math

import numpy as np
import numpy.typing as npt
from scipy import stats

from medqa_sweeps.statistics.pair import PairedDifference
from medqa_sweeps.statistics.replicates import SeedSpread, answer_noise

POWER = 0.8
_HOPELESS = 10**7  # more questions than there are in the world
_MANY_SEEDS = 10_000


def questions_needed(paired: PairedDifference, level: float = 0.05, power: float = POWER) -> int | None:
    """Questions after which McNemar's test would tell them apart; None if they would be too many to speak of.

    Args:
        paired: their difference, and the share of questions that splits them, are taken for the true ones.
        level: of the two-sided test; divide by the number of pairs to correct for them.
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


def seeds_needed(
    paired: PairedDifference, from_questions: float, spread: SeedSpread, level: float = 0.05, power: float = POWER
) -> int | None:
    """Seeds of each after which these questions would tell them apart; None if 10,000 would not.

    More seeds shrink the variance between seeds, never that between questions.

    Args:
        from_questions: variance of the difference that the choice of questions alone brings, as of
            `variance_from_questions`.
        spread: between seeds.
    """
    seeds = 2
    while seeds < _MANY_SEEDS:  # the t-test of few seeds reaches less far than that of many
        reach = float(stats.t.isf(level / 2, seeds - 1) + stats.t.ppf(power, seeds - 1))
        left = (paired.difference / reach) ** 2 - from_questions
        if left > 0 and seeds >= 2 * spread.paired_variance / left:
            return seeds
        seeds += max(1, seeds // 50)
    return None


def variance_from_questions(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> float:
    """Of the mean difference of two configs, the variance that is left when each is trained under endless seeds.

    Args:
        first: whether each question was answered correctly, [S, Q] with two seeds or more.
        second: the same of the other.
    """
    of_question_Q = first.mean(axis=0) - second.mean(axis=0)
    noise = sum(answer_noise(which) / len(which) for which in (first, second))
    return max(0.0, float(np.var(of_question_Q, ddof=1)) - noise) / of_question_Q.size
