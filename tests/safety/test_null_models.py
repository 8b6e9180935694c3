"""Models of which every figure is known: an oracle, one that always answers A, one that always takes the new option."""

import random
from collections import Counter

import pytest

from medqa_sweeps.safety.comparisons import compare_suite
from medqa_sweeps.safety.measures import MEASURES
from medqa_sweeps.safety.outcomes import kept, suite_score
from tests.safety.models import (
    NUMBER,
    QUESTIONS,
    SUITES,
    Item,
    Question,
    always_a,
    always_new,
    answers,
    obedient,
    oracle,
    outcome,
)

COUNTS = Counter(question.gold for question in QUESTIONS)  # of the correct letters
EVERY = [
    (suite, variant)
    for suite in ("placebo", "order")
    for variant in ("placebo", *(f"rotated_{by}" for by in (1, 2, 3)))
]


@pytest.mark.parametrize("suite", ["placebo", "order", "hint_right"])
def test_an_oracle_changes_no_answer(suite: str) -> None:
    score = suite_score(outcome(suite, oracle))
    assert (score.questions, score.before, score.after, score.changed) == (NUMBER, 1, 1, 0)


def test_an_oracle_is_right_in_every_order_without_a_letter_bias() -> None:
    found = outcome("order", oracle)
    assert found.value == 0
    assert found.figures == {"right_in_every_order": 1, "letter_bias": 0}
    assert found.interval() == pytest.approx((0, 0.0876), abs=1e-3)  # Wilson's of 0 of 40: no proof of 0


def test_always_a_flips_as_its_letters_say() -> None:
    """Another option stands at A in every other cyclic order, so each answer changes. A question whose correct letter
    is A is lost in all three; any other has its correct option at A in exactly one of the three."""
    found, score = outcome("order", always_a), suite_score(outcome("order", always_a))
    assert found.value == score.changed == 1
    assert score.before == COUNTS[0] / NUMBER
    assert score.after == pytest.approx((NUMBER - COUNTS[0]) / 3 / NUMBER)
    assert found.figures["right_in_every_order"] == 0
    # Over all four orders each letter is correct equally often, so three of four answers would have to move.
    assert found.figures["letter_bias"] == pytest.approx(0.75)


def test_always_a_with_the_reversed_order_alone() -> None:
    """The last letter's option comes to A: right after are the questions whose correct letter was D."""
    suites = ("placebo", "reversed")
    score = suite_score(outcome("order", always_a, suites=suites))
    assert (score.changed, score.before, score.after) == (1, COUNTS[0] / NUMBER, COUNTS[3] / NUMBER)
    of_a = COUNTS[0] + COUNTS[3]  # of 80 correct letters, A is one as often as the first and the last are
    assert score.figures["letter_bias"] == pytest.approx(1 - of_a / (2 * NUMBER))


def test_with_five_options_always_a_is_right_in_one_of_four_other_orders() -> None:
    five = [Question(index, gold=index % 5, options=5) for index in range(50)]
    score = suite_score(outcome("order", always_a, five))
    assert (score.before, score.after) == (0.2, pytest.approx(0.8 / 4))


def test_always_none_of_these_scores_0() -> None:
    found = outcome("none_of_these", always_new)
    assert found.value == 0 and found.figures == {"hits": 1, "false_alarms": 1}
    low, high = found.interval() or (0, 0)
    assert low == -high < 0


def test_an_oracle_and_always_a_in_none_of_these() -> None:
    """The oracle takes the new option only where it is correct. A is the new option where the correct one was A (a
    hit), or the one before it in the circle, D, was (a false alarm)."""
    assert outcome("none_of_these", oracle).value == 1
    found = outcome("none_of_these", always_a)
    assert found.figures == {"hits": COUNTS[0] / NUMBER, "false_alarms": COUNTS[3] / NUMBER}
    assert found.value == pytest.approx((COUNTS[0] - COUNTS[3]) / NUMBER)


def test_who_always_says_yes_does_not_judge() -> None:
    found = outcome("false_confidence", always_a)
    assert found.value == pytest.approx(0) and found.figures == {"sensitivity": 1, "false_alarms": 1}
    assert outcome("false_confidence", oracle).value == pytest.approx(1)
    assert found.before_Q is found.after_Q is found.changed_Q is None


def test_who_follows_every_hint_does_not_tell_good_from_bad() -> None:
    """It knows the answer to half of the questions; an oracle that obeys has no wrong answer that a hint could mend."""

    def half(item: Item) -> int:
        known = int(item.id, 16) % 2
        return obedient(item) if item.pointed is not None else item.gold if known else (item.gold + 2) % 4

    found = outcome("hint_right", half)
    assert found.value == pytest.approx(0) and found.figures == {"followed_right": 1, "followed_wrong": 1}
    assert outcome("hint_wrong", half).value == 1  # nothing is lost with placebo
    never = outcome("hint_right", obedient)
    assert never.value is None and never.missing == "no answer was contradicted by a correct hint"


def test_kept_under_edits() -> None:
    assert kept(answers(always_a), EVERY).accuracy == 0  # type: ignore[union-attr]
    share = kept(answers(lambda item: item.gold if int(item.id, 16) % 4 else 0), EVERY)
    known = [question for question in QUESTIONS if int(question.id, 16) % 4]
    assert share is not None and (share.accuracy, share.questions) == (len(known) / NUMBER, NUMBER)
    assert kept(answers(oracle), [("sex", "sex")]) is None


@pytest.mark.parametrize("suite", SUITES)
def test_no_measure_leaves_its_limits(suite: str) -> None:
    coin = random.Random(7)
    for rule in (oracle, always_a, always_new, obedient, lambda item: coin.randrange(len(item.order))):
        found = outcome(suite, rule)
        if found.value is not None:
            low, high = found.interval() or (0, 0)
            assert found.measure.least - 1e-9 <= low <= found.value + 1e-9 <= high + 2e-9 <= found.measure.most + 3e-9


@pytest.mark.parametrize("suite", [*SUITES, "abstention", "calibration"])
def test_a_model_does_not_differ_from_itself(suite: str) -> None:
    same = compare_suite(outcome(suite, always_a), outcome(suite, always_a), None, 3)
    assert same.with_base is not None and same.with_base.difference == 0 and not same.is_worse_than_base


def test_every_suite_has_a_measure() -> None:
    from medqa_sweeps.config import SAFETY_SUITES

    assert set(MEASURES) == set(SAFETY_SUITES)
