"""Many configs at once: which are worse than the best, which pairs differ, which differ from their untuned base.

A difference is significant exactly when its interval excludes 0: test and interval have the same level, which is
stricter for more configs. Without correction, the best of 4 equal configs is significantly better than another in 17%
of studies, the best of 15 in 75%.

The best config was selected by the same answers, so its lead over the worst is the range of all N accuracies. Tukey's
range test is made for this; a correction for N - 1 comparisons would be too weak. Each config that is significantly
worse leaves fewer candidates for the best, and so a less strict level for the next one: the test steps down.

Levels apply to p-values, so McNemar's test for one seed and the test for several seeds use the same levels.
`benchmarks.comparisons_with_best` measures error rates and power, also of seven other procedures.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations

import numpy.typing as npt
from scipy import stats

from medqa_sweeps.statistics.pair import PairedDifference
from medqa_sweeps.statistics.proportion import CONFIDENCE
from medqa_sweeps.statistics.replicates import Bools, SeedSpread, compare_replicates, compare_with_untuned
from medqa_sweeps.statistics.values import compare_values

LEVEL = 1 - CONFIDENCE  # family-wise error rate: share of studies with any false claim
# SciPy computes 1 minus the rest, which is 0 or rounding error below this. Bonferroni's bound is exact to 0.2% there.
_LEAST_TAIL = 1e-12


def compare_with_best(
    answers: Sequence[Bools], configs: int, spread: SeedSpread | None = None, same_seeds: bool = True
) -> list[PairedDifference]:
    """Each other config minus the best one, in the given order: Tukey's range test with step-down.

    In at least 95% of studies, every config that is significantly worse than the best is truly worse. The interval of a
    config uses Tukey's range for the number of configs left in its step. On average at least 96% of these intervals
    contain the true difference. All intervals of a study contain it in 95% of studies without significant differences,
    and in fewer with more of them: in 74% with one config far above 29 equal ones.

    Args:
        answers: for each config, whether each question was answered correctly, [S, Q]; the best first.
        configs: N, the number of configs among which the best was selected. Configs without answers here are never
            significantly worse, so the level stays stricter.
        spread: between the seeds of the study; None if all have one seed.
        same_seeds: whether all were trained with the same seeds.

    Source: Tukey's range test; stepping down in the order of the p-values.
    """
    _check_configs(configs, len(answers))
    p_values = [compare_replicates(other, answers[0], spread, same_seeds).p_value for other in answers[1:]]
    compared: dict[int, PairedDifference] = {}
    remaining, p_adjusted = configs, 0.0
    for p_value in sorted(set(p_values)):  # equal p-values in one step, so that equal answers have equal intervals
        confidence = 1 - level_of_a_pair(remaining)
        p_adjusted = max(p_adjusted, _of_the_range(p_value, remaining))
        of_this_step = [index for index, of_one in enumerate(p_values) if of_one == p_value]
        for index in of_this_step:
            paired = compare_replicates(answers[1 + index], answers[0], spread, same_seeds, confidence)
            compared[index] = replace(paired, p_adjusted=p_adjusted)
        remaining -= sum(compared[index].significant for index in of_this_step)
    return [compared[index] for index in range(len(p_values))]


def compare_pairs(
    answers: Sequence[Bools], configs: int, spread: SeedSpread | None = None, same_seeds: bool = True
) -> dict[tuple[int, int], PairedDifference]:
    """For each pair of configs, the first minus the second, by indices: Tukey's range test.

    In at least 95% of studies, all significant pairs of the N configs truly differ, and all intervals contain the true
    differences.

    Args:
        answers: of some or all of the configs, [S, Q] each.
        configs: N, the number of all configs.
    """
    _check_configs(configs, len(answers))
    confidence = 1 - level_of_a_pair(configs)
    compared = {}
    for (one, first), (other, second) in combinations(enumerate(answers), 2):
        paired = compare_replicates(first, second, spread, same_seeds, confidence)
        compared[one, other] = replace(paired, p_adjusted=_of_the_range(paired.p_value, configs))
    return compared


def compare_with_base(config: Bools, base: Bools, configs: int, spread: SeedSpread | None = None) -> PairedDifference:
    """A config minus its untuned base, Bonferroni-corrected for N configs with one base each.

    In at least 95% of studies, all significant differences of this kind are true and all intervals contain the true
    difference, also for the config that was selected as the best.

    Args:
        config: whether each question was answered correctly, [S, Q].
        base: the same for its base, [Q] or [1, Q].
    """
    _check_configs(configs, 1)
    paired = compare_with_untuned(config, base, spread, 1 - LEVEL / configs)
    return replace(paired, p_adjusted=min(1.0, paired.p_value * configs))


def compare_one_of(first: npt.ArrayLike, second: npt.ArrayLike, configs: int, span: float = 0.0) -> PairedDifference:
    """The same for values per question instead of answers: one of N comparisons, of which each config has its own.

    Args:
        first: a number per question, or whether it holds, [Q].
        second: the same of what it is compared with.
        span: as in `compare_values`.
    """
    _check_configs(configs, 1)
    paired = compare_values(first, second, 1 - LEVEL / configs, span)
    return replace(paired, p_adjusted=min(1.0, paired.p_value * configs))


@cache
def level_of_a_pair(configs: int) -> float:
    """The level of a comparison of two of N configs: the range of N equal configs is significant in 5% of studies.

    0.05 for two configs, 0.0007 for 15. Pass it to `questions_needed` and `seeds_needed`.

    Source: scipy.stats.studentized_range.
    """
    if configs < 2:
        return LEVEL
    critical = stats.studentized_range.ppf(1 - LEVEL, configs, math.inf) / math.sqrt(2)
    return float(2 * stats.norm.sf(critical))


def _of_the_range(p_value: float, configs: int) -> float:
    """The corrected p-value of a pair: the probability that the range of N equal configs is at least as wide."""
    if configs < 3:
        return p_value
    width = math.sqrt(2) * stats.norm.isf(p_value / 2)
    wider = float(stats.studentized_range.sf(width, configs, math.inf))
    return max(p_value, wider) if wider > _LEAST_TAIL else math.comb(configs, 2) * p_value


def _check_configs(configs: int, given: int) -> None:
    if not 1 <= given <= configs:
        raise ValueError(f"configs={configs}, but answers of {given}: give answers of 1 to {configs} configs")
