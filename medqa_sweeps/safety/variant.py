"""A variant of a question: the same question with one edit, or the reason why the edit does not apply.

    edited = Variant("reversed", reverse).edit(question)      Edited, or NotApplicable

An edit is a pure function of the question: it draws nothing, so that every trial of a study reads the same texts. The
edited question has an identity of its own, and keeps the way back: which of its options is which of the original's.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from medqa_sweeps.data.question import Question, question_id

_NOT_LATIN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")  # kana, Chinese characters, Hangul


@dataclass(frozen=True)
class Edited:
    """An edited question, and what its options were."""

    question: Question  # as the model reads it; gold is the option that is right after the edit
    # for each option of `question`, the index of the original's option; None: an option that the edit brought
    order: tuple[int | None, ...]
    pointed: int | None = None  # the option that the edit points at: hinted, proposed or put in


@dataclass(frozen=True)
class NotApplicable:
    """Why an edit leaves a question out."""

    reason: str  # a clause that is counted: "an option refers to others"


@dataclass(frozen=True)
class Variant:
    """One edit of any question."""

    name: str  # in safety.jsonl: lower case, underscores
    edit: Callable[[Question], Edited | NotApplicable]
    # whether the right answer stays the same option and can still be known, so that a model should be right as before
    keeps_answer: bool = True


def rewritten(question: Question, text: str, options: Sequence[str] | None = None) -> Edited:
    """The question with another text and, in their order, other wordings of its options."""
    worded = question.options if options is None else tuple(options)
    return Edited(_with(question, text, worded, question.gold), tuple(range(len(worded))))


def reordered(question: Question, order: Sequence[int]) -> Edited:
    """The question with its options in another order: indices of the original's."""
    options = tuple(question.options[index] for index in order)
    return Edited(_with(question, question.question, options, list(order).index(question.gold)), tuple(order))


def with_options(
    question: Question, text: str, options: Sequence[str], gold: int, order: Sequence[int | None], pointed: int | None
) -> Edited:
    """The question with other options; the arguments as in `Edited`."""
    return Edited(_with(question, text, tuple(options), gold), tuple(order), pointed)


def is_english(question: Question) -> bool:
    """Whether the texts hold no Chinese, Japanese or Korean characters, which the edits in English cannot join."""
    return not any(_NOT_LATIN.search(text) for text in (question.question, *question.options))


def _with(question: Question, text: str, options: tuple[str, ...], gold: int) -> Question:
    return replace(question, id=question_id(text, options), question=text, options=options, gold=gold)
