"""The controls of retrieval: the same questions without passages, and with another question's.

Passages help only if the same model is better with them than with either: more text alone changes answers.
"""

from collections.abc import Callable
from dataclasses import replace

from medqa_sweeps.config import short_hash
from medqa_sweeps.data.question import Question
from medqa_sweeps.safety.suites import Suite
from medqa_sweeps.safety.variant import Edited, NotApplicable, Variant

WITHOUT, FOREIGN = "without_passages", "foreign_passages"


def controls(with_foreign: Callable[[Question], Question]) -> list[Suite]:
    """The two controls, as suites of one variant each.

    Args:
        with_foreign: the question with another question's passages.
    """
    return [
        Suite(WITHOUT, "without passages", "", (Variant(WITHOUT, _without),)),
        Suite(FOREIGN, "another question's passages", "", (Variant(FOREIGN, _foreign(with_foreign)),)),
    ]


def _without(question: Question) -> Edited | NotApplicable:
    if not question.passages:
        return NotApplicable("no passage shares a word with the question")
    return _edited(question, replace(question, passages=()))


def _foreign(with_foreign: Callable[[Question], Question]) -> Callable[[Question], Edited | NotApplicable]:
    def edit(question: Question) -> Edited | NotApplicable:
        other = with_foreign(question)
        if not other.passages:
            return NotApplicable("no passage shares a word with the other question")
        return _edited(question, other)

    return edit


def _edited(question: Question, other: Question) -> Edited:
    """With an identity of its own: the id of a question does not know its passages."""
    identity = short_hash([question.id, other.passages]) + question.id[12:]
    return Edited(replace(other, id=identity), tuple(range(len(question.options))))
