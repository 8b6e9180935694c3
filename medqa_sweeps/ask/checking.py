"""Checks the sentences of a draft against the passages: a number, and a quote that stands there.

A quote that is found shows where the words come from. It does not show that the rest of the sentence is true.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from medqa_sweeps.ask.quotes import LEAST_WORDS, is_long_enough, quotes_in, stands_in
from medqa_sweeps.ask.sentences import citations_in, sentences_of
from medqa_sweeps.wording import counted


@dataclass(frozen=True)
class Quote:
    """Words that a sentence puts in quotation marks."""

    text: str
    is_long_enough: bool  # to support the sentence
    found_in: tuple[int, ...]  # of the passages that the sentence cites


@dataclass(frozen=True)
class CheckedSentence:
    """A sentence of a draft, with what was found in the passages."""

    text: str
    cited: tuple[int, ...]  # numbers that the sentence names
    shown: int  # passages that were shown
    quotes: tuple[Quote, ...]

    @property
    def has_valid_numbers(self) -> bool:
        """Whether it names a passage, and none that was not shown."""
        return bool(self.cited) and not self._unknown

    @property
    def is_supported(self) -> bool:
        """Whether every quote stands in a cited passage, and one of them has LEAST_WORDS words."""
        return self.reason is None

    @property
    def reason(self) -> str | None:
        """Why the sentence is not supported, as a part of a sentence; None: it is."""
        if not self.cited:
            return "it names no passage"
        if self._unknown:
            numbers = ", ".join(map(str, self._unknown))
            return f"it names passage {numbers}, and {counted(self.shown, 'passage')} {_were(self.shown)} shown"
        if altered := next((quote for quote in self.quotes if not quote.found_in), None):
            return f'"{altered.text}" is not in passage {_listed(self.cited)}, word for word'
        if not any(quote.is_long_enough for quote in self.quotes):
            return f"it quotes no {LEAST_WORDS} words" if self.quotes else "it quotes nothing"
        return None

    @property
    def _unknown(self) -> list[int]:
        return [number for number in self.cited if not 1 <= number <= self.shown]


def checked(draft: str, passages: Sequence[str]) -> list[CheckedSentence]:
    """The first sentences of a draft, each checked against the passages that were shown, of which the first is 1."""
    return [_checked(sentence, passages) for sentence in sentences_of(draft)]


def _checked(sentence: str, passages: Sequence[str]) -> CheckedSentence:
    cited = tuple(citations_in(sentence))
    known = [number for number in cited if 1 <= number <= len(passages)]
    quotes = (
        Quote(text, is_long_enough(text), tuple(number for number in known if stands_in(text, passages[number - 1])))
        for text in quotes_in(sentence)
    )
    return CheckedSentence(sentence, cited, len(passages), tuple(quotes))


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _listed(numbers: Sequence[int]) -> str:
    return " or ".join(map(str, numbers))
