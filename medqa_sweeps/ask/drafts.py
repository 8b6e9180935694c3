"""What goes to the process that writes drafts, and what it sends back, as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from medqa_sweeps.ask.lookup import Lookup


@dataclass(frozen=True)
class NumberedPassage:
    """A passage as a prompt needs it."""

    number: int
    title: str
    text: str


@dataclass(frozen=True)
class DraftRequest:
    """One question with its passages."""

    question: str
    passages: tuple[NumberedPassage, ...]  # best first, numbered from 1

    @staticmethod
    def from_json(given: Mapping[str, Any]) -> "DraftRequest":
        return DraftRequest(given["question"], tuple(NumberedPassage(**one) for one in given["passages"]))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Draft:
    """What the model wrote for one question."""

    text: str
    is_finished: bool  # false: it was cut at MOST_DRAFT_TOKENS
    cut_passages: tuple[int, ...]  # numbers of the passages that the prompt shows in part
    # By sentence and passage: how much less likely the sentence is without the passage, in nats; the numbers in
    # brackets are not counted. Empty where it was not asked for.
    falls: tuple[tuple[float, ...], ...] = ()

    @staticmethod
    def from_json(given: Mapping[str, Any]) -> "Draft":
        falls = tuple(tuple(row) for row in given["falls"])
        return Draft(given["text"], given["is_finished"], tuple(given["cut_passages"]), falls)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def draft_request(lookup: Lookup) -> DraftRequest:
    """What to send of a question that was looked up."""
    passages = (NumberedPassage(one.number, one.passage.title, one.passage.text) for one in lookup.passages)
    return DraftRequest(lookup.question, tuple(passages))


def largest_fall(falls: Sequence[float]) -> int:
    """The number of the passage without which the sentence is least likely; of equal ones the first."""
    return max(range(len(falls)), key=lambda index: falls[index]) + 1
