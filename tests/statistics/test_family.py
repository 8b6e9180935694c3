"""The best of N against the others: false claims over whole studies, by simulation with fixed seeds."""

import math
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from statsmodels.stats.multitest import multipletests

from medqa_sweeps.statistics import (
    adjusted_for_all_pairs,
    compare_answers,
    p_values_of_all_pairs,
)

ALPHA = 0.05
QUESTIONS = 400
STUDIES = 600


def equal_trials(random: np.random.Generator, models: int) -> npt.NDArray[np.bool_]:
    """[N, Q]: all models are right on a question with the same probability, which differs between questions."""
    return random.random((models, QUESTIONS)) < random.beta(1.5, 1.2, QUESTIONS)


def of_the_best(p_values: npt.NDArray[np.float64], answers: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """The p-values of the pairs that the model with the highest accuracy is in."""
    best = int(answers.mean(axis=1).argmax())
    return p_values[[best in pair for pair in combinations(range(len(answers)), 2)]]


def rates_of_false_claims(models: int) -> dict[str, float]:
    """Share of null studies in which some trial is called worse than the best one."""
    random = np.random.default_rng(5)
    claims = dict.fromkeys(("uncorrected", "over the best one's comparisons", "over all pairs"), 0)
    for _ in range(STUDIES):
        answers = equal_trials(random, models)
        p_values = p_values_of_all_pairs(list(answers[:, None]))
        mine = of_the_best(p_values, answers)
        claims["uncorrected"] += bool(mine.min() < ALPHA)
        claims["over the best one's comparisons"] += bool(multipletests(mine, method="holm")[1].min() < ALPHA)
        adjusted = adjusted_for_all_pairs(p_values, models)
        claims["over all pairs"] += bool(of_the_best(adjusted, answers).min() < ALPHA)
    return {name: count / STUDIES for name, count in claims.items()}


@pytest.mark.parametrize("models", [4, 20])
def test_false_claims_over_a_whole_study_stay_at_or_below_alpha(models: int) -> None:
    """600 null studies: 3 Monte Carlo standard errors of slack are 3 sqrt(0.05 * 0.95 / 600) = 0.027. Measured with
    these seeds, 4 and 20 trials: 0.027 and 0.030; over the best one's comparisons 0.05 and 0.16; uncorrected 0.17 and
    0.89."""
    rates = rates_of_false_claims(models)
    assert rates["over all pairs"] <= ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / STUDIES)
    assert rates["uncorrected"] > 0.12, "these studies would not show a family that is not corrected"
    if models == 20:
        assert rates["over the best one's comparisons"] > 0.1, "19 comparisons of a best that was picked are too few"


def test_a_real_difference_is_still_found() -> None:
    """One of 20 is 15 points worse on 400 questions."""
    random = np.random.default_rng(6)
    found = 0
    for _ in range(100):
        answers = equal_trials(random, 20)
        answers[0] &= random.random(QUESTIONS) > 0.28
        adjusted = adjusted_for_all_pairs(p_values_of_all_pairs(list(answers[:, None])), 20)
        found += bool(of_the_best(adjusted, answers)[0] < ALPHA)
    assert found > 80


def test_p_values_of_all_pairs_are_those_of_each_pair() -> None:
    answers = equal_trials(np.random.default_rng(7), 5)
    expected = [compare_answers(one, other).p_value for one, other in combinations(answers, 2)]
    assert p_values_of_all_pairs(list(answers[:, None])) == pytest.approx(expected)


def test_correction_is_holm_over_all_pairs_and_bonferroni_over_some() -> None:
    p_values = np.array([0.001, 0.02, 0.01, 0.3, 0.9, 0.04])
    assert adjusted_for_all_pairs(p_values, 4) == pytest.approx([0.006, 0.08, 0.05, 0.6, 0.9, 0.12])
    assert adjusted_for_all_pairs(p_values[:2], 4) == pytest.approx([0.006, 0.12])
    assert adjusted_for_all_pairs(p_values[:0], 1).size == 0
