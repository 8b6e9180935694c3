"""Picks one of several by the question's id: the same in every trial, and nothing is drawn."""

import hashlib

from medqa_sweeps.data.question import Question


def chosen(question: Question, purpose: str, count: int) -> int:
    """A number from 0 to `count` - 1; over many questions, all are as frequent. Purposes choose independently."""
    digest = hashlib.sha256(f"{purpose} {question.id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % count


def wrong_option(question: Question, purpose: str) -> int:
    """The index of an option that is not the gold one."""
    index = chosen(question, purpose, len(question.options) - 1)
    return index + (index >= question.gold)
