"""Cuts documents into passages: at a paragraph's end, else a sentence's, else between words, else anywhere."""

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from medqa_sweeps.retrieval import sentences
from medqa_sweeps.retrieval.documents import Document, Place


@dataclass(frozen=True)
class Chunking:
    """How long passages are.

    Raises:
        ValueError: if a length is out of range.
    """

    chunk_chars: int = 1000  # 2 or more: the most characters of a passage
    chunk_overlap: int = 200  # 0 to half of chunk_chars: the most that a passage repeats of the one before

    def __post_init__(self) -> None:
        if self.chunk_chars < 2 or not 0 <= self.chunk_overlap <= self.chunk_chars // 2:
            raise ValueError(
                f"chunk_chars={self.chunk_chars} must be 2 or more, and chunk_overlap={self.chunk_overlap} from 0 to "
                "half of it."
            )


@dataclass(frozen=True)
class Passage:
    """A part of a document, with its text as it stands there."""

    id: str  # 16 hex digits of title and text
    document: str  # path of its file
    place: Place  # the page, or the line that it begins on
    title: str  # of its document
    text: str
    source_id: str | None = field(default=None, compare=False)  # the id of a record of JSON lines; decides nothing

    @property
    def where(self) -> str:
        """`guide.pdf, page 3`."""
        return f"{self.document}, {self.place}"


def passage_id(title: str, text: str) -> str:
    """16 hex digits of the SHA-256 of title and text: the same passage in any file and order has the same."""
    return hashlib.sha256(json.dumps([title, text], ensure_ascii=False).encode()).hexdigest()[:16]


def passages_of(document: Document, chunking: Chunking) -> Iterator[Passage]:
    """The passages of one document, in order."""
    text, line, counted_to = document.text, document.place.number, 0
    for start, end in spans(text, chunking):
        if document.place.unit == "line" and not document.is_record:
            line, counted_to = line + text.count("\n", counted_to, start), start
        chunk = text[start:end]
        identity = passage_id(document.title, chunk)
        yield Passage(
            identity, document.file, Place(document.place.unit, line), document.title, chunk, document.source_id
        )


def spans(text: str, chunking: Chunking) -> Iterator[tuple[int, int]]:
    """Start and end of each passage in the text; neither is white space, and no other character is lost.

    A passage ends at the last paragraph's end in the second half of what it may hold; without one there, at the last
    sentence's end, then at the last word's, then where its characters end. The next begins with the first sentence, or
    else word, that begins in the last `chunk_overlap` characters.
    """
    most, overlap = chunking.chunk_chars, chunking.chunk_overlap
    last = len(text.rstrip())
    paragraphs, all_sentences = sentences.paragraph_ends(text), sentences.sentence_ends(text)
    start, done = sentences.next_start(text, 0), 0
    while start < last:
        if last - start <= most:
            yield start, last
            return
        end = _end(text, start, most, (paragraphs, all_sentences))
        if end <= done:  # nothing but white space follows the overlap, longer than a passage
            start = sentences.next_start(text, done)
            continue
        yield start, end
        done = end
        start = _restart(text, start, end, overlap, all_sentences)


def _end(text: str, start: int, most: int, levels: Sequence[Sequence[int]]) -> int:
    least, furthest = start + most // 2, start + most
    for ends in levels:
        index = bisect_right(ends, furthest) - 1
        if index >= 0 and ends[index] > least:
            return ends[index]
    for position in range(furthest, least, -1):  # `furthest` is within the text, or this were the last passage
        if text[position].isspace() and not text[position - 1].isspace():
            return position
    return start + len(text[start:furthest].rstrip())


def _restart(text: str, start: int, end: int, overlap: int, ends: Sequence[int]) -> int:
    """The start of the passage after one from `start` to `end`: at most `overlap` characters before that end."""
    behind = sentences.next_start(text, end)
    if overlap == 0:
        return behind
    first = max(end - overlap, start + 1)
    for index in range(bisect_left(ends, first), len(ends)):
        begins = sentences.next_start(text, ends[index])
        if begins >= end:
            break
        return begins
    for position in range(first, end):
        if not text[position].isspace() and text[position - 1].isspace():
            return position
    return sentences.next_start(text, first)
