"""What a prompt shows for a question: its best passages, or as a control another question's, each cut to a limit.

Pure functions of ids, ranking and texts: nothing is drawn, so a control is the same in every trial and process.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from medqa_sweeps.retrieval.corpus import Corpus
from medqa_sweeps.retrieval.ranking import Ranking
from medqa_sweeps.retrieval.retriever import Hit
from medqa_sweeps.retrieval.sentences import sentence_ends

Order = Literal["best_first", "best_last"]
CountTokens = Callable[[str], int]


@dataclass(frozen=True)
class ShownPassage:
    """A passage as it stands in a prompt."""

    passage_id: str
    title: str
    text: str
    score: float  # of the question that it was ranked for
    cut: bool  # whether the text is shorter than the passage's


class Shower:
    """Shows passages of one corpus, cut to one limit; each passage is cut once.

    Args:
        count_tokens: the number of tokens of a text.
        max_passage_tokens: 1 or more: the most tokens of a passage's text, without its title.
    """

    def __init__(self, corpus: Corpus, count_tokens: CountTokens, max_passage_tokens: int) -> None:
        self._corpus, self._count, self._most = corpus, count_tokens, max_passage_tokens
        self._texts: dict[str, str] = {}

    def show(self, hits: Sequence[Hit], order: Order) -> tuple[ShownPassage, ...]:
        """The passages of a question in the order of the prompt.

        Args:
            hits: best first, as `Ranking.top` and `foreign_hits` give them.
            order: whether the best passage stands first, or last, next to the question.
        """
        shown = [self._shown(hit) for hit in hits]
        return tuple(shown if order == "best_first" else reversed(shown))

    def cut_count(self) -> int:
        """Of the passages shown so far, how many were cut; each counts once."""
        return sum(text != self._corpus.by_id[name].text for name, text in self._texts.items())

    def _shown(self, hit: Hit) -> ShownPassage:
        passage = self._corpus.by_id[hit.passage_id]
        if passage.id not in self._texts:
            self._texts[passage.id] = cut_at_sentence(passage.text, self._most, self._count)
        text = self._texts[passage.id]
        return ShownPassage(passage.id, passage.title, text, hit.score, text != passage.text)


def cut_at_sentence(text: str, most_tokens: int, count_tokens: CountTokens) -> str:
    """The longest beginning of a text that has at most `most_tokens` and ends with a sentence.

    If the first sentence is too long, it ends between words; if the first word is, anywhere.
    """
    if count_tokens(text) <= most_tokens:
        return text
    words = [at for at in range(1, len(text)) if text[at].isspace() and not text[at - 1].isspace()]
    for ends in (sentence_ends(text), words, range(1, len(text))):
        if length := _longest(text, ends, most_tokens, count_tokens):
            return text[:length]
    return ""


def _longest(text: str, ends: Sequence[int], most_tokens: int, count_tokens: CountTokens) -> int:
    """The last of some ends up to which the text is short enough, by halving; 0: none is."""
    low, high = 0, len(ends)  # the text up to ends[low - 1] is short enough, that up to ends[high] is not
    while low < high:
        middle = (low + high) // 2
        if count_tokens(text[: ends[middle]]) <= most_tokens:
            low = middle + 1
        else:
            high = middle
    return ends[low - 1] if low else 0


def foreign_hits(ranking: Ranking, question_id: str, foreign_id: str, k: int) -> tuple[Hit, ...]:
    """For a control, the best passages of another question, without the best `k` of this one.

    Two questions about one condition share their passages; shown as foreign, these would help as the question's do.
    """
    own = {hit.passage_id for hit in ranking.top(question_id, k)}
    return tuple(hit for hit in ranking.hits[foreign_id] if hit.passage_id not in own)[:k]


def foreign_questions(question_ids: Iterable[str]) -> dict[str, str]:
    """For each question another one, each question once: the next in the order of a hash of the ids.

    Raises:
        ValueError: if there are fewer than two questions.
    """
    ordered = sorted(set(question_ids), key=_shuffled)
    if len(ordered) < 2:
        raise ValueError(f"{len(ordered)} question: another question's passages need two questions or more.")
    return dict(zip(ordered, [*ordered[1:], ordered[0]], strict=True))


def _shuffled(question_id: str) -> bytes:
    """A key that orders ids as if by chance, since ids of one source may stand in the order of its topics."""
    return hashlib.sha256(f"foreign {question_id}".encode()).digest()
