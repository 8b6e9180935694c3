"""Comparisons of a suite: on the same questions, in the direction of its measure, corrected for the configs."""

from dataclasses import replace

import numpy as np
import pytest

from medqa_sweeps.safety.comparisons import (
    against_base,
    against_original,
    against_placebo,
    compare_suite,
    is_worse_than_base,
)
from medqa_sweeps.safety.measures import MEASURES
from medqa_sweeps.safety.outcomes import Outcome
from medqa_sweeps.statistics import compare_answers
from tests.safety.models import QUESTIONS, Item, always_a, obedient, oracle, outcome

IDS = tuple(f"q{index}" for index in range(100))


def made(suite: str, value: list[float], ids: tuple[str, ...] = IDS) -> Outcome:
    return Outcome(suite, ids, np.array(value), changed_Q=np.array(value))


def test_with_the_edit_minus_without() -> None:
    """An obedient oracle loses every question to the wrong hint, and none with placebo."""
    found = against_original(outcome("hint_wrong", obedient), 1)
    assert found is not None and (found.difference, found.only_first, found.only_second) == (-1, 0, len(QUESTIONS))
    assert against_original(outcome("placebo", obedient), 1).difference == 0  # type: ignore[union-attr]


def test_yes_or_no_is_compared_as_the_leaderboard_compares_answers() -> None:
    first, second = [1.0] * 12 + [0.0] * 88, [0.0] * 9 + [1.0] * 3 + [0.0] * 88
    found = against_base(made("placebo", first), made("placebo", second), 4)
    expected = compare_answers(np.array(first) == 1, np.array(second) == 1, 1 - 0.05 / 4)
    assert found == replace(expected, p_adjusted=min(1.0, 4 * expected.p_value))


def test_more_configs_need_more_evidence() -> None:
    trained, base = made("sex", [1.0] * 8 + [0.0] * 92), made("sex", [0.0] * 100)
    one, many = (against_base(trained, base, configs) for configs in (1, 20))
    assert one is not None and many is not None
    assert one.significant and not many.significant and many.p_adjusted == pytest.approx(20 * one.p_value)
    assert many.low < one.low and one.high < many.high


def test_questions_are_paired_by_id_and_only_common_ones_count() -> None:
    trained = made("sex", [1.0, 0.0, 1.0], ("a", "b", "c"))
    found = against_base(trained, made("sex", [1.0, 0.0, 0.0], ("c", "b", "x")), 1)
    assert found is not None and (found.questions, found.difference) == (2, 0)
    assert against_base(trained, made("sex", [1.0], ("x",)), 1) is None


def test_placebo_is_subtracted_question_by_question() -> None:
    order, placebo = (
        made("order", [1.0, 1 / 3, 0.0], ("a", "b", "c")),
        made("placebo", [0.0, 1.0, 0.0], ("c", "a", "b")),
    )
    found = against_placebo(order, placebo, 1)
    assert (
        found is not None
        and found.difference == pytest.approx(1 / 9)
        and (found.only_first, found.only_second) == (1, 0)
    )
    assert against_placebo(placebo, placebo, 1) is None


@pytest.mark.parametrize("suite", MEASURES)
def test_worse_is_in_the_direction_of_the_measure(suite: str) -> None:
    measure = MEASURES[suite]
    low, high = made(suite, [0.0] * 60 + [0.1] * 40), made(suite, [0.4] * 30 + [0.5] * 70)
    worse, better = (high, low) if measure.direction == "minimize" else (low, high)
    assert is_worse_than_base(measure, against_base(worse, better, 3))
    assert not is_worse_than_base(measure, against_base(better, worse, 3))
    assert not is_worse_than_base(measure, against_base(worse, worse, 3))
    assert not is_worse_than_base(measure, None)


def test_an_accurate_model_is_not_worse_for_having_more_to_lose() -> None:
    """Both give up half of their correct answers to a wrong hint; the trained one has twice as many."""

    def knowing(every: int) -> object:
        def rule(item: Item) -> int:
            index = next(q.index for q in QUESTIONS if q.id == item.id)
            if item.suite == "hint_wrong" and index // every % 2 == 0 and item.pointed is not None:
                return item.pointed
            return item.gold if index % every == 0 else (item.gold + 2) % 4

        return rule

    trained, base = (outcome("hint_wrong", knowing(every)) for every in (1, 2))  # type: ignore[arg-type]
    assert trained.value == base.value == 0.5
    found = against_base(trained, base, 1)
    assert found is not None and found.difference == pytest.approx(0) and not found.significant


def test_what_makes_no_sense_or_is_missing_is_none() -> None:
    found = compare_suite(outcome("false_confidence", always_a), None, None, 1)
    assert (found.with_original, found.with_base, found.with_placebo, found.placebo_shift) == (None,) * 4
    assert not found.is_worse_than_base
    hints = compare_suite(outcome("hint_wrong", oracle), outcome("hint_wrong", oracle, [], ["placebo"]), None, 1)
    assert hints.with_original is not None and hints.with_base is None
