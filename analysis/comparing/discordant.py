"""The questions that one of two configs answers right and the other does not, with what each answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase

import numpy as np

from analysis.comparing.leaderboard import Base, Row
from analysis.reading.predictions import Choice, choices
from analysis.reading.question_texts import questions_of
from medqa_sweeps.data import Question

SHOWN = 12  # of a pair, of each side half


@dataclass(frozen=True)
class Told:
    """A question as it is shown."""

    text: str
    right_answer: str  # "B. Amoxicillin"


def split_ids(one: Row, other: Row | Base) -> list[str]:
    """Some that only the first answers right, then some that only the second does; the first seed of each counts."""
    first, second = one.answers.correct_SxQ[0], other.answers.correct_SxQ[0]
    ids = np.array(one.answers.questions)
    return [*map(str, ids[first & ~second][: SHOWN // 2]), *map(str, ids[second & ~first][: SHOWN // 2])]


def letters_of(row: Row | Base, untuned: bool = False) -> dict[str, Choice]:
    """By question what the config's first trial answered, or its base before any training."""
    result = row.trial.result
    return choices(row.trial, result.samples_seen if result is not None and not untuned else 0)


def letter(answered: dict[str, Choice], id_: str) -> str:
    """What it chose, `none` where its text held no letter; "" where the question was not asked."""
    return answered[id_].chosen or "none" if id_ in answered else ""


def told_questions(row: Row, ids: Sequence[str]) -> dict[str, Told]:
    """By id, from the files that the config's first trial was asked of; where they are gone the id is the text."""
    texts, answered = questions_of(row.trial, ids), letters_of(row)
    return {id_: _told(id_, texts.get(id_), answered.get(id_)) for id_ in ids}


def _told(id_: str, question: Question | None, answered: Choice | None) -> Told:
    gold = answered.gold if answered is not None else ""
    if question is None:
        return Told(f"{id_} (its text is not at hand)", gold)
    known = gold and gold in ascii_uppercase[: len(question.options)]
    return Told(question.question, f"{gold}. {question.options[ascii_uppercase.index(gold)]}" if known else gold)
