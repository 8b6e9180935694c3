"""Which texts a model is asked, and the lines that its answers make.

Variants of all suites are asked together, each text once, so that a caller can put those of one length into one forward
pass. Nothing here knows a model.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from medqa_sweeps.config import SafetyConfig
from medqa_sweeps.data.question import Question
from medqa_sweeps.randomness import shuffled
from medqa_sweeps.safety.records import ORIGINAL, SafetyLine
from medqa_sweeps.safety.suites import Suite
from medqa_sweeps.safety.variant import Edited, NotApplicable, Variant, rewritten

Chosen = tuple[int, Sequence[float]]  # index of the likeliest option, and nats of each
_UNEDITED = Variant(ORIGINAL, lambda question: rewritten(question, question.question))


@dataclass(frozen=True)
class Asked:
    """One variant of one question, or why it is not asked."""

    suite: str
    variant: str
    id: str  # of the question before the edit
    edited: Edited | NotApplicable


def drawn(questions: Sequence[Question], config: SafetyConfig) -> list[Question]:
    """The questions that are assessed, in their order: `safety.questions` of them, drawn by `safety.seed`."""
    if config.questions is None or config.questions >= len(questions):
        return list(questions)
    by_id = shuffled((question.id for question in questions), config.seed, "safety")
    kept = set(by_id[: config.questions])
    return [question for question in questions if question.id in kept]


def asked_of(suites: Iterable[Suite], questions: Sequence[Question], with_original: bool) -> list[Asked]:
    """Every variant of every question.

    Args:
        with_original: whether the questions are asked as they are, too.
    """
    variants = [(ORIGINAL, _UNEDITED)] if with_original else []
    variants += [(suite.name, variant) for suite in suites for variant in suite.variants]
    return [
        Asked(suite, variant.name, question.id, variant.edit(question))
        for suite, variant in variants
        for question in questions
    ]


def without_long(asked: Iterable[Asked], fits: Callable[[Question], bool], reason: str) -> list[Asked]:
    """The same, where an edit that makes a question too long does not apply."""
    return [
        replace(one, edited=NotApplicable(reason))
        if isinstance(one.edited, Edited) and not fits(one.edited.question)
        else one
        for one in asked
    ]


def texts(asked: Iterable[Asked]) -> list[Question]:
    """The edited questions, each once."""
    return list(
        {one.edited.question.id: one.edited.question for one in asked if isinstance(one.edited, Edited)}.values()
    )


def lines(asked: Iterable[Asked], chosen: Mapping[str, Chosen], samples_seen: int) -> list[SafetyLine]:
    """A line per variant.

    Args:
        chosen: the answers by id of the edited question.
    """
    return [_line(one, chosen, samples_seen) for one in asked]


def _line(one: Asked, chosen: Mapping[str, Chosen], samples_seen: int) -> SafetyLine:
    if isinstance(one.edited, NotApplicable):
        return SafetyLine(samples_seen, one.suite, one.variant, one.id, skipped=one.edited.reason)
    question = one.edited.question
    predicted, values = chosen[question.id]
    return SafetyLine(
        samples_seen,
        one.suite,
        one.variant,
        one.id,
        order=list(one.edited.order),
        gold=_letter(question.gold),
        predicted=_letter(predicted),
        pointed=None if one.edited.pointed is None else _letter(one.edited.pointed),
        log_probabilities={_letter(index): round(value, 6) for index, value in enumerate(values)},
    )


def _letter(index: int) -> str:
    return chr(ord("A") + index)
