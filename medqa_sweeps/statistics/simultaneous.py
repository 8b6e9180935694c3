"""Many configs at once: which are worse than the best, which two differ, which differ from their untuned base.

A difference is called significant exactly when its interval excludes 0: both are of one level, which is stricter the
more configs there are. Without correction the best of 4 equal configs is called better than another in 17 % of studies,
the best of 15 in 75 %.

The best was picked by the answers that compare it, so that its lead over the worst is the range of all N accuracies.
Tukey's range test is made for that; N - 1 comparisons are too few to correct for. Each config that is called worse
leaves fewer that could be the best, and a less strict level for the next: the test steps down.

Levels are levels of p-values, so that McNemar's test of one seed and the test of several seeds share them.
`benchmarks.comparisons_with_best` has the error rates and the power, beside seven other procedures.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations

from scipy import stats

from medqa_sweeps.statistics.pair import PairedDifference
from medqa_sweeps.statistics.proportion import CONFIDENCE
from medqa_sweeps.statistics.replicates import Bools, SeedSpread, compare_replicates, compare_with_untuned

LEVEL = 1 - CONFIDENCE  # share of studies in which a family of comparisons makes a false claim


def compare_with_best(
    answers: Sequence[Bools], configs: int, spread: SeedSpread | None = None, same_seeds: bool = True
) -> list[PairedDifference]:
    """Each other config minus the best one, in the order given: Tukey's range test, stepped down.

    In 95 % of studies or more every config that is called worse than the best is worse. The interval of a config is the
    one of Tukey's range for as many configs as were left in its step. On average 96 % of these intervals or more hold
    the true difference; all of a study hold it in 95 % of studies where nothing is significant, and in fewer the more
    is: with one config far above 29 equal ones in 74 %.

    Args:
        answers: of each config, whether each question was answered correctly, [S, Q]; the best first.
        configs: N, among which the best was picked. Those without answers here are never called worse, so that the
            level remains the stricter.
        spread: between seeds, of the study; None where all have one seed.
        same_seeds: whether all were trained under the same seeds.

    Source: Tukey's range test; stepping down in the order of the p-values.
    """
    _check_configs(configs, len(answers))
    p_values = [compare_replicates(other, answers[0], spread, same_seeds).p_value for other in answers[1:]]
    compared: dict[int, PairedDifference] = {}
    remaining, p_adjusted = configs, 0.0
    for p_value in sorted(set(p_values)):  # equal ones in one step, so that equal answers have equal intervals
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
    """Of any two configs the first minus the second, by position: Tukey's range test.

    In at least 95 % of studies all pairs of the N configs that are called different are, and all intervals together
    hold the true differences.

    Args:
        answers: of some or all of the configs, [S, Q] each.
        configs: N, of which these are some.
    """
    _check_configs(configs, len(answers))
    confidence = 1 - level_of_a_pair(configs)
    compared = {}
    for (one, first), (other, second) in combinations(enumerate(answers), 2):
        paired = compare_replicates(first, second, spread, same_seeds, confidence)
        compared[one, other] = replace(paired, p_adjusted=_of_the_range(paired.p_value, configs))
    return compared


def compare_with_base(config: Bools, base: Bools, configs: int, spread: SeedSpread | None = None) -> PairedDifference:
    """A config minus its untuned base: Bonferroni's correction for the N configs, each of which has one.

    In at least 95 % of studies all claims of this kind are true and all intervals hold, also those of the config that
    was picked as the best.

    Args:
        config: whether each question was answered correctly, [S, Q].
        base: the same of its base, [Q] or [1, Q].
    """
    _check_configs(configs, 1)
    paired = compare_with_untuned(config, base, spread, 1 - LEVEL / configs)
    return replace(paired, p_adjusted=min(1.0, paired.p_value * configs))


@cache
def level_of_a_pair(configs: int) -> float:
    """The level at which two of N configs are compared, so that the range of N equal ones exceeds it in 5 %.

    0.05 for two, 0.0007 for 15. Hand it to `questions_needed` and `seeds_needed`.

    Source: scipy.stats.studentized_range.
    """
    if configs < 2:
        return LEVEL
    critical = stats.studentized_range.ppf(1 - LEVEL, configs, math.inf) / math.sqrt(2)
    return float(2 * stats.norm.sf(critical))


def _of_the_range(p_value: float, configs: int) -> float:
    """The p-value of a pair, corrected: how often the range of N equal configs is as wide."""
    if configs < 3:
        return p_value
    width = math.sqrt(2) * stats.norm.isf(p_value / 2)
    return max(p_value, float(stats.studentized_range.sf(width, configs, math.inf)))


def _check_configs(configs: int, given: int) -> None:
    if not 1 <= given <= configs:
        raise ValueError(f"configs={configs}, but answers of {given}: of one or more, and of no more than there are")
