"""Exact probabilities, held against `scipy.stats`."""

import pytest
from scipy import stats

from medqa_sweeps.alarms.tails import at_least, at_most, sign_test


@pytest.mark.parametrize("count", [0, 1, 5, 11, 12])
def test_counts_of_events_with_unequal_probabilities(count: int) -> None:
    probabilities = [0.25] * 6 + [0.2] * 4 + [0.5, 1.0]
    reference = stats.poisson_binom(probabilities)
    assert at_most(count, probabilities) == pytest.approx(reference.cdf(count), abs=1e-12)
    assert at_least(count, probabilities) == pytest.approx(reference.sf(count - 1), abs=1e-12)


def test_a_thousand_equal_ones_are_binomial() -> None:
    assert at_least(300, [0.25] * 1000) == pytest.approx(stats.binom.sf(299, 1000, 0.25), rel=1e-6)


@pytest.mark.parametrize(("more", "fewer"), [(0, 0), (0, 7), (9, 1), (40, 22)])
def test_the_sign_test_is_one_sided(more: int, fewer: int) -> None:
    expected = stats.binomtest(more, more + fewer, alternative="greater").pvalue if more + fewer else 1.0
    assert sign_test(more, fewer) == pytest.approx(expected)
