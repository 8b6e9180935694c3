"""Reciprocal rank fusion against its formula, and through real rankings."""

import itertools
from pathlib import Path

import pytest

from medqa_sweeps.retrieval.bm25 import Bm25Settings
from medqa_sweeps.retrieval.hybrid import HybridSettings, fused
from medqa_sweeps.retrieval.ranking import DEPTH, rank
from medqa_sweeps.retrieval.retriever import Hit
from tests.retrieval.encoder_folders import write_static
from tests.retrieval.test_dense import CORPUS, QUESTIONS, TEXTS, settings


@pytest.mark.parametrize("rrf_k", [0, 60])
def test_scores_are_those_of_the_formula(rrf_k: int) -> None:
    first, second = ([Hit(name, 1.0) for name in names] for names in ("abcd", "cea"))
    expected = {
        "a": 1 / (rrf_k + 1) + 1 / (rrf_k + 3),
        "b": 1 / (rrf_k + 2),
        "c": 1 / (rrf_k + 3) + 1 / (rrf_k + 1),
        "d": 1 / (rrf_k + 4),
        "e": 1 / (rrf_k + 2),
    }
    found = fused([first, second], rrf_k)
    assert dict(found) == pytest.approx(expected, rel=1e-12)
    assert [hit.passage_id for hit in found] == ["a", "c", "b", "e", "d"], "equal scores by id"
    assert all(one.score >= other.score for one, other in itertools.pairwise(found))
    assert fused([second, first], rrf_k) == found


def test_both_rankings_count(tmp_path: Path) -> None:
    bm25, dense = Bm25Settings(), settings(write_static(tmp_path / "static", TEXTS))
    by_words, by_vectors, both = (
        rank(QUESTIONS, CORPUS, one, "question") for one in (bm25, dense, HybridSettings(bm25, dense))
    )
    for name in QUESTIONS:
        assert list(both.hits[name]) == fused([by_words.hits[name], by_vectors.hits[name]], 60)[:DEPTH]
    assert by_words.hits["q3"] == () and both.top("q1", 2) == both.top("q1", 8)[:2]
    other = HybridSettings(bm25, dense, 10)
    assert other.identity() != HybridSettings(bm25, dense).identity() != dense.identity()
