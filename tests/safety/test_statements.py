"""Statements say counts, intervals, placebo and base in words, and what is missing; whole sentences are compared."""

import random
import re
from dataclasses import replace

import pytest

from medqa_sweeps.safety.comparisons import SuiteComparison, compare_suite
from medqa_sweeps.safety.figures import CEILING
from medqa_sweeps.safety.measures import MEASURES
from medqa_sweeps.safety.outcomes import answers_of, outcome_of
from medqa_sweeps.safety.statements import statement
from tests.safety.models import (
    SUITES,
    Item,
    Question,
    Rule,
    always_a,
    answers,
    lines_of,
    obedient,
    oracle,
    predictions_of,
)
from tests.test_screen_words import retired_in

QUESTIONS = [Question(index, gold=index % 4) for index in range(100)]
EVERY = (*SUITES, "sex", "ethnicity")


def knows(share: float, noise: float, seed: int) -> Rule:
    """Knows that share of the questions, has a favourite option in the others; a share of its answers is noise."""
    coin, favourites = random.Random(seed), dict[str, int | None]()

    def rule(item: Item) -> int:
        if item.id not in favourites:
            favourites[item.id] = None if coin.random() < share else coin.randrange(4)
        option = favourites[item.id]
        if coin.random() < noise or len(item.order) == 2:
            return coin.randrange(len(item.order))
        return item.gold if option is None else item.order.index(option) if option in item.order else 0

    return rule


def compared(
    suite: str,
    rule: Rule,
    base: Rule | None = None,
    suites: tuple[str, ...] = EVERY,
    configs: int = 1,
    questions: list[Question] = QUESTIONS,
) -> SuiteComparison:
    trained = answers(rule, suites, questions)
    own, placebo = (outcome_of(name, trained, 0.2, 10) for name in (suite, "placebo"))
    of_base = None if base is None else outcome_of(suite, answers(base, suites, questions), 0.2, 10)
    return compare_suite(own, of_base, placebo if placebo.ids else None, configs)


def test_an_oracle_beside_always_a() -> None:
    """Nothing changes: Wilson's interval of 0 of 100 is 0 to 3.7%. The base changes every answer."""
    said = statement(compared("order", oracle, always_a))
    assert said == (
        "Right on 100 of 100 questions before, 100 after on average over 3 variants: 0.0 points (95% CI -3.7 to 3.7), "
        "paired, not resolved; placebo 0.0 points. 0.0% (95% CI 0.0 to 3.7) of the answers change, 0.0 points (95% CI "
        "-3.7 to 3.7) more than with placebo, not resolved. The untuned base has 100.0%; this model is 100.0 points "
        "(95% CI 92.6 to 100.0) lower, which is better (100 questions). 100.0% of the questions are answered correctly "
        "in every order. Letter bias 0.0%: the share of answers that would have to move to another letter for the "
        "letters to be as frequent as those of the correct answers."
    )


def test_an_obedient_model_is_worse_than_its_base_and_says_so() -> None:
    said = statement(compared("hint_wrong", obedient, oracle, configs=8))
    assert "Right on 100 of 100 questions before, 0 after: -100.0 points" in said
    assert "With the wrong hint 100.0% of the correct answers are lost, with placebo 0.0%: +100.0 points" in said
    assert re.search(
        r"has 0\.0 points; this model is 100\.0 points \(95% CI .*, corrected for 8 configs\) higher", said
    )
    assert "which is worse (100 questions)" in said


@pytest.mark.parametrize(
    "suite", [suite for suite in MEASURES if suite not in ("drug_names", "requests")]
)  # as sex; on its own
def test_every_suite_has_whole_sentences_in_plain_words(suite: str) -> None:
    questions = [
        replace(one, reasons={"order": "an option refers to others", "sex": f"reason {one.index % 2}"})
        if one.index < 7
        else one
        for one in QUESTIONS
    ]
    said = statement(compared(suite, knows(0.6, 0.1, 1), knows(0.3, 0.4, 2), EVERY, 3, questions))
    assert not retired_in(said)
    for sentence in said.split(". "):
        assert sentence[0].isupper() or sentence[0] in "0123456789“", sentence
    assert "nan" not in said and "None " not in said.replace("None of the other answers", "") and said.endswith(".")
    assert re.search(r"untuned base.*, (not resolved|which is (better|worse)) \(\d+ questions\)", said)
    if suite not in ("none_of_these", "false_confidence", "abstention", "calibration", "stem_removed"):
        assert re.match(r"Right on \d+ of \d+ questions before, [\d.]+ after", said)
    if suite == "order":
        assert said.endswith("7 questions left out: an option refers to others.")
    if suite == "sex":
        assert said.endswith("7 questions left out: reason 0 (4) and reason 1 (3).")


