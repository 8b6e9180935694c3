"""Optimism of the best of N, and how much more would tell two apart: against simulation."""

import numpy as np
import pytest

from medqa_sweeps.statistics import (
    compare_counts,
    compare_replicates,
    optimism_of_the_best,
    questions_needed,
    seed_spread,
    seeds_needed,
    variance_from_questions,
)

QUESTIONS = 400


@pytest.mark.parametrize("models", [4, 20])
def test_optimism_among_equal_models_is_what_it_is(models: int) -> None:
    """100 null studies: the mean estimate against the mean surplus of the best over the truth, 0.02 and 0.04."""
    random = np.random.default_rng(31)
    estimates, surpluses = [], []
    for _ in range(100):
        ease_Q = random.beta(1.5, 1.2, QUESTIONS)
        correct = random.random((models, QUESTIONS)) < ease_Q
        estimates.append(optimism_of_the_best(correct, splits=100))
        surpluses.append(correct.mean(axis=1).max() - ease_Q.mean())
    assert np.mean(estimates) == pytest.approx(np.mean(surpluses), abs=0.005)


def test_a_model_far_ahead_owes_nothing_to_luck() -> None:
    random = np.random.default_rng(32)
    correct = random.random((8, QUESTIONS)) < np.linspace(0.2, 0.9, 8)[:, None]
    assert optimism_of_the_best(correct) < 0.002


def test_one_model_was_not_picked() -> None:
    assert optimism_of_the_best(np.ones((1, 10))) == 0
    with pytest.raises(ValueError, match="left to score on"):
        optimism_of_the_best(np.ones((3, 1)))


def test_questions_needed_give_the_power_they_promise() -> None:
    """A difference of 5 points with 25 % split: 80 % of studies of that size see it, within 4 points."""
    needed = questions_needed(compare_counts(60, 40, 400))
    assert needed is not None
    random = np.random.default_rng(33)
    drawn = random.multinomial(needed, [0.15, 0.10, 0.75], size=1000)
    seen = np.mean([compare_counts(int(b), int(c), needed).p_value < 0.05 for b, c, _ in drawn])
    assert seen == pytest.approx(0.8, abs=0.04)


def test_no_difference_needs_too_many_questions() -> None:
    assert questions_needed(compare_counts(10, 10, 400)) is None
    assert questions_needed(compare_counts(0, 0, 400)) is None


def seeds_for(first: np.ndarray, second: np.ndarray) -> int | None:
    spread = seed_spread([dict(enumerate(which.mean(axis=1))) for which in (first, second)])
    assert spread is not None
    return seeds_needed(compare_replicates(first, second), variance_from_questions(first, second), spread)


def test_seeds_needed_give_about_the_power_they_promise() -> None:
    """4 points apart with 3 between seeds and 2,000 questions: from 200 seeds the variances are known well, and as many
    seeds as are asked for see it in 70 to 90 % of studies."""
    random = np.random.default_rng(34)
    ease_Q = random.uniform(0.3, 0.8, 2000)

    def pair(seeds: int) -> tuple[np.ndarray, np.ndarray]:
        moved = [ease_Q + shift + random.normal(0, 0.03, (seeds, 1)) for shift in (0.04, 0.0)]
        first, second = (random.random((seeds, 2000)) < chance for chance in moved)
        return first, second

    needed = seeds_for(*pair(200))
    assert needed is not None and 8 <= needed <= 16
    seen = np.mean([compare_replicates(*pair(needed)).p_value < 0.05 for _ in range(150)])
    assert 0.7 < seen < 0.9


def test_seeds_cannot_make_up_for_too_few_questions() -> None:
    random = np.random.default_rng(35)
    ease_Q = random.uniform(0.3, 0.8, 50)
    shifted_Q = np.clip(ease_Q + random.normal(0.01, 0.3, 50), 0, 1)
    first, second = (random.random((10, 50)) < chance for chance in (shifted_Q, ease_Q))
    assert seeds_for(first, second) is None
