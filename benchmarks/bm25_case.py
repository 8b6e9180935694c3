"""One engine's part of `benchmarks.retrieval`, in a process of its own: prints seconds, bytes and what it found.

    python -m benchmarks.bm25_case ours|rank_bm25 TEXTS.json QUERIES.json

Both engines get the terms of our tokenizer and give the best 32 passages of each query. `ours` goes through the shared
cache as a trial does: `again_seconds` is what a second trial spends.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from medqa_sweeps.retrieval.bm25 import Bm25, Bm25Settings
from medqa_sweeps.retrieval.chunks import Passage, passage_id
from medqa_sweeps.retrieval.corpus import Corpus, corpus_of
from medqa_sweeps.retrieval.documents import Place
from medqa_sweeps.retrieval.ranking import DEPTH, rank
from medqa_sweeps.retrieval.tokenize import terms


def main() -> None:
    engine, texts, queries = sys.argv[1:]
    case = (json.loads(Path(texts).read_text()), json.loads(Path(queries).read_text()))
    print(json.dumps(ENGINES[engine](*case)))


def ours(texts: Sequence[str], queries: Sequence[str]) -> dict[str, Any]:
    import bm25s  # noqa: F401  not within the seconds of the index, as the peer's import is not

    corpus = _corpus(texts)
    figures = _index_and_search(corpus, queries)
    asked = {f"{number:016x}": query for number, query in enumerate(queries)}
    _, rank_seconds = _timed(lambda: rank(asked, corpus, Bm25Settings(), "question"))
    _, again_seconds = _timed(lambda: rank(asked, corpus, Bm25Settings(), "question"))
    return {
        **figures,
        "rank_seconds": rank_seconds,  # index and search, and the file
        "again_seconds": again_seconds,
        "peak_bytes": _peak_bytes(),
    }


def _index_and_search(corpus: Corpus, queries: Sequence[str]) -> dict[str, Any]:
    index, index_seconds = _timed(lambda: Bm25(corpus, Bm25Settings()))
    index_peak_bytes = _peak_bytes()
    found, search_seconds = _timed(lambda: [len(index.search(query, DEPTH)) for query in queries])
    return {
        "index_seconds": index_seconds,
        "index_peak_bytes": index_peak_bytes,
        "search_seconds": search_seconds,
        "found": sum(found),
    }


def rank_bm25(texts: Sequence[str], queries: Sequence[str]) -> dict[str, Any]:
    import numpy as np
    from rank_bm25 import BM25Okapi

    index, index_seconds = _timed(lambda: BM25Okapi([terms(text) for text in texts], k1=1.2, b=0.75))
    index_peak_bytes = _peak_bytes()

    def search(query: str) -> int:
        scores = index.get_scores(terms(query))
        return len(np.argsort(-scores, kind="stable")[:DEPTH])

    found, search_seconds = _timed(lambda: [search(query) for query in queries])
    return {
        "index_seconds": index_seconds,
        "index_peak_bytes": index_peak_bytes,
        "search_seconds": search_seconds,
        "found": sum(found),
    }


def _corpus(texts: Sequence[str]) -> Corpus:
    return corpus_of(
        Passage(passage_id("", text), "synthetic", Place("line", line), "", text) for line, text in enumerate(texts, 1)
    )


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.monotonic()
    return work(), time.monotonic() - began


def _peak_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM:")))


ENGINES: dict[str, Callable[[Sequence[str], Sequence[str]], dict[str, Any]]] = {"ours": ours, "rank_bm25": rank_bm25}

if __name__ == "__main__":
    main()
