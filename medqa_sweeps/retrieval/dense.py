"""Dense retrieval: the passages whose vectors are nearest to a question's, by exact search.

The products are summed in 64 bits and rounded to 32, so that neither threads nor the order of a sum decides a rank.
Unlike BM25 it always finds passages, near or not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.retrieval.corpus import Corpus
from medqa_sweeps.retrieval.embedding import embeddings, passage_embeddings
from medqa_sweeps.retrieval.encoders import TextEncoder
from medqa_sweeps.retrieval.retriever import Found, Hit, best, score_of

if TYPE_CHECKING:
    import numpy as np

SIMILARITIES = ("cosine", "dot")
_RULE = 1  # part of the key of rankings; changes with what this file does
_QUERIES = 128  # compared at a time: with 125,000 passages 0.2 GB of scores


@dataclass(frozen=True)
class DenseSettings:
    """What decides the scores beside the corpus; the two encoders may be the same, or one of a pair each."""

    passages: TextEncoder
    queries: TextEncoder
    similarity: str  # cosine or dot

    def identity(self) -> list[Any]:
        return ["dense", _RULE, self.passages.identity(), self.queries.identity(), self.similarity]

    def description(self) -> dict[str, Any]:
        return {
            "embedder": self.passages.encoder.description(),
            "query_embedder": self.queries.encoder.description(),
            "pooling": self.passages.pooling,
            "passage_prefix": self.passages.prefix,
            "query_prefix": self.queries.prefix,
            "similarity": self.similarity,
        }

    def search(self, corpus: Corpus, texts: Sequence[str], most: int) -> Found:
        passages, queries = passage_embeddings(corpus, self.passages), embeddings(texts, self.queries, "question")
        widths = [one.vectors_TxD.shape[1] for one in (passages, queries)]
        if widths[0] != widths[1]:
            raise ConfigError(
                f"The encoder {self.passages.encoder.label} gives vectors of {widths[0]:,} numbers, "
                f"{self.queries.encoder.label} of {widths[1]:,}, which cannot be compared. Name two encoders that were "
                "trained as a pair, or retrieval.query_embedder=null for the same one."
            )
        ids = [passage.id for passage in corpus.passages]
        ranked = _nearest(queries.vectors_TxD, passages.vectors_TxD, most, self.similarity)
        hits = [[Hit(ids[at], score) for at, score in found] for found in ranked]
        return Found(hits, {"passages": passages.cut, "questions": queries.cut})


def _nearest(
    queries_QxD: "np.ndarray", passages_PxD: "np.ndarray", most: int, similarity: str
) -> Iterator[list[tuple[int, float]]]:
    """For each query the positions of the nearest passages with their scores, best first."""
    import numpy as np

    passages_PxD, every = _comparable(passages_PxD, similarity), np.arange(len(passages_PxD))
    for at in range(0, len(queries_QxD), _QUERIES):
        scores_QxP = _comparable(queries_QxD[at : at + _QUERIES], similarity) @ passages_PxD.T
        for scores in scores_QxP.astype(np.float32):
            yield [(int(index), score_of(scores[index])) for index in best(scores, every, most)]


def _comparable(vectors_TxD: "np.ndarray", similarity: str) -> "np.ndarray":
    """In 64 bits; of length 1 for the cosine. A vector of zeros, as of a text without a known token, stays one."""
    import numpy as np

    vectors_TxD = vectors_TxD.astype(np.float64)
    if similarity == "dot":
        return vectors_TxD
    lengths_Tx1 = np.linalg.norm(vectors_TxD, axis=1, keepdims=True)
    return vectors_TxD / np.where(lengths_Tx1 == 0, 1, lengths_Tx1)
