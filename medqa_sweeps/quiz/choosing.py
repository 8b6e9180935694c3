"""Which questions are asked. Pure: the seed and the learner's progress decide."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from medqa_sweeps.quiz.exercise import Exercise
from medqa_sweeps.quiz.schedule import Progress


class Only(StrEnum):
    """A part of the questions, by the learner's reviews."""

    MISSED = "missed"  # the last answer was wrong, or "I don't know"
    DUE = "due"  # answered before, and due again


def choose(exercises: Sequence[Exercise], count: int, seed: int) -> list[Exercise]:
    """A random `count` of them, or all if there are fewer; the order of the source changes nothing."""
    return sorted(exercises, key=lambda one: _draw_key(seed, one.id))[:count]


def missed(exercises: Sequence[Exercise], progress: Mapping[str, Progress]) -> list[Exercise]:
    return [one for one in exercises if one.id in progress and not progress[one.id].last.correct]


def due(exercises: Sequence[Exercise], progress: Mapping[str, Progress], now: datetime) -> list[Exercise]:
    """Those that are due, the longest overdue first."""
    found = [one for one in exercises if one.id in progress and progress[one.id].is_due(now)]
    return sorted(found, key=lambda one: (progress[one.id].card.due, one.id))


def _draw_key(seed: int, id_: str) -> bytes:
    return hashlib.sha256(f"{seed} quiz {id_}".encode()).digest()
