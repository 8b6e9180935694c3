"""Means and paired differences of values per question: against SciPy, statsmodels, and the comparison of counts."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from medqa_sweeps.statistics import (
    compare_answers,
    compare_one_of,
    compare_values,
    compare_with_base,
    mean_interval,
    newcombe_interval,
    ratio_values,
    wilson_interval,
)

pairs = st.lists(st.tuples(st.sampled_from([0, 1 / 3, 2 / 3, 1]), st.sampled_from([0, 1 / 3, 1])), min_size=1).map(
    lambda rows: (np.array([one for one, _ in rows]), np.array([other for _, other in rows]))
)
answers = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1).map(
    lambda rows: (np.array([one for one, _ in rows]), np.array([other for _, other in rows]))
)


def test_a_paired_difference_is_that_of_the_t_test() -> None:
    random = np.random.default_rng(2)
    first, second = random.normal(0.1, 1, 50), random.normal(0, 1, 50)
    found, expected = compare_values(first, second, 0.99), stats.ttest_rel(first, second)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(expected.confidence_interval(0.99))
    assert found.difference == pytest.approx(np.mean(first - second))
    assert (found.only_first, found.only_second) == (np.sum(first > second), np.sum(first < second))


@given(answers)
@settings(max_examples=100, deadline=None)
def test_of_yes_or_no_it_is_the_comparison_of_answers(rows: tuple[np.ndarray, np.ndarray]) -> None:
    for span in (0, 1):
        assert compare_values(*rows, span=span) == compare_answers(*rows)
    assert compare_one_of(*rows, 7) == compare_with_base(*rows, 7)


@given(pairs, st.sampled_from([0.0, 1.0]), st.sampled_from([1, 5]))
@settings(max_examples=200, deadline=None)
def test_a_claim_is_an_interval_that_excludes_0(rows: tuple[np.ndarray, np.ndarray], span: float, configs: int) -> None:
    found = compare_one_of(*rows, configs, span)
    assert found.significant == (found.p_adjusted < 0.05) == (found.p_value < 1 - found.confidence)
    assert found.low <= found.difference <= found.high and found.low < found.high
    swapped = compare_one_of(*rows[::-1], configs, span)
    assert (swapped.low, swapped.high) == pytest.approx((-found.high, -found.low))


def test_equal_differences_of_few_questions_are_no_proof() -> None:
    """A t-test has no spread to go by, and p = 0."""
    assert compare_values([1 / 3] * 3, [0] * 3).p_value == pytest.approx(2 * 0.5**3 - 0.5**3)
    assert not compare_values([1 / 3] * 3, [0] * 3).significant
    assert compare_values([1 / 3] * 9, [0] * 9).significant


def test_small_differences_do_not_hide_that_large_ones_are_rare() -> None:
    """9 of 200 with a third of their variants, against a placebo that happens to change none where 3 are expected."""
    changed = np.array([1 / 3] * 9 + [0.0] * 191)
    assert compare_values(changed, np.zeros(200)).significant
    assert not compare_values(changed, np.zeros(200), span=1.0).significant


@pytest.mark.parametrize(("first", "second"), [([], []), ([1.0], [1.0, 2.0]), ([math.nan], [1.0]), ([[1.0]], [[1.0]])])
def test_values_that_cannot_be_paired_are_refused(first: list[float], second: list[float]) -> None:
    with pytest.raises(ValueError, match="one number per question"):
        compare_values(first, second)


# Means


def test_a_mean_of_shares_has_the_t_interval_within_its_range() -> None:
    values = np.array([0, 0, 1 / 3, 0, 2 / 3, 0, 0, 1])
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert mean_interval(values, 0, 1) == pytest.approx((max(0, expected.low), expected.high))
    assert mean_interval(values, -1, 1)[0] == pytest.approx(expected.low) and expected.low < 0


def test_a_mean_of_yes_or_no_has_wilsons() -> None:
    assert mean_interval(np.array([True, False, False]), 0, 1) == pytest.approx(wilson_interval(1, 3))
    assert mean_interval([1, 1, -1], -1, 1) == pytest.approx([2 * limit - 1 for limit in wilson_interval(2, 3)])


def test_equal_values_are_not_certain() -> None:
    reach = 1 - wilson_interval(20, 20)[0]
    assert mean_interval([0] * 20, -1, 1) == pytest.approx((-reach, reach))
    assert mean_interval([0] * 20, 0, 1) == pytest.approx((0, reach))


@pytest.mark.parametrize("values", [[], [math.inf]])
def test_a_mean_of_nothing_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one, and finite"):
        mean_interval(values, 0, 1)


def test_the_values_of_a_ratio() -> None:
    """5 of 8, and its textbook standard error (Cochran 1977, equation 6.13) without the finite population."""
    part, whole = np.array([1, 0, 2, 1, 1]), np.array([1, 1, 2, 1, 3])
    values = ratio_values(part, whole)
    assert values is not None and np.mean(values) == pytest.approx(5 / 8)
    error = np.sqrt(np.sum((part - 5 / 8 * whole) ** 2) / (4 * 5)) / np.mean(whole)
    assert np.std(values, ddof=1) / math.sqrt(5) == pytest.approx(error)
    assert ratio_values([0, 0], [0, 0]) is None


def test_newcombe_matches_the_published_examples() -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 873, table II, method 10: 56/70 - 48/80, 9/10 - 3/10, 0/10 - 0/10."""
    published = {
        (56, 70, 48, 80): (0.0524, 0.3339),
        (9, 10, 3, 10): (0.1705, 0.8090),
        (0, 10, 0, 10): (-0.2775, 0.2775),
    }
    for counts, limits in published.items():
        assert newcombe_interval(*counts) == pytest.approx(limits, abs=5e-5)
    with pytest.raises(ValueError, match="3 correct of 2"):
        newcombe_interval(1, 2, 3, 2)
