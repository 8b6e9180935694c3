"""Where the paragraphs and sentences of a text end, by English, Chinese and Japanese punctuation, and by lists."""

import itertools
import re

# A sentence ends at a stop, question or exclamation mark before white space and a capital, digit or quote; an initial
# ("E. coli", "S. Typhi") and a title end none. A list item or heading begins one.
_ENDS = re.compile(
    r"""(?<!\b[A-Z])(?<!\bDr)(?<!\bvs)(?<!\bFig)(?<!\bNo)(?<!\bSt)[.!?]["'”’)\]]*(?=\s+["'“‘(\[]?[A-Z0-9])"""
    r"""|[。！？；]["'”’」』）]*"""
    r"""|(?<=\S)(?=[^\S\n]*\n\s*(?:[-*•#]|\d+[.)]\s))"""
    r"""|(?<=\S)(?=[^\S\n]*\n[^\S\n]*\n)"""
)
_PARAGRAPH_ENDS = re.compile(r"(?<=\S)(?=[^\S\n]*\n[^\S\n]*\n)")
_NEXT = re.compile(r"\S")
RULE = [_ENDS.pattern, _PARAGRAPH_ENDS.pattern]  # part of the key of cached passages


def sentence_ends(text: str) -> list[int]:
    """The positions behind each sentence but the last, in order; white space follows each, or the next sentence."""
    return [match.end() for match in _ENDS.finditer(text)]


def paragraph_ends(text: str) -> list[int]:
    """The positions behind each paragraph but the last, in order; a blank line follows each."""
    return [match.end() for match in _PARAGRAPH_ENDS.finditer(text)]


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
