"""Counts, lengths and overlaps of a data set, to look at before training.

Only hashes of the test set are read (`reading.read_test_hashes`), for its size and its overlaps with the other sets.
"""

import statistics
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from string import ascii_uppercase

from medqa_sweeps.config import DataConfig
from medqa_sweeps.data.duplicates import Overlap, QuestionHash, overlaps, question_hash, split_words
from medqa_sweeps.data.question import Question, QuestionSet
from medqa_sweeps.data.reading import Part, read_questions, read_test_hashes

Measure = Callable[[list[Question]], list[int]]


@dataclass(frozen=True)
class Lengths:
    """Lengths of the questions: in words with their options, or in tokens with prompt and answer."""

    mean: float
    median: float
    percentile_95: int
    percentile_99: int
    longest: int
    cut: int | None  # questions above the maximum length; None: no maximum given


@dataclass(frozen=True)
class PartSummary:
    """Counts and lengths of one part: training or validation."""

    found: QuestionSet
    by_region: Counter[str]
    by_step: Counter[str]
    by_letter: Counter[str]
    by_options: Counter[int]  # questions by number of options
    lengths: Lengths


@dataclass(frozen=True)
class Description:
    parts: dict[str, PartSummary]
    test_questions: int | None  # None: the data set has no test questions
    overlaps: list[Overlap]


def describe(config: DataConfig, measure: Measure, max_length: int | None) -> Description:
    """Counts of all parts of `config`; bad records are quarantined and counted, whatever data.on_bad_record says.

    Args:
        measure: returns the length of each question.
        max_length: in the unit of `measure`; longer questions are counted.

    Raises:
        DataError: as `read_questions`, also if all records of a part are bad.
    """
    lenient = replace(config, on_bad_record="quarantine")
    names: list[Part] = ["train"] + (["validation"] if config.validation else [])  # type: ignore[assignment]
    parts: dict[str, QuestionSet] = {part: read_questions(lenient, part) for part in names}
    hashes: dict[str, list[QuestionHash]] = {
        part: [question_hash(question.question, question.options) for question in found.questions]
        for part, found in parts.items()
    }
    if config.test:
        hashes["test"] = read_test_hashes(config)
    summaries = {part: _summary(found, measure, max_length) for part, found in parts.items()}
    return Description(summaries, len(hashes["test"]) if config.test else None, overlaps(hashes))


def word_counts(questions: list[Question]) -> list[int]:
    """Number of words of each question with its options; a Chinese character counts as a word."""
    return [len(split_words("\n".join([question.question, *question.options]))) for question in questions]


def _summary(found: QuestionSet, measure: Measure, max_length: int | None) -> PartSummary:
    questions = found.questions
    return PartSummary(
        found,
        by_region=Counter(question.region or "unknown" for question in questions),
        by_step=Counter(question.step or "unknown" for question in questions),
        by_letter=Counter(ascii_uppercase[question.gold] for question in questions),
        by_options=Counter(len(question.options) for question in questions),
        lengths=_lengths(measure(questions), max_length),
    )


def _lengths(lengths: list[int], max_length: int | None) -> Lengths:
    ordered = sorted(lengths)
    return Lengths(
        mean=statistics.fmean(ordered),
        median=statistics.median(ordered),
        percentile_95=_percentile(ordered, 95),
        percentile_99=_percentile(ordered, 99),
        longest=ordered[-1],
        cut=None if max_length is None else sum(length > max_length for length in ordered),
    )


def _percentile(ordered: list[int], percent: int) -> int:
    """The smallest length that at least `percent`% of the questions do not exceed."""
    return ordered[ceil(len(ordered) * percent / 100) - 1]
