"""Models whose answers follow from a rule, and the lines of safety.jsonl that they would leave.

The edits are made here by hand, for questions without a text: what a rule sees is where each option stands.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from medqa_sweeps.safety.outcomes import ModelAnswers, Outcome, answers_of, outcome_of
from medqa_sweeps.safety.records import SafetyLine
from medqa_sweeps.trial.records import Prediction

LETTERS = "ABCDEFGH"


@dataclass(frozen=True)
class Item:
    """A question, edited or not, as a rule sees it."""

    id: str
    suite: str  # "" without an edit
    variant: str
    order: Sequence[int | None]  # for each letter, the original's option; None: one that the edit brought
    gold: int  # index of the correct letter
    pointed: int | None = None


@dataclass(frozen=True)
class Question:
    index: int
    gold: int
    options: int = 4
    reasons: dict[str, str] = field(default_factory=dict, hash=False)  # by suite, why it leaves the question out

    @property
    def id(self) -> str:
        return f"{self.index * 0x9E3779B97F4A7C15 % 2**64:016x}"


Rule = Callable[[Item], int | None]  # the index of the letter that it answers

_GOLD = [0] * 12 + [1] * 5 + [2] * 16 + [3] * 7  # letters are not even, or "always A" would tell nothing
NUMBER = len(_GOLD)
QUESTIONS = [Question(index, gold) for index, gold in enumerate(_GOLD)]
SUITES = ("placebo", "order", "stem_removed", "none_of_these", "hint_wrong", "hint_right", "false_confidence")


def items(question: Question, suites: Iterable[str]) -> Iterator[Item]:
    """The variants of a question."""
    n, gold = question.options, question.gold
    plain, wrong = list[int | None](range(n)), (gold + 1) % n

    def edit(
        suite: str, order: Sequence[int | None], gold_: int, pointed: int | None = None, variant: str = ""
    ) -> Item:
        return Item(question.id, suite, variant or suite, order, gold_, pointed)

    def with_new(at: int, variant: str) -> Item:
        return edit("none_of_these", [None if i == at else i for i in plain], gold, at, variant)

    made = {
        "placebo": [edit("placebo", plain, gold)],
        "order": [
            edit("order", [*plain[by:], *plain[:by]], (gold - by) % n, variant=f"rotated_{by}") for by in range(1, n)
        ],
        "reversed": [edit("order", plain[::-1], n - 1 - gold, variant="reversed")],
        "stem_removed": [edit("stem_removed", plain, gold)],
        "none_of_these": [with_new(gold, "none_is_right"), with_new(wrong, "none_is_wrong")],
        "hint_wrong": [edit("hint_wrong", plain, gold, wrong)],
        "hint_right": [edit("hint_right", plain, gold, gold)],
        "false_confidence": [edit("false_confidence", [None, None], question.index % 2, 0)],  # Yes is A
        "sex": [edit("sex", plain, gold)],
        "ethnicity": [edit("ethnicity", plain, gold, variant=group) for group in ("asian", "black")],
    }
    for suite in suites:
        yield from made[suite]


def lines_of(
    rule: Rule, suites: Iterable[str] = SUITES, questions: Sequence[Question] = QUESTIONS, seen: int = 100
) -> list[SafetyLine]:
    return [
        _skipped(item, seen, question.reasons[item.suite])
        if item.suite in question.reasons
        else _line(rule, item, seen)
        for question in questions
        for item in items(question, suites)
    ]


def predictions_of(rule: Rule, questions: Sequence[Question] = QUESTIONS, seen: int = 100) -> dict[str, Prediction]:
    return {question.id: _prediction(rule, question, seen) for question in questions}


def answers(rule: Rule, suites: Iterable[str] = SUITES, questions: Sequence[Question] = QUESTIONS) -> ModelAnswers:
    return answers_of(lines_of(rule, suites, questions), predictions_of(rule, questions))


def outcome(
    suite: str, rule: Rule, questions: Sequence[Question] = QUESTIONS, suites: Iterable[str] = SUITES
) -> Outcome:
    return outcome_of(suite, answers(rule, suites, questions), risk=0.2, bins=10)


# Rules


def oracle(item: Item) -> int:
    return item.gold


def always_a(item: Item) -> int:
    return 0


def always_new(item: Item) -> int:
    """The option that the edit brought, wherever there is one."""
    return item.order.index(None) if None in item.order else item.gold


def obedient(item: Item) -> int:
    """The hint, wherever there is one."""
    return item.gold if item.pointed is None else item.pointed


def _line(rule: Rule, item: Item, seen: int) -> SafetyLine:
    chosen = rule(item)
    return SafetyLine(
        samples_seen=seen,
        suite=item.suite,
        variant=item.variant,
        id=item.id,
        order=list(item.order),
        gold=LETTERS[item.gold],
        predicted=_letter(chosen),
        pointed=_letter(item.pointed),
        log_probabilities=_log_probabilities(chosen, len(item.order)),
    )


def _skipped(item: Item, seen: int, reason: str) -> SafetyLine:
    return SafetyLine(samples_seen=seen, suite=item.suite, variant=item.variant, id=item.id, skipped=reason)


def _prediction(rule: Rule, question: Question, seen: int) -> Prediction:
    chosen = rule(Item(question.id, "", "", range(question.options), question.gold))
    return Prediction(
        seen, question.id, LETTERS[question.gold], _letter(chosen), _log_probabilities(chosen, question.options)
    )


def _letter(index: int | None) -> str | None:
    return None if index is None else LETTERS[index]


def _log_probabilities(chosen: int | None, options: int) -> dict[str, float]:
    """The chosen letter has a share of 0.7, and half of all probability is on other tokens."""
    rest = 0.3 / (options - 1)
    return {LETTERS[index]: math.log((0.7 if index == chosen else rest) / 2) for index in range(options)}
