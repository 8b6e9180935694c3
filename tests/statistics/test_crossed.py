"""The error of a mean over few seeds and many questions: its level, by integration, and its limits."""

import numpy as np
import pytest
from scipy import stats

from medqa_sweeps.statistics.crossed import CrossedError

QUESTIONS = 401
EQUALLY_LIKELY = (np.arange(200) + 0.5) / 200


def wrong(freedom: int, from_seeds: float, level: float) -> tuple[float, float]:
    """How often the test of "no difference" is wrong, ours and with Satterthwaite's formula, where the variance from
    questions is 1 and known, and that from seeds is estimated with `freedom`; over the estimates that may come."""
    ours, satterthwaite = [], []
    for estimated in from_seeds * stats.chi2.ppf(EQUALLY_LIKELY, freedom) / freedom:
        error = CrossedError(estimated, freedom, 1.0, QUESTIONS)
        ours.append(error.reach(1 - level))
        both = (estimated + 1) ** 2 / (estimated**2 / freedom + 1 / (QUESTIONS - 1))
        satterthwaite.append(stats.t.isf(level / 2, both) * error.deviation)
    of_ours, of_theirs = (2 * stats.norm.sf(np.array(r) / np.sqrt(from_seeds + 1)) for r in (ours, satterthwaite))
    return float(of_ours.mean()), float(of_theirs.mean())


@pytest.mark.parametrize("freedom", [1, 3, 14])
@pytest.mark.parametrize("from_seeds", [0.1, 1, 10])
def test_the_level_is_kept_whatever_share_of_the_variance_comes_from_seeds(freedom: int, from_seeds: float) -> None:
    for level in (0.05, 0.001):
        assert wrong(freedom, from_seeds, level)[0] <= 1.01 * level


def test_satterthwaite_would_not_keep_it() -> None:
    assert wrong(3, 10, 0.001)[1] > 0.007
    assert wrong(1, 10, 0.05)[1] > 0.12


@pytest.mark.parametrize("freedom", [1, 3, 14.5])
def test_seeds_alone_are_a_t_test_of_seeds_and_questions_alone_one_of_questions(freedom: float) -> None:
    seeds, questions = CrossedError(0.04, freedom, 0.0, 10**6), CrossedError(0.0, freedom, 0.04, 9)
    for confidence in (0.8, 0.95, 0.9993):
        assert seeds.reach(confidence) == pytest.approx(0.2 * stats.t.isf((1 - confidence) / 2, freedom), rel=1e-5)
        assert questions.reach(confidence) == pytest.approx(0.2 * stats.t.isf((1 - confidence) / 2, 8), rel=1e-5)


def test_the_reach_is_where_the_p_value_is_the_level() -> None:
    error = CrossedError(0.0002, 3, 0.0006, 400)
    assert error.p_value(error.reach(0.98)) == pytest.approx(0.02)
    assert error.p_value(0.0) == pytest.approx(1) and error.p_value(-0.1) == error.p_value(0.1) < 0.1


def test_no_variance_is_no_doubt_and_one_question_nothing_but_doubt() -> None:
    sure, unsure = CrossedError(0.0, 3, 0.0, 400), CrossedError(0.0, 3, 0.0, 1)
    assert (sure.reach(0.95), sure.p_value(0.0), sure.p_value(0.1)) == (0, 1, 0)
    assert unsure.reach(0.95) == np.inf and unsure.p_value(1.0) == 1
