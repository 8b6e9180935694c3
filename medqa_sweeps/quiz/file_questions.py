"""The questions of a file; a trial's answers to them come from a child process."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.config import DataConfig, texts_of
from medqa_sweeps.data import read_to_answer
from medqa_sweeps.errors import DataError
from medqa_sweeps.quiz.exercise import WITHOUT_GOLD, Exercise, ExerciseSet, askable
from medqa_sweeps.trial.records import Prediction

_SAMPLE = resolve_bundled("bundled:sample")


def file_exercises(data: DataConfig) -> ExerciseSet:
    """The questions of data.train, without a model's answers.

    Raises:
        DataError: if the file cannot be read, holds the locked test questions, or no question that can be asked.
    """
    kept, left_out = askable(read_to_answer(data).questions)
    if not kept:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())
        add = " Add a field such as answer_idx (docs/data.md)." if left_out[WITHOUT_GOLD] else ""
        raise DataError(f"{data.name} has no question that can be asked: {reasons}.{add}")
    return ExerciseSet(
        name=data.name,
        noun="question",
        exercises=[Exercise(question) for question in kept],
        left_out=left_out,
        synthetic_questions=is_sample(data),
    )


def is_sample(data: DataConfig) -> bool:
    """Whether the questions are synthetic: said to be, or files of the sample that is shipped here."""
    files = [resolve_bundled(text).resolve() for text in texts_of(data.train)]
    return data.synthetic or all(file.is_relative_to(_SAMPLE.resolve()) for file in files)


def write_questions(exercises: Iterable[Exercise], file: Path) -> None:
    """A file of the questions without their right answers, for a model to answer."""
    records = ({"question": one.question.question, "options": list(one.question.options)} for one in exercises)
    file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def with_answers(exercises: Sequence[Exercise], predictions: Sequence[Prediction]) -> list[Exercise]:
    """The exercises with what the model answered, in the same order."""
    assert [one.id for one in predictions] == [one.id for one in exercises], (
        "the child answers the questions it is given"
    )
    return [replace(one, model=prediction) for one, prediction in zip(exercises, predictions, strict=True)]
