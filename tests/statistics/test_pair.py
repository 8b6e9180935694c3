"""Intervals, the paired comparison and calibration: against published numbers, statsmodels, and simulation."""

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from medqa_sweeps.statistics import (
    PairedDifference,
    brier_score,
    calibration_error,
    calibration_values,
    compare_answers,
    compare_counts,
    standard_error,
    wilson_interval,
)
from medqa_sweeps.statistics.pair import mid_p

counts = st.integers(1, 300).flatmap(
    lambda n: st.integers(0, n).flatmap(lambda b: st.tuples(st.just(b), st.integers(0, n - b), st.just(n)))
)
comparison_of = cache(compare_counts)  # simulations meet the same counts again and again


def simulated(seed: int, studies: int, questions: int, only_first: float, only_second: float) -> list[PairedDifference]:
    """Comparisons of two trials that differ on a question with these two probabilities."""
    cells = (only_first, only_second, 1 - only_first - only_second)
    drawn = np.random.default_rng(seed).multinomial(questions, cells, size=studies)
    return [comparison_of(int(b), int(c), questions) for b, c, _ in drawn]


# A single proportion


def test_standard_error_is_the_textbook_one() -> None:
    assert standard_error(636, 1272) == pytest.approx(0.014019, abs=1e-6)
    assert standard_error(0, 10) == 0


def test_wilson_matches_the_published_examples() -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3: 81/263, 15/148, 0/20, 1/29."""
    published = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    for (correct, total), limits in published.items():
        assert wilson_interval(correct, total) == pytest.approx(limits, abs=5e-5)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_wilson_matches_statsmodels(confidence: float) -> None:
    from statsmodels.stats.proportion import proportion_confint

    for correct, total in [(0, 1), (1, 1), (3, 7), (400, 1272), (1272, 1272)]:
        expected = proportion_confint(correct, total, alpha=1 - confidence, method="wilson")
        assert wilson_interval(correct, total, confidence) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("correct", "total"), [(0, 0), (-1, 5), (6, 5)])
def test_impossible_counts_are_refused(correct: int, total: int) -> None:
    with pytest.raises(ValueError, match=f"{correct} correct of {total}"):
        wilson_interval(correct, total)
    with pytest.raises(ValueError, match=f"{correct} correct of {total}"):
        standard_error(correct, total)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_impossible_confidence_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match=r"usual is 0\.95"):
        wilson_interval(1, 2, confidence)
    with pytest.raises(ValueError, match=r"usual is 0\.95"):
        compare_counts(1, 0, 2, confidence)


# Two trials on the same questions


def test_comparison_matches_the_published_examples() -> None:
    """Fagerland, Lydersen & Laake's consolidation therapy trial (Cavo et al. 2012), [[59, 6], [16, 80]].

    Numbers: the tests of their R package contingencytables, `Tango_asymptotic_score_CI_paired_2x2` and
    `McNemar_midP_test_paired_2x2`.
    """
    result = compare_counts(6, 16, 161)
    assert (result.difference, result.low, result.high) == pytest.approx((-0.0621, -0.1240, -0.0054), abs=5e-5)
    assert result.p_value == pytest.approx(0.034690, abs=5e-7)


@given(counts, st.sampled_from([0.8, 0.95, 0.99, 0.9993, 1 - 2e-7]))
@settings(max_examples=300, deadline=None)
def test_the_interval_excludes_0_exactly_when_the_test_rejects(split: tuple[int, int, int], confidence: float) -> None:
    """Tango's own limits do not: 4 and 0 of 100 exclude 0 at 0.95, where p = 0.0625; 12 and 0 do not at 0.9995, where
    p = 0.00024."""
    result = compare_counts(*split, confidence=confidence)
    assert result.significant == (result.p_value < 1 - confidence) == (not result.low <= 0 <= result.high)


@pytest.mark.parametrize("questions", [20, 100, 400])
def test_the_mid_p_value_keeps_its_level(questions: int) -> None:
    """By enumeration, at the levels of 2, 15 and 60 configs. McNemar's z would reach 1.07 times its level."""
    first = np.arange(questions + 1)
    for level in (0.05, 0.0007, 0.000046):
        for share in (0.05, 0.1, 0.2, 0.3, 0.5):
            rejected = [
                2 * np.sum(stats.binom.pmf(first, split, 0.5)[(mid_p(first, split) < level) & (2 * first < split)])
                for split in range(questions + 1)
            ]
            assert rejected @ stats.binom.pmf(first, questions, share) <= 1.003 * level


