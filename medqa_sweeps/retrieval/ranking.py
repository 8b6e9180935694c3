"""The ranking: for each question the passages that fit it best, computed once for all trials of a study.

It is one file of the shared cache, under a key of its inputs: questions, corpus, retriever and versions. Trials that
differ in the number of passages alone share it: the passages for k=2 are the first two of those for k=8.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from medqa_sweeps.config import short_hash
from medqa_sweeps.durable.cache import shared
from medqa_sweeps.retrieval.corpus import Corpus
from medqa_sweeps.retrieval.retriever import Found, Hit, Retriever
from medqa_sweeps.retrieval.sentences import RULE, last_sentence

DEPTH = 32  # passages per question, and so the most that a prompt can show
QueryPart = Literal["question", "last_sentence"]


@dataclass(frozen=True)
class Ranking:
    """The best passages of each question, best first, at most DEPTH of them."""

    fingerprint: str  # 12 hex digits of the inputs
    hits: Mapping[str, tuple[Hit, ...]]  # by question id; empty where BM25 finds no passage that shares a term
    cut: Mapping[str, int] = field(default_factory=dict)  # as `Found.cut`

    def top(self, question_id: str, k: int) -> tuple[Hit, ...]:
        """The best `k` passages, or fewer if there are no more.

        Raises:
            KeyError: if the question was not ranked.
            ValueError: if `k` is not 0 to DEPTH.
        """
        if not 0 <= k <= DEPTH:
            raise ValueError(f"k={k}: must be 0 to {DEPTH}.")
        return self.hits[question_id][:k]


def rank(questions: Mapping[str, str], corpus: Corpus, retriever: Retriever, part: QueryPart) -> Ranking:
    """The ranking of some questions; from the cache if any process has computed it.

    Args:
        questions: the text of each question, without its options, by id.
        part: what of the text is searched for.

    Raises:
        ConfigError: if no cache folder is writable, or an encoder that the retriever needs cannot be used.
    """
    queries = {name: _query(text, part) for name, text in sorted(questions.items())}
    key = fingerprint(queries, corpus, retriever)
    value, _ = shared("rankings", key, lambda: _to_json(queries, retriever.search(corpus, [*queries.values()], DEPTH)))
    return Ranking(key, _from_json(value), value.get("cut", {}))


def fingerprint(queries: Mapping[str, str], corpus: Corpus, retriever: Retriever) -> str:
    """12 hex digits of all that decides a ranking; the order of questions and files does not."""
    return short_hash([sorted(queries.items()), corpus.fingerprint, retriever.identity(), RULE, DEPTH])


def _query(text: str, part: QueryPart) -> str:
    return text if part == "question" else last_sentence(text)


def _to_json(queries: Mapping[str, str], found: Found) -> dict[str, Any]:
    """Each passage's id once, and for each question the positions of its passages in that list, with their scores."""
    ids = sorted({hit.passage_id for hits in found.hits for hit in hits})
    position = {name: index for index, name in enumerate(ids)}
    ranks = {
        name: [[position[hit.passage_id], hit.score] for hit in hits]
        for name, hits in zip(queries, found.hits, strict=True)
    }
    return {"passages": ids, "questions": ranks, **({"cut": dict(found.cut)} if found.cut else {})}


def _from_json(value: Mapping[str, Any]) -> dict[str, tuple[Hit, ...]]:
    ids = value["passages"]
    return {name: tuple(Hit(ids[at], score) for at, score in found) for name, found in value["questions"].items()}
