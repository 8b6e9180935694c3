"""Whether passages help: models of which the answer is known."""

import numpy as np
import pytest

from medqa_sweeps.data.question import Question
from medqa_sweeps.passages.controls import FOREIGN, WITHOUT, controls
from medqa_sweeps.passages.effect import passage_effect, passage_score
from medqa_sweeps.passages.statements import statement
from medqa_sweeps.safety.records import ORIGINAL, SafetyLine
from medqa_sweeps.safety.variant import Edited, NotApplicable
from medqa_sweeps.trial.records import Prediction


def lines(suite: str, rights: np.ndarray) -> list[SafetyLine]:
    return [
        SafetyLine(8, suite, suite, f"q{index}", order=[0, 1], gold="A", predicted="A" if right else "B")
        for index, right in enumerate(rights)
    ]


def predictions(rights: np.ndarray) -> dict[str, Prediction]:
    return {f"q{index}": Prediction(8, f"q{index}", "A", "A" if right else "B") for index, right in enumerate(rights)}


def draws(accuracy: float, seed: int, questions: int = 300) -> np.ndarray:
    return np.random.default_rng(seed).random(questions) < accuracy


def effect(with_: np.ndarray, without: np.ndarray, foreign: np.ndarray, configs: int = 1):  # type: ignore[no-untyped-def]
    return passage_effect([*lines(WITHOUT, without), *lines(FOREIGN, foreign)], predictions(with_), configs)


def test_help_is_claimed_only_beside_both_controls() -> None:
    better, low = draws(0.8, 1), draws(0.4, 2)
    both = effect(better, low, draws(0.4, 3))
    assert both.helps and not both.harms
    assert both.helped == int(np.sum(better & ~low)) and both.harmed == int(np.sum(low & ~better))
    any_text = effect(better, low, np.roll(better, 7))
    assert any_text.over_without.significant and not any_text.helps
    assert effect(low, better, low).harms


def test_a_coin_is_helped_in_at_most_a_twentieth_of_studies() -> None:
    rng = np.random.default_rng(0)
    claims = 0
    for _ in range(400):
        with_, without, foreign = rng.random((3, 100)) < 0.3
        found = effect(with_, without, foreign)
        claims += found.helps or found.harms
    assert claims / 400 <= 0.065


def test_intervals_are_wider_for_more_configs() -> None:
    arguments = draws(0.5, 1), draws(0.4, 2), draws(0.4, 3)
    one, many = effect(*arguments).over_without, effect(*arguments, configs=20).over_without
    assert many.low < one.low < one.difference < one.high < many.high


def test_questions_without_both_controls_do_not_count_and_generated_answers_are_replaced() -> None:
    rights = draws(0.5, 1, 10)
    assert passage_effect(lines(WITHOUT, rights), predictions(rights)) is None
    some = [*lines(WITHOUT, rights)[:6], *lines(FOREIGN, rights)]
    found = passage_effect(some, predictions(rights))
    assert found is not None and found.over_without.questions == 6 and found.over_without.difference == 0
    asked = passage_effect([*some, *lines(ORIGINAL, ~rights)], predictions(rights))
    assert asked is not None and asked.helped + asked.harmed == 6


def question(number: int, *passages: str) -> Question:
    return Question(f"q{number}", "what?", ("Belkor", "12", "Dunmor"), gold=0, passages=passages)


def test_mentions_are_whole_words_of_options_that_are_no_numbers() -> None:
    questions = [
        question(0, "[1] Belkor: causes 12 warts", "[2] x: nothing"),
        question(1, "[1] x: Belkorian belkor-like Dunmors"),
        question(2, "[1] x: DUNMOR, in Asia"),
        question(3),
    ]
    rights = np.array([True, True, False, False])
    score = passage_score([*lines(WITHOUT, rights), *lines(FOREIGN, ~rights)], predictions(rights), questions)
    assert score is not None and score.none_found == 1
    assert score.gold_mentioned == pytest.approx(2 / 3) and score.wrong_mentioned == pytest.approx(1 / 3)
    assert (score.questions, score.accuracy, score.without, score.foreign) == (4, 0.5, 0.5, 0.5)


def test_the_verdict_in_words() -> None:
    better, low = draws(0.8, 1), draws(0.4, 2)
    controls_ = [*lines(WITHOUT, low), *lines(FOREIGN, draws(0.4, 3))]
    score, found = passage_score(controls_, predictions(better), []), effect(better, low, draws(0.4, 3))
    assert score is not None
    said = statement(score, found)
    assert said.startswith("The passages help: the model is better with them than without, and than with another")
    assert "They helped in" in said and "corrected" not in said
    assert "corrected for 3 configs" in statement(score, found, 3)
    nothing = effect(low, low, low)
    assert statement(score, nothing).startswith("The passages are not shown to help. ")


def test_a_control_has_an_identity_of_its_own_and_the_same_options() -> None:
    own = question(0, "[1] a: b")
    without, foreign = (suite.variants[0].edit(own) for suite in controls(lambda one: question(0, "[1] c: d")))
    assert isinstance(without, Edited) and isinstance(foreign, Edited)
    assert without.question.passages == () and foreign.question.passages == ("[1] c: d",)
    assert len({own.id, without.question.id, foreign.question.id}) == 3
    assert without.question.options == own.options and without.question.gold == own.gold
    assert isinstance(controls(lambda one: one)[0].variants[0].edit(question(1)), NotApplicable)
