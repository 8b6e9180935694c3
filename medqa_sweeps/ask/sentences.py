"""The sentences of a draft, with the numbers of the passages that they cite."""

import itertools
import re
from collections.abc import Iterator

from medqa_sweeps.ask.quotes import has_open_quote, without_quotes
from medqa_sweeps.retrieval.sentences import sentence_ends

MOST_SENTENCES = 3
_CITATION = re.compile(r"\[\s*(\d+(?:\s*[,;]\s*\d+)*)\s*\]")
_LEADING = re.compile(rf"\s*(?:{_CITATION.pattern}\s*)+[.,;]?")
_ITEM = re.compile(r"\s*\d+[.)]\s*")


def sentence_spans(draft: str) -> list[tuple[int, int]]:
    """Start and end of each sentence of a draft, without white space around it.

    A sentence does not end within quotation marks, and the number of a list's item is none. Numbers in brackets behind
    its full stop belong to it, unless it has some already.
    """
    edges = [0, *sentence_ends(draft), len(draft)]
    spans: list[tuple[int, int]] = []
    for start, end in itertools.pairwise(edges):
        if spans and _goes_with_next(draft[slice(*spans[-1])]):
            spans[-1] = (spans[-1][0], end)
            continue
        if spans and not citations_in(draft[slice(*spans[-1])]) and (found := _LEADING.match(draft, start, end)):
            spans[-1], start = (spans[-1][0], found.end()), found.end()
        if draft[start:end].strip():
            spans.append((start, end))
    return [_stripped(draft, start, end) for start, end in spans]


def sentences_of(draft: str) -> list[str]:
    """The sentences of a draft, at most MOST_SENTENCES: what a model writes after them is left out."""
    return [draft[start:end] for start, end in sentence_spans(draft)[:MOST_SENTENCES]]


def citations_in(text: str) -> list[int]:
    """The numbers in brackets, in order, each once; brackets within a quote are the passage's own."""
    found = (number for match in _citations(text) for number in re.findall(r"\d+", match[1]))
    return list(dict.fromkeys(map(int, found)))


def citation_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of each bracket with numbers, outside quotes."""
    return [match.span() for match in _citations(text)]


def _goes_with_next(text: str) -> bool:
    return has_open_quote(text) or bool(_ITEM.fullmatch(text))


def _citations(text: str) -> Iterator[re.Match[str]]:
    return _CITATION.finditer(without_quotes(text))


def _stripped(draft: str, start: int, end: int) -> tuple[int, int]:
    text = draft[start:end]
    return start + len(text) - len(text.lstrip()), start + len(text.rstrip())
