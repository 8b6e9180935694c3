"""Quoted words of a sentence, and whether they stand in a text word for word."""

import re

from medqa_sweeps.data.duplicates import split_words

LEAST_WORDS = 6  # of a quote that supports a sentence: fewer stand in many passages by chance
# The last group is what an unclosed mark leaves: it is no quote.
_QUOTED = re.compile(r'"([^"]*)"|“([^“”]*)”|„([^„“”]*)[“”]|«([^«»]*)»|「([^「」]*)」')
_MARKS = '"“”„«»「」'
# An English quote takes the sentence's comma or full stop inside its marks, where the source has none.
_ENDS = " .,;:!?…。，；：！？"


def quotes_in(text: str) -> list[str]:
    """The texts between double quotation marks, without white space and punctuation at their ends."""
    found = (next(group for group in match.groups() if group is not None) for match in _QUOTED.finditer(text))
    return [quote for one in found if (quote := _folded(one).strip(_ENDS))]


def without_quotes(text: str) -> str:
    """The text with each quote replaced by blanks, so that positions stay."""
    return _QUOTED.sub(lambda match: " " * len(match[0]), text)


def has_open_quote(text: str) -> bool:
    """Whether a quotation mark has no partner."""
    return any(mark in without_quotes(text) for mark in _MARKS)


def is_long_enough(quote: str) -> bool:
    """Whether a quote has LEAST_WORDS words; a Chinese character counts as a word."""
    return len(split_words(quote)) >= LEAST_WORDS


def stands_in(quote: str, text: str) -> bool:
    """Whether a text contains the quote as whole words, letter for letter, up to white space."""
    quote, text = _folded(quote), _folded(text)
    start = text.find(quote)
    while quote and start >= 0:
        end = start + len(quote)
        if not (_joins(text, start) or _joins(text, end)):
            return True
        start = text.find(quote, start + 1)
    return False


def _joins(text: str, position: int) -> bool:
    """Whether a word stands across a position; Chinese has no words to cut."""
    before, behind = text[position - 1 : position], text[position : position + 1]
    return before.isalnum() and behind.isalnum() and before.isascii() and behind.isascii()


def _folded(text: str) -> str:
    return " ".join(text.split())