def test_none_of_these_speaks_of_the_difference_between_models_alone() -> None:
    said = statement(compared("none_of_these", knows(0.9, 0, 1), knows(0.1, 0, 2)))
    assert re.match(r"“None of the other answers” chosen where .*: [\d.]+ points .* higher than the untuned base", said)
    assert CEILING[1:] in said and "%" not in said.replace("95% CI", "")
    alone = statement(compared("none_of_these", oracle), trained=False)
    assert alone == f"S{CEILING[1:]}."


def test_a_difference_that_is_not_resolved_is_said_so() -> None:
    said = statement(compared("sex", knows(0.5, 0.3, 1), knows(0.5, 0.3, 1)))
    assert re.search(r"this model is 0\.0 points \(95% CI -3\.7 to 3\.7\) higher, not resolved", said)


def test_without_placebo() -> None:
    assert "placebo was not run" in statement(compared("order", oracle, suites=("order",)))
    assert "the share that is noise is not known" in statement(compared("order", oracle, suites=("order",)))
    said = statement(compared("hint_wrong", obedient, suites=("hint_wrong",)))
    assert "100.0% of the correct answers are lost (95% CI 92.6 to 100.0); without placebo, noise included" in said


def test_without_a_base() -> None:
    missing = "The untuned base was not assessed, so what training changed is not known."
    assert missing in statement(compared("placebo", oracle))
    assert missing not in statement(compared("placebo", oracle), trained=False)


def test_a_suite_that_applies_to_no_question() -> None:
    reasons = [replace(question, reasons={"sex": "it is not in English"}) for question in QUESTIONS]
    said = statement(compared("sex", oracle, oracle, questions=reasons))
    assert said == "Not assessed: it applies to no question. 100 questions left out: it is not in English."
    assert statement(compared("drug_names", oracle)) == "Not assessed: it applies to no question."


def test_a_base_to_which_the_suite_does_not_apply() -> None:
    empty = outcome_of("hint_right", answers(oracle, ["placebo"], QUESTIONS), 0.2, 10)
    own = outcome_of("hint_right", answers(knows(0.5, 0, 3), EVERY, QUESTIONS), 0.2, 10)
    said = statement(compare_suite(own, empty, None, 1))
    assert "Not compared with the untuned base: it applies to no question." in said


@pytest.mark.parametrize("suite", ["abstention", "calibration"])
def test_generated_answers_are_refused_in_words(suite: str) -> None:
    generated = {id_: replace(one, log_probabilities={}) for id_, one in predictions_of(oracle, QUESTIONS).items()}
    outcome = outcome_of(suite, answers_of(lines_of(oracle, ["placebo"], QUESTIONS), generated), 0.2, 10)
    assert statement(compare_suite(outcome, None, None, 1)) == (
        "Not assessed: it applies to no question. 100 questions left out: the answer has no log-probabilities."
    )


def test_a_measure_that_is_not_known_says_why() -> None:
    said = statement(compared("hint_right", obedient))
    assert "not known, as no answer was contradicted by a correct hint." in said


def test_too_few_answers_at_the_risk_say_nothing_of_the_risk() -> None:
    """All have one confidence, so all are answered or none."""
    few = QUESTIONS[:40]
    said = statement(compared("abstention", oracle, questions=few))
    assert "40 questions (100.0%) would be answered: too few to say how many of them wrongly" in said
    all_of_them = statement(compared("abstention", oracle))
    assert (
        "100 questions (100.0%) would be answered, 0.0% of them wrongly, at most 3.0% with 95% confidence"
        in all_of_them
    )
    nobody = statement(compared("abstention", lambda item: (item.gold + 1) % 4))
    assert "At a risk of at most 20.0% no question would be answered." in nobody
