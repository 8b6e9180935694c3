"""Counts of a corpus, to look at before a sweep: files, passages, lengths, what was left out, leaks."""

import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from medqa_sweeps.data.duplicates import QuestionHash, split_words
from medqa_sweeps.data.flags import control_token_in
from medqa_sweeps.retrieval.chunks import Chunking
from medqa_sweeps.retrieval.corpus import ReadCorpus, read_corpus
from medqa_sweeps.retrieval.leaks import Leaks, find_leaks

Measure = Callable[[Sequence[str]], list[int]]
_PERCENTILE = 95


@dataclass(frozen=True)
class Lengths:
    """Lengths of the passages, in one unit."""

    mean: float
    median: float
    percentile_95: int
    longest: int


@dataclass(frozen=True)
class CorpusDescription:
    read: ReadCorpus
    characters: Lengths
    lengths: Lengths  # in words, or in a model's tokens
    control_tokens: Counter[str]  # passages by the first part that looks like a control token
    leaks: Leaks
    questions: int | None  # that were searched for; None: none were given


def describe_corpus(
    sources: Sequence[str], chunking: Chunking, measure: Measure, questions: Sequence[QuestionHash] | None
) -> CorpusDescription:
    """Counts of a corpus; files that cannot be read are left out and described.

    Args:
        measure: returns the length of each text.
        questions: to search for in the corpus; None: answer letters alone are searched for.

    Raises:
        DataError: as `read_corpus`, also if no file can be read.
    """
    read = read_corpus(sources, chunking, on_bad_file="leave_out")
    texts = [passage.text for passage in read.corpus.passages]
    looks = (control_token_in(f"{passage.title}\n{passage.text}") for passage in read.corpus.passages)
    return CorpusDescription(
        read,
        _lengths([len(text) for text in texts]),
        _lengths(measure(texts)),
        Counter(token for token in looks if token),
        find_leaks(read.corpus, questions or []),
        None if questions is None else len(questions),
    )


def word_counts(texts: Sequence[str]) -> list[int]:
    """Number of words of each text; a Chinese character counts as a word."""
    return [len(split_words(text)) for text in texts]


def _lengths(lengths: list[int]) -> Lengths:
    ordered = sorted(lengths)
    at = -(-len(ordered) * _PERCENTILE // 100) - 1
    return Lengths(statistics.fmean(ordered), statistics.median(ordered), ordered[at], ordered[-1])
