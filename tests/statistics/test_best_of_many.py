"""Optimism of the best of N, and how much more would tell two apart: against simulation."""

import numpy as np
import pytest

from medqa_sweeps.statistics import (
    SeedSpread,
    compare_counts,
    compare_replicates,
    optimism_of_the_best,
    questions_needed,
    resolvable_difference,
    seed_spread,
    seeds_needed,
    selection_bias_of_the_best,
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
    with pytest.raises(ValueError, match="remain for scoring"):
        optimism_of_the_best(np.ones((3, 1)))


def seeded(random: np.random.Generator, seeds: list[int], deviation: float) -> tuple[list[np.ndarray], np.ndarray]:
    """[S, Q] of equally good configs whose seeds move them, and each one's accuracy on the questions that were drawn
    beyond what all configs owe to these. Two of one seed differ on 30 % of the questions."""
    ease_Q = random.uniform(0.3, 0.8, QUESTIONS)
    own_NxQ = ease_Q + random.choice([-0.2, 0.2], (len(seeds), QUESTIONS))
    answers = [
        random.random((count, QUESTIONS)) < own_Q + random.normal(0, deviation, (count, 1))
        for count, own_Q in zip(seeds, own_NxQ, strict=True)
    ]
    return answers, np.array([correct_SxQ.mean() for correct_SxQ in answers]) - ease_Q.mean()


@pytest.mark.parametrize("deviation", [0.0, 0.03])
@pytest.mark.parametrize("seeds", [[2] * 4, [3] * 15, [2, 3, 5, 3]], ids=["4 of 2", "15 of 3", "4 of 2, 3 and 5"])
def test_luck_of_seeds_and_questions_is_what_it_is(seeds: list[int], deviation: float) -> None:
    """150 studies of equal configs; the estimate is right on average to within a quarter of a point, 3 Monte Carlo
    standard errors. With 3 points between seeds, questions alone are half of it."""
    random = np.random.default_rng(36)
    estimates, alone, surpluses = [], [], []
    for _ in range(150):
        answers, surplus_N = seeded(random, seeds, deviation)
        luck = selection_bias_of_the_best(answers, splits=60)
        assert luck.of_both is not None
        estimates.append(luck.of_both)
        alone.append(luck.of_questions)
        surpluses.append(surplus_N.max())
    assert np.mean(estimates) == pytest.approx(np.mean(surpluses), abs=0.0025)
    if deviation:
        assert np.mean(alone) < 0.75 * np.mean(surpluses)


def test_luck_of_seeds_is_unknown_where_a_config_has_one() -> None:
    answers, _ = seeded(np.random.default_rng(37), [3, 1], 0.03)
    assert selection_bias_of_the_best(answers).of_both is None
    assert selection_bias_of_the_best(answers[:1]).of_both is None


def test_a_config_far_ahead_owes_nothing_to_seeds_either() -> None:
    random = np.random.default_rng(38)
    chances = np.linspace(0.2, 0.9, 6)[:, None, None] + random.normal(0, 0.01, (6, 3, 1))
    luck = selection_bias_of_the_best(list(random.random((6, 3, QUESTIONS)) < chances))
    assert luck.of_both is not None and luck.of_both < 0.002


def test_seeds_that_answer_alike_add_no_luck() -> None:
    answers = list(np.repeat(random_answers(39)[:, None], 3, axis=1))
    luck = selection_bias_of_the_best(answers)
    assert luck.of_both == pytest.approx(luck.of_questions, abs=1e-3)


def random_answers(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((5, QUESTIONS)) < 0.5


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


def test_a_resolvable_difference_is_detected_with_the_stated_power() -> None:
    """3 seeds each of two configs with 3 points between seeds: 4 degrees of freedom. The difference is seen in about
    80 % of studies; the interval, made for the worst that the spread may be, costs some of it."""
    random = np.random.default_rng(40)
    ease_Q = random.uniform(0.3, 0.8, 2000)
    known = SeedSpread(0.03**2 + 0.24 / 2000, 4, 0.03**2 + 0.24 / 2000, 4)

    def pair(apart: float) -> tuple[np.ndarray, np.ndarray]:
        moved = [ease_Q + shift + random.normal(0, 0.03, (3, 1)) for shift in (apart / 2, -apart / 2)]
        first, second = (random.random((3, 2000)) < chance for chance in moved)
        return first, second

    least = resolvable_difference(compare_replicates(*pair(0.0)), 0.0, known)
    seen = np.mean([compare_replicates(*pair(least)).significant for _ in range(300)])
    assert 0.65 < seen < 0.9
    assert np.mean([compare_replicates(*pair(least / 3)).significant for _ in range(100)]) < 0.3


def test_fewer_degrees_of_freedom_resolve_less() -> None:
    first, second = (np.random.default_rng(seed).random((2, 300)) < 0.5 for seed in (1, 2))
    paired = compare_replicates(first, second)
    least = [resolvable_difference(paired, 0.0004, SeedSpread(0.0009, f, 0.0009, f)) for f in (1, 2, 3, 14)]
    assert least == sorted(least, reverse=True) and least[0] > 0.3 > 0.12 > least[3]
    stricter = resolvable_difference(paired, 0.0004, SeedSpread(0.0009, 14, 0.0009, 14), level=0.0007)
    assert stricter > 1.3 * least[3]


def test_seeds_cannot_make_up_for_too_few_questions() -> None:
    random = np.random.default_rng(35)
    ease_Q = random.uniform(0.3, 0.8, 50)
    shifted_Q = np.clip(ease_Q + random.normal(0.01, 0.3, 50), 0, 1)
    first, second = (random.random((10, 50)) < chance for chance in (shifted_Q, ease_Q))
    assert seeds_for(first, second) is None
