"""Several seeds a config: coverage and false claims by simulation, and what the intervals are made of."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from medqa_sweeps.statistics import (
    SeedSpread,
    compare_answers,
    compare_replicates,
    estimate,
    seed_spread,
    wilson_interval,
)

QUESTIONS = 300
STUDIES = 1000
SLACK = 3 * math.sqrt(0.05 * 0.95 / STUDIES)


def answers_of(
    random: np.random.Generator, ease_Q: npt.NDArray[np.floating], seeds: int, deviation: float, shift: float = 0.0
) -> npt.NDArray[np.bool_]:
    """[S, Q]: a seed moves the chance of every question by a normal amount."""
    moved_SxQ = ease_Q + shift + random.normal(0, deviation, (seeds, 1))
    return random.random((seeds, QUESTIONS)) < moved_SxQ


def ease(random: np.random.Generator) -> npt.NDArray[np.floating]:
    """Chance of each question, far enough from 0 and 1 that a seed's shift is not clipped. Its mean is 0.55."""
    return random.uniform(0.3, 0.8, QUESTIONS)


def spread_of(*configs: npt.NDArray[np.bool_]) -> SeedSpread:
    spread = seed_spread([dict(enumerate(answers.mean(axis=1))) for answers in configs])
    assert spread is not None
    return spread


@pytest.mark.parametrize("deviation", [0.0, 0.03])
@pytest.mark.parametrize("seeds", [2, 5])
def test_intervals_cover_other_seeds_and_other_questions(seeds: int, deviation: float) -> None:
    """1,000 studies of three configs each: 95 % of intervals hold the true accuracy and the true difference of 3
    points, within 3 Monte Carlo standard errors below; they may be too wide: two seeds say little of many.
    Measured, accuracy and difference: two seeds 1.0 and 1.0 (equal seeds), 0.981 and 0.983; five 0.972 and 0.982,
    0.957 and 0.955."""
    random = np.random.default_rng(21)
    held_accuracy = held_difference = 0
    for _ in range(STUDIES):
        ease_Q = ease(random)
        first = answers_of(random, ease_Q, seeds, deviation, shift=0.03)
        second = answers_of(random, ease_Q, seeds, deviation)
        spread = spread_of(first, second, answers_of(random, ease_Q, seeds, deviation))
        one, paired = estimate(first, spread), compare_replicates(first, second, spread)
        held_accuracy += one.low <= 0.58 <= one.high
        held_difference += paired.low <= 0.03 <= paired.high
    assert held_accuracy / STUDIES >= 0.95 - SLACK
    assert held_difference / STUDIES >= 0.95 - SLACK


def test_questions_alone_would_be_too_sure() -> None:
    """Why the seeds are in the interval: with 3 points between seeds the pooled questions cover far too little."""
    random = np.random.default_rng(22)
    held = 0
    for _ in range(300):
        pooled = answers_of(random, ease(random), 3, 0.05)
        low, high = wilson_interval(int(pooled.sum()), pooled.size)
        held += low <= 0.55 <= high
    assert held / 300 < 0.75


def test_one_seed_is_wilson_and_mcnemar() -> None:
    random = np.random.default_rng(24)
    first, second = (answers_of(random, ease(random), 1, 0.0) for _ in range(2))
    one = estimate(first)
    assert (one.low, one.high) == wilson_interval(int(first.sum()), QUESTIONS)
    assert one.seeds == 1
    assert compare_replicates(first, second) == compare_answers(first[0], second[0])


def test_one_seed_each_of_a_study_that_knows_how_seeds_vary_is_less_sure() -> None:
    random = np.random.default_rng(24)
    ease_Q = ease(random)
    first, second = (answers_of(random, ease_Q, 1, 0.0) for _ in range(2))
    spread = spread_of(answers_of(random, ease_Q, 20, 0.05))
    paired, alone = compare_replicates(first, second, spread), compare_answers(first[0], second[0])
    assert paired.high - paired.low > 1.3 * (alone.high - alone.low)


def test_a_balanced_spread_is_the_analysis_of_variance_by_hand() -> None:
    """Twice 0.5, 0.7 and 0.4, 0.8: within 0.04 + 0.16 over 6; 0.02 of it is not what a seed does to both alike."""
    spread = seed_spread([{0: 0.5, 1: 0.7, 2: 0.5, 3: 0.7}, {0: 0.4, 1: 0.8, 2: 0.4, 3: 0.8}, {0: 0.9}])
    assert spread is not None
    assert (spread.variance, spread.freedom) == (pytest.approx(0.2 / 6), 6)
    assert (spread.paired_variance, spread.paired_freedom) == (pytest.approx(0.02 / 3), 3)
    assert seed_spread([{0: 0.5}, {1: 0.5}]) is None


def test_a_paired_variance_of_too_few_degrees_of_freedom_is_not_used() -> None:
    """Two configs of two seeds would leave one, whose t-test at 0.05 reaches 12.7 standard errors far."""
    spread = seed_spread([{0: 0.5, 1: 0.7}, {0: 0.4, 1: 0.8}])
    assert spread is not None
    assert (
        (spread.paired_variance, spread.paired_freedom) == (spread.variance, spread.freedom) == (pytest.approx(0.05), 2)
    )


def test_an_unbalanced_spread_is_that_of_least_squares() -> None:
    random = np.random.default_rng(27)
    table = [(config, seed, random.random()) for config in range(6) for seed in range(4) if random.random() < 0.8]
    accuracies = [{seed: value for which, seed, value in table if which == config} for config in range(6)]
    table = [row for row in table if len(accuracies[row[0]]) > 1]
    design = np.array([[*(c == row[0] for c in range(6)), *(s == row[1] for s in range(4))] for row in table], float)
    values = np.array([row[2] for row in table])
    residual = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    spread = seed_spread(accuracies)
    assert spread is not None
    assert spread.paired_variance * spread.paired_freedom == pytest.approx(np.sum(residual**2))
    assert spread.paired_freedom == len(table) - np.linalg.matrix_rank(design)


def test_equal_answers_under_all_seeds_are_no_difference() -> None:
    same = np.ones((3, 10), dtype=bool)
    paired = compare_replicates(same, same)
    assert (paired.difference, paired.p_value, paired.significant) == (0, 1, False)


@pytest.mark.parametrize("shape", [(2, 5), (3, 0), (0, 4)])
def test_other_questions_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="the same questions"):
        compare_replicates(np.ones(shape, dtype=bool), np.ones((3, 4), dtype=bool))


def test_other_numbers_of_seeds_are_compared_with_the_whole_spread() -> None:
    random = np.random.default_rng(28)
    ease_Q = ease(random)
    many, few = answers_of(random, ease_Q, 5, 0.03), answers_of(random, ease_Q, 1, 0.03)
    paired = compare_replicates(many, few, spread_of(many))
    assert paired.high - paired.low > 2 * (compare_answers(many[0], few[0]).high - paired.difference) * 0.8
    assert paired.difference == pytest.approx(many.mean() - few.mean())


def test_seeds_that_agree_by_chance_do_not_narrow_the_interval() -> None:
    """Two seeds of equal accuracy: the interval is no narrower than that of the questions alone."""
    random = np.random.default_rng(29)
    first = random.random(QUESTIONS) < 0.5
    answers = np.array([first, random.permutation(first)])
    one = estimate(answers)
    from_questions = answers.mean(axis=0).std(ddof=1) / math.sqrt(QUESTIONS)
    assert (one.high - one.low) / 2 >= 1.96 * from_questions
