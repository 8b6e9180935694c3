"""Reasons to leave a question out that several edits share."""

import functools
import re
from collections.abc import Callable

from medqa_sweeps.data.ordered import order_matters
from medqa_sweeps.data.question import Question
from medqa_sweeps.safety.variant import Edited, NotApplicable, is_english

Edit = Callable[[Question], Edited | NotApplicable]

# "None of these", "all of the others": unlike those that `order_matters` finds, they may stand anywhere in the list.
_OTHERS = re.compile(
    r"(?:all|any|both|either|neither|none|some|two)(?: of)?"
    r"(?: these| those| them| the (?:above|below|options|choices|answers|listed|others?)| the other \w+)\.?",
    re.IGNORECASE,
)


def in_english(edit: Edit) -> Edit:
    """The edit, which leaves out questions that are not in English."""

    @functools.wraps(edit)
    def edited(question: Question) -> Edited | NotApplicable:
        return edit(question) if is_english(question) else NotApplicable("the question is not in English")

    return edited


def refers_to_others(question: Question) -> str | None:
    """Why an option cannot be replaced without changing the sense of another, as a clause; None: each can."""
    if any(_OTHERS.fullmatch(option) for option in question.options):
        return "an option refers to others"
    return order_matters(question.question, question.options)
