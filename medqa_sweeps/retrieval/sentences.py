"""Where the paragraphs and sentences of a text end, by English, Chinese and Japanese punctuation, and by lists."""

import itertools
import re
from collections.abc import Iterator

# A sentence ends at a stop, question or exclamation mark before white space and a capital, digit or quote; an initial
# ("S. Typhi") and a title end none. A blank line, a list's item and a heading end the sentence before them.
_STOPS = re.compile(
    r"""[.!?](?<!\b[A-Z]\.)(?<!\bDr\.)(?<!\bvs\.)(?<!\bFig\.)(?<!\bNo\.)(?<!\bSt\.)["'”’)\]]*(?=\s+["'“‘(\[]?[A-Z0-9])"""
    r"""|[。！？；]["'”’」』）]*"""
)
_BREAKS = re.compile(r"\n(?=\s{0,40}(?:[-*•#]|\d+[.)]\s)|[^\S\n]*\n)")
_BLANK_LINES = re.compile(r"\n(?=[^\S\n]*\n)")
_NEXT = re.compile(r"\S")
RULE = [_STOPS.pattern, _BREAKS.pattern, _BLANK_LINES.pattern]  # part of a ranking's key


def sentence_ends(text: str) -> list[int]:
    """The positions behind each sentence but the last, in order; white space follows each, or the next sentence."""
    stops = (match.end() for match in _STOPS.finditer(text))
    return sorted({*stops, *_before(_BREAKS, text)})


def paragraph_ends(text: str) -> list[int]:
    """The positions behind each paragraph but the last, in order; a blank line follows each."""
    return list(_before(_BLANK_LINES, text))


def _before(breaks: re.Pattern[str], text: str) -> Iterator[int]:
    """The positions behind the characters that stand before line breaks; of several breaks in a row, once."""
    searched = 0  # so that a file of blank lines takes linear time
    for match in breaks.finditer(text):
        end = match.start()
        while end > searched and text[end - 1].isspace():
            end -= 1
        if end > searched:
            yield end
        searched = match.end()


def next_start(text: str, position: int) -> int:
    """The first character at or behind `position` that is no white space; the text's length: there is none."""
    found = _NEXT.search(text, position)
    return found.start() if found else len(text)


def sentences(text: str) -> list[str]:
    """The sentences of a text, without the white space around them."""
    edges = [0, *sentence_ends(text), len(text)]
    found = [text[start:end].strip() for start, end in itertools.pairwise(edges)]
    return [sentence for sentence in found if sentence]


def last_sentence(text: str) -> str:
    """The last sentence of a text: of a vignette, what is asked; "" for a blank text."""
    found = sentences(text)
    return found[-1] if found else ""
