"""Which questions are asked, what the model's record says, how both are scored."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, strategies as st

from medqa_sweeps.data import UNLABELLED, Question
from medqa_sweeps.quiz.choosing import choose, due, missed
from medqa_sweeps.quiz.confidence import LEAST, ModelRecord, record_of
from medqa_sweeps.quiz.exercise import OF_AN_IMAGE, REPEATED, WITHOUT_GOLD, askable
from medqa_sweeps.quiz.reviews import Review
from medqa_sweeps.quiz.schedule import replay
from medqa_sweeps.quiz.scoring import Answer, by_step, tally
from medqa_sweeps.quiz.sentences import about_model, error_rate, standing, verdict, when
from medqa_sweeps.trial.records import Prediction
from medqa_sweeps.wording import EDUCATION_ONLY
from tests.quiz.quizzes import exercise, exercise_set, predicted

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def test_the_seed_draws_and_the_order_of_the_file_does_not() -> None:
    every = [exercise(number) for number in range(50)]
    drawn = choose(every, 20, seed=1)
    assert drawn == choose(every[::-1], 20, seed=1) != choose(every, 20, seed=2)
    assert len({one.id for one in drawn}) == 20 and len(choose(every, 99, seed=1)) == 50


def test_missed_and_due() -> None:
    first, second, third, fresh = every = [exercise(number) for number in range(4)]

    def review(number: int, id_: str, chosen: str, days_ago: float) -> Review:
        return Review(number, NOW.timestamp() - 86400 * days_ago, id_, chosen, "A", 5.0)

    progress = replay(
        [review(1, first.id, "B", 0.9), review(2, second.id, "B", 9), review(3, second.id, "A", 8),
         review(4, third.id, "A", 0.001)]
    )  # fmt: skip
    assert missed(every, progress) == [first], "second was right the last time"
    assert due(every, progress, NOW) == [second, first], "the longest overdue first; third was right a minute ago"
    assert fresh not in due(every, progress, NOW + timedelta(days=9999))


def test_what_cannot_be_asked_is_counted() -> None:
    texts = ["What is it?", "What is it?", "What is shown in the photograph?", "No answer?"]
    questions = [
        Question(f"{texts.index(text)}", text, ("a", "b"), UNLABELLED if text == "No answer?" else 0) for text in texts
    ]
    kept, left_out = askable(questions)
    assert kept == questions[:1] and left_out == {REPEATED: 1, OF_AN_IMAGE: 1, WITHOUT_GOLD: 1}


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60), st.floats(0, 1))
def test_the_rate_at_a_confidence_is_that_of_its_bin_without_the_question_itself(
    rows: list[tuple[float, bool]], confidence: float
) -> None:
    record = ModelRecord(1, 1, tuple((str(index), sure, right) for index, (sure, right) in enumerate(rows)))
    rate = record.at(confidence, without="0")
    inside = [right for sure, right in rows[1:] if (rate.low < sure <= rate.high) or (sure == 0 == rate.low)]
    assert (rate.right, rate.questions) == (sum(inside), len(inside))
    assert rate.low <= confidence <= rate.high and np.isclose(rate.high - rate.low, 0.1)


def test_the_record_of_predictions() -> None:
    predictions = [predicted("a", "A", "A", share=0.7), predicted("b", "A", "B"), Prediction(1, "c", "A", None)]
    record = record_of(predictions)
    assert (record.right, record.questions) == (1, 3)
    assert [(id_, pytest.approx(0.7), right) for id_, _, right in record.answers] == list(record.answers)
    with pytest.raises(ValueError):
        record_of([])
    assert error_rate(record).startswith("The model's answers are wrong in 2 of 3 validation questions; ")
    assert "wrong in 151 of 400 validation questions (37.8%); " in error_rate(ModelRecord(249, 400))


def test_what_is_said_of_the_models_answer() -> None:
    one = exercise(1, gold=0, model=1)
    one = replace(one, model=predicted(one.id, "A", "B", share=0.65))
    many = ModelRecord(40, 100, tuple((str(n), 0.65, n < 38) for n in range(100)))
    assert "answered B, which is wrong, with a probability of 65.0%" in about_model(one, many)
    assert about_model(one, many).endswith(
        "At a confidence of 60% to 70% it was right in 38 of 100 validation questions."
    )
    own = ModelRecord(6, 18, (*((str(n), 0.65, n < 5) for n in range(17)), (one.id, 0.65, True)))
    assert about_model(one, own).endswith("was right in 5 of 17 validation questions (this one left out).")
    few = ModelRecord(1, 5, tuple((str(n), 0.65, True) for n in range(LEAST - 1)))
    assert "Too few validation answers had this confidence (60% to 70%) for a rate: 9." in about_model(one, few)
    assert about_model(exercise(1), None) == ""
    wrote = Prediction(1, one.id, "A", "B")
    assert "no probability" in about_model(replace(one, model=wrote), many)
    assert "wrote no letter" in about_model(replace(one, model=Prediction(1, one.id, "A", None)), many)
    assert verdict(one, "A").startswith("Right: A") and verdict(one, "B").startswith("Wrong. The right answer is A")
    assert verdict(one, None).startswith("The right answer is A")


def test_what_stands_above_every_quiz() -> None:
    assert standing(exercise_set(exercise(1)))[0] == EDUCATION_ONLY
    assert not any("model" in sentence for sentence in standing(exercise_set(exercise(1)))), "there is none"
    assert any("wrong in 10 of 30" in sentence for sentence in standing(exercise_set(exercise(1, model=1))))
    alarmed = replace(exercise_set(exercise(1, model=1)), alarms=["Alarm: it answers D."])
    assert standing(alarmed)[1:3] == [error_rate(ModelRecord(20, 30)), "Alarm: it answers D."], "beside the error rate"


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ABCD?"), st.sampled_from(["step1", "step2&3", ""]))))
def test_the_square_adds_up_by_step(rows: list[tuple[int, str, str]]) -> None:
    answers = [
        Answer(exercise(number, model=model, step=step or None), None if chosen == "?" else chosen)
        for number, (model, chosen, step) in enumerate(rows)
    ]
    groups = by_step(answers)
    every = groups.pop("all")
    assert every == tally(answers) and every.questions == len(rows)
    assert every.both + every.only_learner + every.only_model + every.neither == len(rows)
    assert every.learner == sum(chosen == "A" for _, chosen, _ in rows)
    assert every.model == sum(model == 0 for model, _, _ in rows)
    assert not groups or sum(group.both for group in groups.values()) == every.both
    assert bool(groups) == any(step for *_, step in rows)


def test_when_is_rounded_up() -> None:
    spans = {1: "in 1 min", 61: "in 2 min", 3600: "in 1 hour", 3601: "in 2 hours", 172_800: "in 2 days"}
    assert {seconds: when(NOW + timedelta(seconds=seconds), NOW) for seconds in spans} == spans
