"""Risk–coverage curves against values by hand and by definition; the bound of a risk against simulation."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings, strategies as st

from medqa_sweeps.statistics import augrc, augrc_values, aurc, coverage_at_risk, halves_of, risk_coverage

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]

# With many ties: confidences are tenths.
answered = st.lists(st.tuples(st.integers(1, 10), st.booleans()), min_size=1, max_size=60).map(
    lambda rows: (np.array([tenth / 10 for tenth, _ in rows]), np.array([right for _, right in rows]))
)


def test_the_curve_by_hand() -> None:
    """Confidences 0.9 (right), 0.8 (wrong) and twice 0.5 (one right): thresholds answer 1, 2 and 4 questions."""
    confidence, correct = np.array([0.5, 0.9, 0.8, 0.5]), np.array([True, True, False, False])
    curve = risk_coverage(confidence, correct)
    assert curve.threshold_T.tolist() == [0.9, 0.8, 0.5]
    assert curve.coverage_T.tolist() == [0.25, 0.5, 1]
    assert curve.risk_T.tolist() == [0, 0.5, 0.5]
    assert aurc(confidence, correct) == pytest.approx((0 + 0.5 + 0.5 + 0.5) / 4)
    # Trapezoids of risk times coverage (0 at 0, 0 at 0.25, 0.25 at 0.5, 0.5 at 1) over coverage.
    assert augrc(confidence, correct) == pytest.approx(0.25 * 0.125 + 0.5 * 0.375)


@given(answered)
@settings(max_examples=200, deadline=None)
def test_augrc_is_the_area_of_its_definition(rows: tuple[Floats, Bools]) -> None:
    curve = risk_coverage(*rows)
    coverage, joint = np.append(0, curve.coverage_T), np.append(0, curve.risk_T * curve.coverage_T)
    assert augrc(*rows) == pytest.approx(np.trapezoid(joint, coverage))


@given(answered)
@settings(max_examples=200, deadline=None)
def test_augrc_is_that_of_the_auroc_and_the_error_rate(rows: tuple[Floats, Bools]) -> None:
    """Traub et al. 2024, equation 7: (1 - AUROC) e (1 - e) + e^2 / 2. Its limits follow: e^2 / 2 to e - e^2 / 2."""
    confidence, correct = rows
    error = float(np.mean(~correct))
    of_wrong, of_right = confidence[~correct][:, None], confidence[correct]
    misordered = np.mean((of_wrong > of_right) + (of_wrong == of_right) / 2) if of_wrong.size and of_right.size else 0
    assert augrc(*rows) == pytest.approx(misordered * error * (1 - error) + error**2 / 2)
    assert error**2 / 2 - 1e-12 <= augrc(*rows) <= error - error**2 / 2 + 1e-12
    assert 0 <= aurc(*rows) <= 1


@given(answered, st.sampled_from([np.exp, np.log, np.sqrt, lambda value: 3 * value - 7]))
@settings(max_examples=100, deadline=None)
def test_only_the_order_of_confidences_counts(rows: tuple[Floats, Bools], rising: Callable[[Floats], Floats]) -> None:
    confidence, correct = rows
    for area in (aurc, augrc):
        assert area(rising(confidence), correct) == area(confidence, correct)
    halves = np.arange(confidence.size) % 2 == 0
    found = [coverage_at_risk(one, correct, 0.3, halves) for one in (confidence, rising(confidence))]
    assert found[0] == found[1]


@given(answered, st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_the_order_of_the_questions_does_not_matter(rows: tuple[Floats, Bools], random: object) -> None:
    confidence, correct = rows
    order = np.random.default_rng(confidence.size).permutation(confidence.size)
    assert aurc(confidence[order], correct[order]) == pytest.approx(aurc(confidence, correct))
    assert augrc_values(confidence[order], correct[order]) == pytest.approx(augrc_values(confidence, correct)[order])


@given(answered)
@settings(max_examples=100, deadline=None)
def test_a_value_is_what_a_question_adds_as_answer_and_as_threshold(rows: tuple[Floats, Bools]) -> None:
    """From all pairs: a wrong answer above the threshold of another question counts 1, at it one half."""
    confidence, correct = rows
    pair_QxQ = ~correct[:, None] * ((confidence[:, None] > confidence) + (confidence[:, None] == confidence) / 2)
    expected = pair_QxQ.mean(axis=1) + pair_QxQ.mean(axis=0) - pair_QxQ.mean()
    assert augrc_values(confidence, correct) == pytest.approx(expected)


def test_the_spread_of_the_values_is_that_of_the_area() -> None:
    """2,000 samples of 300 questions, of which 60% are right and more confident by half a standard deviation."""
    random, areas, errors = np.random.default_rng(5), [], []
    for _ in range(2000):
        correct = random.random(300) < 0.6
        values = augrc_values(random.standard_normal(300) + correct / 2, correct)
        areas.append(values.mean())
        errors.append(values.std(ddof=1) / math.sqrt(300))
    assert np.mean(errors) == pytest.approx(np.std(areas), rel=0.06)


# Coverage at a risk


def test_coverage_at_risk_by_hand() -> None:
    """Of the first half (0.9, 0.7 right; 0.5, 0.3 wrong) none of the surest two is wrong, of the second (0.8 right, 0.6
    wrong, 0.4 and 0.2 right) none of the surest one. So the second answers from 0.7, the first from 0.8: 0.8, 0.9."""
    confidence = np.array([0.9, 0.7, 0.5, 0.3, 0.8, 0.6, 0.4, 0.2])
    correct = np.array([True, True, False, False, True, False, True, True])
    first_half = np.arange(8) < 4
    found = coverage_at_risk(confidence, correct, 0.1, first_half)
    assert (found.answered, found.wrong, found.coverage, found.risk, found.too_few) == (2, 0, 0.25, 0, True)
    assert found.bound == pytest.approx(1 - 0.05 ** (1 / 2))  # Clopper and Pearson's of 0 of 2
    # At 0.4 the first half allows 3 answers (1 of 3 wrong), from 0.5; the second 4 (1 of 4), from 0.2.
    found = coverage_at_risk(confidence, correct, 0.4, first_half)
    assert (found.answered, found.wrong) == (4 + 2, 2 + 1)


def test_where_even_the_surest_are_wrong_nothing_is_answered() -> None:
    found = coverage_at_risk(np.linspace(0, 1, 10), np.zeros(10, dtype=bool), 0.2, np.arange(10) % 2 == 0)
    assert (found.coverage, found.answered, found.risk, found.bound) == (0, 0, None, None)


def test_the_bound_holds_and_the_risk_is_near_the_one_asked_for() -> None:
    """1,000 models of 400 questions whose confidence is their chance to be right: the true risk of the questions that
    were answered is above its bound in at most 5%, and three Monte Carlo errors of 0.7%."""
    random, above, risks = np.random.default_rng(9), 0, []
    for _ in range(1000):
        confidence = random.uniform(0.25, 1, 400)
        correct, halves = random.random(400) < confidence, random.permutation(400) < 200
        found = coverage_at_risk(confidence, correct, 0.2, halves)
        assert found.risk is not None and found.bound is not None
        risks.append(found.risk)
        above += _true_risk(confidence, correct, halves) > found.bound
    assert above / 1000 <= 0.071
    assert np.mean(risks) == pytest.approx(0.2, abs=0.02)


def _true_risk(confidence: Floats, correct: Bools, halves: Bools) -> float:
    """Of both thresholds, weighted by how many questions each answers; confidence is uniform above a threshold."""
    answered, wrong = 0.0, 0.0
    for half in (halves, ~halves):
        curve = risk_coverage(confidence[half], correct[half])
        threshold = curve.threshold_T[curve.risk_T <= 0.2][-1]
        given_ = np.sum(confidence[~half] >= threshold)
        answered, wrong = answered + given_, wrong + given_ * (1 - (1 + threshold) / 2)
    return wrong / answered


def test_halves_are_equal_and_do_not_depend_on_the_order() -> None:
    ids = [f"{value:016x}" for value in np.random.default_rng(1).integers(2**60, size=101)]
    first = halves_of(ids)
    assert first.sum() == 51
    assert halves_of(ids[::-1])[::-1].tolist() == first.tolist()


@pytest.mark.parametrize(
    ("confidence", "correct", "words"),
    [
        ([], [], "at least one question"),
        ([0.5], [True, False], "a boolean per question"),
        ([math.nan], [True], "not a number"),
        ([0.5], [1], "boolean"),
    ],
)
def test_nonsense_is_refused(confidence: list[float], correct: list[bool], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        augrc(np.array(confidence), np.array(correct) if correct else np.array([], dtype=bool))


@pytest.mark.parametrize("risk", [0, 1, 20])
def test_a_risk_that_is_no_share_is_refused(risk: float) -> None:
    with pytest.raises(ValueError, match=f"risk={risk}"):
        coverage_at_risk(np.array([0.5, 0.6]), np.array([True, False]), risk, np.array([True, False]))


def test_halves_of_other_questions_are_refused() -> None:
    with pytest.raises(ValueError, match="2 of them"):
        coverage_at_risk(np.array([0.5, 0.6]), np.array([True, False]), 0.2, np.array([True]))