def test_the_mid_p_value_lies_halfway_between_exact_ones() -> None:
    """statsmodels' exact test counts the outcome seen in full; of the next more extreme one it counts none of it."""
    from statsmodels.stats.contingency_tables import mcnemar

    for b, c in [(0, 1), (5, 17), (120, 90), (0, 12)]:
        fewer, split = min(b, c), b + c
        exact = float(mcnemar([[50, b], [c, 50]], exact=True).pvalue)
        beyond = 2 * stats.binom.cdf(fewer - 1, split, 0.5)
        assert compare_counts(b, c, 400).p_value == pytest.approx((exact + beyond) / 2, rel=1e-9)
    assert compare_counts(3, 3, 400).p_value == compare_counts(0, 0, 400).p_value == 1


def test_answers_are_paired_by_position() -> None:
    first = np.array([True, True, True, False, True, False])
    second = np.array([True, False, False, True, True, False])
    assert compare_answers(first, second) == compare_counts(2, 1, 6)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (np.array([True, False]), np.array([True])),
        (np.array([1, 0]), np.array([1, 1])),
        (np.array([[True]]), np.array([[True]])),
    ],
)
def test_answers_that_cannot_be_paired_are_refused(first: np.ndarray, second: np.ndarray) -> None:
    with pytest.raises(ValueError, match="over the same questions"):
        compare_answers(first, second)


@pytest.mark.parametrize(("b", "c", "n"), [(0, 0, 0), (-1, 0, 5), (3, 3, 5)])
def test_impossible_splits_are_refused(b: int, c: int, n: int) -> None:
    with pytest.raises(ValueError, match=f"only_first={b}, only_second={c}, questions={n}"):
        compare_counts(b, c, n)


@given(counts)
@settings(max_examples=100, deadline=None)
def test_swapping_the_trials_flips_the_sign(split: tuple[int, int, int]) -> None:
    b, c, n = split
    one, other = comparison_of(b, c, n), comparison_of(c, b, n)
    assert (one.difference, one.low, one.high) == pytest.approx((-other.difference, -other.high, -other.low), abs=1e-9)
    back = other.reversed()
    assert (back.only_first, back.low, back.high) == (
        one.only_first,
        -other.high,
        -other.low,
    ) and back.reversed() == other
    assert one.p_value == pytest.approx(other.p_value)


@given(counts)
@settings(max_examples=100, deadline=None)
def test_the_interval_contains_the_estimate_and_stays_in_bounds(split: tuple[int, int, int]) -> None:
    result = comparison_of(*split)
    assert -1 <= result.low <= result.difference <= result.high <= 1
    assert 0 < result.p_value <= 1
    wider = compare_counts(*split, confidence=0.99)
    assert wider.low <= result.low and result.high <= wider.high


@given(st.lists(st.booleans(), min_size=1, max_size=200))
@settings(max_examples=50, deadline=None)
def test_equal_answers_are_no_difference(answers: list[bool]) -> None:
    same = np.array(answers)
    result = compare_answers(same, same)
    assert (result.difference, result.p_value, result.significant) == (0, 1, False)
    assert result.low == pytest.approx(-result.high) and result.high > 0


@pytest.mark.parametrize("split_share", [0.02, 0.1, 0.3])
def test_false_claims_stay_at_or_below_alpha(split_share: float) -> None:
    """Null data: 4,000 studies each; 3 Monte Carlo standard errors of slack are 3 sqrt(0.05 * 0.95 / 4000) = 0.0103."""
    results = simulated(7, 4000, 400, split_share / 2, split_share / 2)
    rate = np.mean([result.significant for result in results])
    assert rate <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 4000)
    if split_share == 0.3:
        assert rate > 0.02, "a test that never claims anything would pass too"


@pytest.mark.parametrize(("only_first", "only_second"), [(0.1, 0.1), (0.16, 0.1), (0.05, 0.01), (0.3, 0.1)])
def test_intervals_cover_at_their_rate(only_first: float, only_second: float) -> None:
    """4,000 studies of 400 questions; 95 % to within 1.5 points: 4 Monte Carlo standard errors of 0.0034, and the
    unevenness that every interval of counts has."""
    results = simulated(11, 4000, 400, only_first, only_second)
    covered = np.mean([result.low <= only_first - only_second <= result.high for result in results])
    assert covered == pytest.approx(0.95, abs=0.015)


