"""BM25 (bm25s, Lucene's variant) over the passages of a corpus: the query is text, so a question's options stay out.

    score(query, passage) = Σ over the query's terms t of  idf(t) · tf / (tf + k1 · (1 - b + b · length / mean length))
    idf(t) = ln(1 + (N - df + 0.5) / (df + 0.5))

tf is how often t stands in title and text of the passage, length its number of terms, df the number of passages with
t, N the number of passages. A term that the query repeats counts as often.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from medqa_sweeps.retrieval.corpus import Corpus
from medqa_sweeps.retrieval.retriever import Found, Hit, best, score_of
from medqa_sweeps.retrieval.tokenize import RULE, terms
from medqa_sweeps.versions import RANKING, versions_of


@dataclass(frozen=True)
class Bm25Settings:
    """What decides BM25's scores beside the corpus."""

    k1: float = 1.2  # 0 or more: how much repeats of a term count
    b: float = 0.75  # from 0 to 1: how much a passage's length counts
    stem: bool = False  # whether English plurals count as their singular

    def identity(self) -> list[Any]:
        """What a ranking's key holds: settings, the rule of terms, versions of libraries."""
        return ["bm25", self.k1, self.b, self.stem, RULE, versions_of(RANKING)]

    def description(self) -> dict[str, Any]:
        return {"k1": self.k1, "b": self.b, "stem": self.stem}

    def search(self, corpus: Corpus, texts: Sequence[str], most: int) -> Found:
        index = Bm25(corpus, self)
        return Found([index.search(text, most) for text in texts])


class Bm25:
    """An index of a corpus, in memory; `benchmarks/retrieval.py` measures its time and size."""

    def __init__(self, corpus: Corpus, settings: Bm25Settings) -> None:
        self._passages, self._settings = corpus.passages, settings
        vocabulary: dict[str, int] = {}
        term_ids = [
            [vocabulary.setdefault(term, len(vocabulary)) for term in terms(f"{one.title}\n{one.text}", settings.stem)]
            for one in corpus.passages
        ]
        self._vocabulary = vocabulary
        self._index = _index(term_ids, vocabulary, settings) if vocabulary else None

    def search(self, query: str, most: int) -> list[Hit]:
        """The best passages for a text, best first: by score, above 0, and those of equal score by passage id.

        Passages that share no term with the query are never among them, so there may be fewer than `most`.
        """
        import numpy as np

        query_ids = [self._vocabulary[term] for term in terms(query, self._settings.stem) if term in self._vocabulary]
        if self._index is None or not query_ids:
            return []
        scores = self._index.get_scores_from_ids(query_ids)
        found = best(scores, np.flatnonzero(scores), most)  # passages stand in the order of their ids
        return [Hit(self._passages[index].id, score_of(scores[index])) for index in found]


def _index(term_ids: list[list[int]], vocabulary: dict[str, int], settings: Bm25Settings) -> Any:
    import bm25s

    # Named, since bm25s would choose numba's code where numba is installed.
    index = bm25s.BM25(settings.k1, settings.b, method="lucene", backend="numpy", csc_backend="scipy")
    index.index((term_ids, vocabulary), create_empty_token=False, show_progress=False)
    return index
