"""Discordant questions, those that only one of two configs answers correctly, with what each answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase

import numpy as np
import numpy.typing as npt

from medqa_sweeps.analysis.comparing.leaderboard import Base, Row
from medqa_sweeps.analysis.reading.predictions import predictions
from medqa_sweeps.analysis.reading.question_texts import questions_of
from medqa_sweeps.data import Question
from medqa_sweeps.trial.records import Prediction

SHOWN = 12  # of a pair, of each side half
FIRST_SEED = "If a config ran with several seeds, only the first is used here."
INVENTED = "Invented questions: the conditions and answers do not exist."


@dataclass(frozen=True)
class QuestionText:
    """A question as it is shown."""

    text: str
    correct_answer: str  # "B. Amoxicillin"


def discordant_ids(one: Row, other: Row | Base) -> list[str]:
    """Some that only the first answers right, then some that only the second does; the first seed of each counts."""
    first, second = one.answers.correct_SxQ[0], other.answers.correct_SxQ[0]
    ids = np.array(one.answers.questions)
    return [*map(str, ids[first & ~second][: SHOWN // 2]), *map(str, ids[second & ~first][: SHOWN // 2])]


def discordant_text(one: Row, other: Row | Base) -> str:
    """Which questions `discordant_ids` are, of how many, as a clause."""
    first, second = one.answers.correct_SxQ[0], other.answers.correct_SxQ[0]
    return (
        f"Questions that only {one.label} answers correctly ({_how_many(first & ~second)}), then those that only "
        f"{other.label} does ({_how_many(second & ~first)})"
    )


def _how_many(split_Q: npt.NDArray[np.bool_]) -> str:
    count, most = int(np.sum(split_Q)), SHOWN // 2
    return f"the first {most} of {count:,}" if count > most else f"all {count}" if count else "none"


def answers_by_question(row: Row | Base, untuned: bool = False) -> dict[str, Prediction]:
    """By question what the config's first trial answered, or its base before any training."""
    result = row.trial.result
    return predictions(row.trial, result.samples_seen if result is not None and not untuned else 0)


def letter(answered: dict[str, Prediction], id_: str) -> str:
    """What it chose, `none` where its text held no letter; "" where the question was not asked."""
    return answered[id_].predicted or "none" if id_ in answered else ""


def question_texts(row: Row, ids: Sequence[str]) -> dict[str, QuestionText]:
    """By id, from the files that the config's first trial was asked of; where they are gone the id is the text."""
    texts, answered = questions_of(row.trial, ids), answers_by_question(row)
    return {id_: _text(id_, texts.get(id_), answered.get(id_)) for id_ in ids}


def _text(id_: str, question: Question | None, answered: Prediction | None) -> QuestionText:
    gold = answered.gold if answered is not None else ""
    if question is None:
        return QuestionText(f"{id_} (question text not available)", gold)
    known = gold and gold in ascii_uppercase[: len(question.options)]
    return QuestionText(
        question.question, f"{gold}. {question.options[ascii_uppercase.index(gold)]}" if known else gold
    )
