"""All pairs of N models at once.

Whoever picks the best of N and holds the others against it looks, in effect, at every pair: any of them could have
become "the best and the one that is worse". N - 1 comparisons are therefore too small a family. Among equal trials
on 400 questions, tests that are not corrected call one of them worse in 17 % of studies of 4 and in 89 % of 20.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from medqa_sweeps.statistics.pair import mid_p
from medqa_sweeps.statistics.replicates import SeedSpread, compare_replicates


def p_values_of_all_pairs(
    answers: Sequence[npt.NDArray[np.bool_]], spread: SeedSpread | None = None, same_seeds: bool = True
) -> npt.NDArray[np.float64]:
    """Two-sided p-values of "both have the same accuracy", in the order of `itertools.combinations(range(N), 2)`.

    Args:
        answers: of each model, whether each question was answered correctly, [S, Q]; all over the same questions.
        spread: between seeds, of the study; None where all have one seed.
        same_seeds: whether all were trained under the same seeds.

    Source: one seed McNemar's mid-p test, for all pairs in one matrix product; else `compare_replicates`.
    """
    if all(len(correct_SxQ) == 1 for correct_SxQ in answers):
        correct_NxQ = np.concatenate(answers).astype(np.float32)  # counts up to 16 million are exact
        only_first_NxN = correct_NxQ @ (1 - correct_NxQ).T
        upper = np.triu_indices(len(answers), k=1)
        first, second = only_first_NxN[upper].astype(int), only_first_NxN.T[upper].astype(int)
        return mid_p(np.minimum(first, second), first + second)
    pairs = combinations(answers, 2)
    return np.array([compare_replicates(one, other, spread, same_seeds).p_value for one, other in pairs])


def adjusted_for_all_pairs(p_values: npt.NDArray[np.float64], models: int) -> npt.NDArray[np.float64]:
    """The p-values, corrected: claims where one is below a level hold a false one in at most that share of studies.

    Args:
        p_values: of some or all pairs of the models.
        models: among which the best was picked, the ones that were not compared included.

    Source: Holm's step-down method where all pairs are given, statsmodels' `multipletests`; else Bonferroni's over
        as many pairs as there are.
    """
    pairs = models * (models - 1) // 2
    assert p_values.size <= pairs, f"{p_values.size} p-values, but {models} models have {pairs} pairs"
    if not p_values.size:
        return p_values
    if p_values.size < pairs:
        return np.minimum(1.0, p_values * pairs)
    from statsmodels.stats.multitest import multipletests  # a second to import, with pandas

    adjusted: npt.NDArray[np.float64] = multipletests(p_values, method="holm")[1]
    return adjusted
