"""Exercises, and trial folders with answers, for tests of the quiz; nothing is trained."""

import json
import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from medqa_sweeps.config import DataConfig
from medqa_sweeps.data import Question, question_id, read_questions
from medqa_sweeps.quiz.confidence import ModelRecord
from medqa_sweeps.quiz.exercise import Exercise, ExerciseSet
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import Outcome, Prediction, Result
from tests.analysis.trial_folders import score_of, submit

SAMPLE = DataConfig(
    name="sample",
    train="bundled:sample/train.jsonl",
    validation="bundled:sample/validation.jsonl",
    test="bundled:sample/test.jsonl",
    synthetic=True,
)
SEEN = 2000


def predicted(id_: str, gold: str, letter: str, letters: str = "ABCD", share: float = 0.7) -> Prediction:
    """An answer with probability `share`; the other options share the rest."""
    rest = (1 - share) / (len(letters) - 1)
    return Prediction(SEEN, id_, gold, letter, {one: math.log(share if one == letter else rest) for one in letters})


def exercise(
    number: int, options: int = 4, gold: int = 0, model: int | None = None, text: str = "", **more: str
) -> Exercise:
    """Question `number`; `model`: the index of its answer."""
    question, texts = text or f"Question number {number}?", [f"Option {one} of {number}" for one in range(options)]
    made = Question(question_id(question, texts), question, tuple(texts), gold, step=more.get("step"))  # type: ignore[arg-type]
    one = Exercise(made)
    if model is None:
        return one
    return Exercise(made, predicted(made.id, one.gold, one.letters[model], one.letters))


def exercise_set(*exercises: Exercise) -> ExerciseSet:
    answers = tuple((f"{number:x}", 0.65, number % 3 > 0) for number in range(30))
    record = ModelRecord(20, 30, answers) if any(one.model for one in exercises) else None
    return ExerciseSet("study/0", "validation question", list(exercises), left_out=Counter(), record=record)


def sample_questions(count: int) -> list[Question]:
    return read_questions(SAMPLE, "validation").questions[:count]


def write_trial(path: Path, answers: Mapping[str, str], data: DataConfig = SAMPLE, share: float = 0.7) -> TrialDir:
    """A completed trial whose last evaluation has these answers, letters by question id."""
    trial = submit(path, data=data)
    golds = {one.id: "ABCD"[one.gold] for one in read_questions(data, "validation").questions}
    trial.append_predictions(predicted(id_, golds[id_], letter, share=share) for id_, letter in answers.items())
    score = score_of([golds[id_] == letter for id_, letter in answers.items()])
    trial.finish(Result(Outcome.COMPLETED, "0123456789ab", score=score, samples_seen=SEEN))
    return trial


def write_questions(file: Path, *records: dict[str, object]) -> Path:
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    return file


def record(text: str, options: int = 4, gold: str | None = "A", **more: object) -> dict[str, object]:
    letters = {chr(65 + number): f"option {number}" for number in range(options)}
    return {"question": text, "options": letters, **({"answer_idx": gold} if gold else {}), **more}