def test_the_interval_is_near_that_of_a_bootstrap_which_knows_none_of_this_theory() -> None:
    random = np.random.default_rng(25)
    first, second = random.random(400) < 0.6, random.random(400) < 0.5
    found, differences = compare_answers(first, second), first.astype(float) - second
    drawn = stats.bootstrap((differences,), np.mean, n_resamples=2000, rng=random).confidence_interval
    assert (found.low, found.high) == pytest.approx((drawn.low, drawn.high), abs=0.012)


def test_a_known_effect_is_found() -> None:
    """6 points on 1,272 questions of which 20 % split the two: the normal approximation of McNemar's power is 0.998."""
    results = simulated(13, 1000, 1272, 0.13, 0.07)
    assert np.mean([result.significant for result in results]) > 0.98


# Calibration


def test_calibration_error_by_hand() -> None:
    """Two bins: mean confidence 0.3, accuracy 0.5, weight 2/5; and 0.8, 1/3, 3/5."""
    confidence = np.array([0.2, 0.4, 0.7, 0.8, 0.9])
    correct = np.array([True, False, True, False, False])
    assert calibration_error(confidence, correct, 2) == pytest.approx(0.4 * 0.2 + 0.6 * (0.8 - 1 / 3))


def test_a_bin_ends_with_its_upper_edge() -> None:
    """0.5 belongs to (0, 0.5]: with 0.1 in one bin the surpluses -0.5 and 0.1 cancel in part; apart they would add."""
    assert calibration_error(np.array([0.5, 0.1]), np.array([True, False]), 2) == pytest.approx(0.2)


def test_calibrated_confidence_has_almost_no_error() -> None:
    random = np.random.default_rng(3)
    confidence = random.uniform(0.25, 1, 20_000)
    assert calibration_error(confidence, random.random(20_000) < confidence, 10) < 0.015
    assert calibration_error(confidence, random.random(20_000) < confidence - 0.2, 10) == pytest.approx(0.2, abs=0.02)


def test_zero_and_one_have_a_bin() -> None:
    assert calibration_error(np.array([0.0, 1.0]), np.array([False, True]), 10) == 0
    assert calibration_error(np.array([0.0, 1.0]), np.array([True, False]), 10) == 1


@pytest.mark.parametrize(
    ("confidence", "correct", "bins", "words"),
    [
        ([], [], 10, "at least one question"),
        ([0.5], [True, False], 10, "one entry per question"),
        ([0.5], [True], 0, "bins=0"),
        ([-0.1], [True], 10, "log-probabilities"),
        ([math.nan], [True], 10, "from 0 to 1"),
    ],
)
def test_calibration_of_nonsense_is_refused(
    confidence: list[float], correct: list[bool], bins: int, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        calibration_error(np.array(confidence), np.array(correct, dtype=bool), bins)


def test_the_mean_of_the_calibration_values_is_the_error() -> None:
    random = np.random.default_rng(4)
    confidence = random.uniform(0.25, 1, 300)
    correct = random.random(300) < confidence - 0.1
    expected = calibration_error(confidence, correct, 10)
    assert np.mean(calibration_values(confidence, correct, 10)) == pytest.approx(expected)


def test_the_brier_score_by_hand() -> None:
    """0.1^2 + 0.1^2; 1 + 1 for sure and wrong; 3/4 for guessing among four, of a question that has four."""
    probabilities = np.array([[0.9, 0.1, 0, 0], [0, 1, 0, 0], [0.25, 0.25, 0.25, 0.25]])
    assert brier_score(probabilities, np.array([0, 0, 2])) == pytest.approx((0.02 + 2 + 0.75) / 3)


@pytest.mark.parametrize(
    ("probabilities", "gold", "words"),
    [
        ([[0.5, 0.6]], [0], "do not sum to 1"),
        ([[1.5, -0.5]], [0], "negative"),
        ([[0.5, 0.5]], [2], "from 0 to 1"),
        ([[0.5, 0.5]], [0, 1], r"\[Q, N\] and \[Q\]"),
    ],
)
def test_a_brier_score_of_nonsense_is_refused(probabilities: list[list[float]], gold: list[int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        brier_score(np.array(probabilities), np.array(gold))
