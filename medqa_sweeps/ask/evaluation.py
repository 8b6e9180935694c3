"""How often the search, the refusals and the drafts are right, on questions whose passages are known. No model judges.

Attribution follows ContextCite (arXiv 2409.00729): which passage a sentence depends on shows in how much less likely it
becomes when that passage is left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from medqa_sweeps.ask.checking import CheckedSentence
from medqa_sweeps.ask.drafts import Draft, largest_fall
from medqa_sweeps.ask.known import KnownQuestion
from medqa_sweeps.ask.lookup import Lookup, Searcher
from medqa_sweeps.ask.off_topic import best_score, off_topic_questions
from medqa_sweeps.ask.result import Answer
from medqa_sweeps.retrieval.ranking import DEPTH
from medqa_sweeps.statistics import mean_interval, wilson_interval


@dataclass(frozen=True)
class Share:
    """A count of a number of cases."""

    count: int
    of: int  # 0: there was no case

    @property
    def limits(self) -> tuple[float, float]:
        """Wilson's interval; of cases that are not independent, such as sentences of one draft, it is too narrow."""
        return wilson_interval(self.count, self.of)


@dataclass(frozen=True)
class QuestionResult:
    """One question of the file."""

    question: str
    rank: int | None  # of the best known passage, from 1; None: not among the first 32
    is_refused: bool  # as not close
    sentences: tuple[CheckedSentence, ...]
    falls: tuple[tuple[float, ...], ...]  # as `Draft.falls`


@dataclass(frozen=True)
class Mean:
    """A mean over questions with its interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Evaluation:
    questions: tuple[QuestionResult, ...]
    passages: int  # most that were shown per question
    hit_first: Share  # questions whose best passage is a known one
    hit_shown: Share  # questions with a known one among those shown
    reciprocal_rank: Mean  # 0 where no known passage is among the first 32
    refused: Share  # of the file's questions
    off_topic_refused: Share  # of off-topic questions that do not decide the threshold
    drafts: int
    valid_numbers: Share  # sentences that name a passage, and only passages that were shown
    verbatim_quotes: Share  # quotes that stand in a cited passage
    supported: Share  # sentences with number and quote
    attributed: Share  # sentences with valid numbers for which a cited passage has the largest fall
    by_chance: float | None  # the share of `attributed` if the largest fall were anywhere; None: no such sentence


def evaluate(
    known: Sequence[KnownQuestion],
    lookups: Sequence[Lookup],
    searcher: Searcher,
    drafts: Sequence[Draft | None],
    passages: int,
) -> Evaluation:
    """What is found on a file of questions.

    Args:
        known, lookups, drafts: of each question, in one order; a question that is not close has no draft.
        passages: most that were shown per question.
    """
    results = tuple(
        _result(one, lookup, searcher, draft) for one, lookup, draft in zip(known, lookups, drafts, strict=True)
    )
    sentences = [sentence for one in results for sentence in one.sentences]
    quotes = [quote for sentence in sentences for quote in sentence.quotes]
    cited = [pair for one in results for pair in _cited(one)]
    return Evaluation(
        results,
        passages,
        _share(one.rank == 1 for one in results),
        _share(one.rank is not None and one.rank <= passages for one in results),
        _mean([1 / one.rank if one.rank else 0.0 for one in results]),
        _share(one.is_refused for one in results),
        _share(_is_refused(searcher, question) for question in off_topic_questions("held_out")),
        sum(draft is not None for draft in drafts),
        _share(sentence.has_valid_numbers for sentence in sentences),
        _share(bool(quote.found_in) for quote in quotes),
        _share(sentence.is_supported for sentence in sentences),
        _share(largest_fall(falls) in sentence.cited for sentence, falls in cited),
        sum(len(sentence.cited) / len(falls) for sentence, falls in cited) / len(cited) if cited else None,
    )


def _result(known: KnownQuestion, lookup: Lookup, searcher: Searcher, draft: Draft | None) -> QuestionResult:
    hits = searcher.index.search(known.question, DEPTH)
    rank = next((at for at, hit in enumerate(hits, start=1) if hit.passage_id in known.passage_ids), None)
    sentences = Answer(lookup, None, draft, None).sentences
    return QuestionResult(known.question, rank, not lookup.is_close, tuple(sentences), draft.falls if draft else ())


def _cited(result: QuestionResult) -> Iterable[tuple[CheckedSentence, tuple[float, ...]]]:
    """The sentences with valid numbers, each with its falls."""
    if result.falls:
        pairs = zip(result.sentences, result.falls, strict=True)
        yield from ((sentence, falls) for sentence, falls in pairs if sentence.has_valid_numbers)


def _is_refused(searcher: Searcher, question: str) -> bool:
    return best_score(searcher.index, question) <= searcher.threshold.score


def _share(cases: Iterable[bool]) -> Share:
    counted = list(cases)
    return Share(sum(counted), len(counted))


def _mean(values: Sequence[float]) -> Mean:
    low, high = mean_interval(values, 0, 1)
    return Mean(sum(values) / len(values), low, high)
