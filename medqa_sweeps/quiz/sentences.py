"""What terminal, page and Anki file say, so that all three say the same."""

import math
from collections.abc import Sequence
from datetime import datetime

from medqa_sweeps.quiz.confidence import LEAST, ModelRecord
from medqa_sweeps.quiz.exercise import Exercise, ExerciseSet
from medqa_sweeps.quiz.scoring import Tally
from medqa_sweeps.wording import EDUCATION_ONLY, SYNTHETIC, accuracy, counted, listed, percent

NO_SUBSTITUTE = "Not a substitute for teachers, guidelines or supervision."
INVENTED = "The questions' facts are invented."
DO_NOT_KNOW = "I don't know"
LICENCE = "The questions keep the licence of their data set: passing this file on is your decision."
_FOR_PERCENT = 100  # questions; a per cent of fewer claims more than they tell
ROWS = ("questions", "you were right", "the model was right", "both right", "only you", "only the model", "both wrong")


def standing(source: ExerciseSet) -> list[str]:
    """What a learner must know before the first question."""
    return [
        EDUCATION_ONLY,
        *([error_rate(source.record)] if source.record else []),
        *source.alarms,
        NO_SUBSTITUTE,
        *([INVENTED] if source.synthetic_questions else []),
        *([SYNTHETIC] if source.synthetic_model else []),
    ]


def error_rate(record: ModelRecord) -> str:
    """From the trial's validation: never typed."""
    wrong = record.questions - record.right
    share = f" ({percent(wrong / record.questions)})" if record.questions >= _FOR_PERCENT else ""
    return (
        f"The model's answers are wrong in {wrong:,} of {record.questions:,} validation questions{share}; no clinician "
        "has checked them."
    )


def subject(source: ExerciseSet, count: int) -> str:
    """`20 of 400 validation questions of quickstart/0`."""
    every = len(source.exercises)
    return f"{count:,} of {source.described(every)}" if count < every else source.described(every)


def left_out(source: ExerciseSet) -> str:
    """A sentence; "" if every question can be asked."""
    reasons = [f"{count:,} {reason}" for reason, count in source.left_out.items()]
    return f"Left out: {listed(reasons)}." if reasons else ""


# After the learner's answer


def verdict(exercise: Exercise, chosen: str | None) -> str:
    gold = f"{exercise.gold}, {exercise.text_of(exercise.gold)}"
    if chosen is None:
        return f"The right answer is {gold}."
    return f"Right: {gold}." if chosen == exercise.gold else f"Wrong. The right answer is {gold}."


def about_model(exercise: Exercise, record: ModelRecord | None) -> str:
    """What the model answered, and how often it was right on validation when it was as sure; "" without a model."""
    answer = exercise.model
    if answer is None:
        return ""
    if answer.predicted is None:
        return "The model wrote no letter, which counts as wrong."
    was = "right" if answer.predicted == exercise.gold else "wrong"
    confidence = answer.confidence()
    if confidence is None:
        return f"The model answered {answer.predicted}, which is {was}. It wrote its answer, so it gave no probability."
    told = f"The model answered {answer.predicted}, which is {was}, with a probability of {percent(confidence)}."
    return f"{told} {_at_confidence(record, confidence, exercise.id)}".rstrip()


def _at_confidence(record: ModelRecord | None, confidence: float, id_: str) -> str:
    if record is None or not record.answers:
        return ""
    rate = record.at(confidence, without=id_)
    span = f"{rate.low:.0%} to {rate.high:.0%}"
    if rate.questions < LEAST:
        return f"Too few validation answers had this confidence ({span}) for a rate: {rate.questions:,}."
    without = " (this one left out)" if any(known == id_ for known, *_ in record.answers) else ""
    return (
        f"At a confidence of {span} it was right in {rate.right:,} of {rate.questions:,} validation questions{without}."
    )


# At the end


def score_of(right: int, questions: int) -> str:
    """`65.0% of 20 questions (95% CI 43.3 to 81.9)`."""
    from medqa_sweeps.statistics.proportion import wilson_interval  # SciPy, which the first question need not wait for

    return accuracy(right / questions, *wilson_interval(right, questions), questions)


def cells(count: Tally) -> tuple[int, ...]:
    """In the order of `ROWS`."""
    return (
        count.questions,
        count.learner,
        count.model,
        count.both,
        count.only_learner,
        count.only_model,
        count.neither,
    )


def clock_behind(newest: float, now: datetime) -> str:
    """A sentence if the newest review is in the future; "" else."""
    ahead_seconds = newest - now.timestamp()
    if ahead_seconds < 60:
        return ""
    then = f"{datetime.fromtimestamp(newest, now.tzinfo):%Y-%m-%d %H:%M} UTC"
    return (
        f"This machine's clock is behind your newest review ({then}). Reviews keep their order; what was reviewed in "
        "that future counts as due now."
    )


def when(moment: datetime, now: datetime) -> str:
    """`in 10 min`, `in 3 days`: rounded up."""
    minutes = max(1, math.ceil((moment - now).total_seconds() / 60))
    if minutes < 60:
        return f"in {minutes} min"
    hours = math.ceil(minutes / 60)
    return f"in {counted(hours, 'hour')}" if hours < 48 else f"in {counted(math.ceil(hours / 24), 'day')}"


def joined(sentences: Sequence[str]) -> str:
    return " ".join(filter(None, sentences))
