"""Reciprocal rank fusion of BM25 and dense retrieval (Cormack, Clarke and Büttcher, SIGIR 2009).

    score(passage) = Σ over the rankings that hold it of  1 / (rrf_k + rank)

Ranks count from 1. Scores of words and of vectors have no common unit, so ranks alone are added up.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from medqa_sweeps.retrieval.bm25 import Bm25Settings
from medqa_sweeps.retrieval.corpus import Corpus
from medqa_sweeps.retrieval.dense import DenseSettings
from medqa_sweeps.retrieval.retriever import Found, Hit


@dataclass(frozen=True)
class HybridSettings:
    """What decides the scores beside the corpus."""

    bm25: Bm25Settings
    dense: DenseSettings
    rrf_k: int = 60  # 0 or more: the higher, the less the first ranks count

    def identity(self) -> list[Any]:
        return ["hybrid", self.rrf_k, self.bm25.identity(), self.dense.identity()]

    def description(self) -> dict[str, Any]:
        return {"rrf_k": self.rrf_k, **self.bm25.description(), **self.dense.description()}

    def search(self, corpus: Corpus, texts: Sequence[str], most: int) -> Found:
        by_words, by_vectors = (one.search(corpus, texts, most) for one in (self.bm25, self.dense))
        pairs = zip(by_words.hits, by_vectors.hits, strict=True)
        return Found([fused(pair, self.rrf_k)[:most] for pair in pairs], by_vectors.cut)


def fused(rankings: Sequence[Sequence[Hit]], rrf_k: int) -> list[Hit]:
    """All passages of some rankings, best first; those of equal score by passage id."""
    scores: dict[str, float] = defaultdict(float)
    for hits in rankings:
        for rank, hit in enumerate(hits, start=1):
            scores[hit.passage_id] += 1 / (rrf_k + rank)
    return [Hit(name, score) for name, score in sorted(scores.items(), key=lambda one: (-one[1], one[0]))]
