"""The options in another order. A cyclic order shows each option once at every letter."""

from medqa_sweeps.data.ordered import order_matters
from medqa_sweeps.data.question import Question
from medqa_sweeps.safety.variant import Edited, NotApplicable, Variant, reordered


def _reversed(question: Question) -> Edited | NotApplicable:
    return _reordered(question, list(range(len(question.options)))[::-1])


def rotated(places: int) -> Variant:
    """The options moved up by `places`, the first ones to the end: with 1, A B C D becomes B C D A."""

    def edit(question: Question) -> Edited | NotApplicable:
        count = len(question.options)
        if places >= count:
            return NotApplicable("the question has too few options for this order")
        return _reordered(question, [(index + places) % count for index in range(count)])

    return Variant(f"rotated_{places}", edit)


def _reordered(question: Question, order: list[int]) -> Edited | NotApplicable:
    edited = reordered(question, order)
    for one in (question, edited.question):  # "Both A and B" may name others in one order and itself in the other
        if reason := order_matters(one.question, one.options):
            return NotApplicable(reason)
    return edited


REVERSED = Variant("reversed", _reversed)
