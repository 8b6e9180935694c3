"""What a prompt shows is a function of ids, ranking and texts, within its limit."""

import itertools

import pytest

from medqa_sweeps.retrieval.ranking import Ranking
from medqa_sweeps.retrieval.retriever import Hit
from medqa_sweeps.retrieval.shown import Shower, cut_at_sentence, foreign_hits, foreign_questions
from tests.retrieval.passages import corpus_with


def words(text: str) -> int:
    return len(text.split())


CORPUS = corpus_with(
    {"Gout": "Urate crystals. They hurt much. Rest helps.", "Croup": "Stridor.", "Asthma": "Wheeze at night."}
)
IDS = {passage.title: passage.id for passage in CORPUS.passages}
HITS = [Hit(IDS["Gout"], 3.0), Hit(IDS["Croup"], 2.0), Hit(IDS["Asthma"], 1.0)]


def test_the_order_is_asked_for_and_cut_passages_are_counted() -> None:
    shower = Shower(CORPUS, words, 5)
    shown = shower.show(HITS, "best_first")
    assert [(one.title, one.text, one.score, one.cut) for one in shown] == [
        ("Gout", "Urate crystals. They hurt much.", 3.0, True),
        ("Croup", "Stridor.", 2.0, False),
        ("Asthma", "Wheeze at night.", 1.0, False),
    ]
    assert shower.show(HITS, "best_last") == shown[::-1]
    assert shower.cut_count() == 1 and shower.show([], "best_first") == ()


def test_a_passage_is_cut_once() -> None:
    counted = []
    shower = Shower(CORPUS, lambda text: counted.append(text) or words(text), 5)  # type: ignore[func-returns-value]
    shower.show(HITS, "best_first")
    before = len(counted)
    shower.show(HITS, "best_last")
    assert len(counted) == before


@pytest.mark.parametrize(
    ("most", "text"),
    [
        (9, "One two. Three four five. Six seven."),
        (7, "One two. Three four five. Six seven."),
        (6, "One two. Three four five."),
        (5, "One two. Three four five."),
        (4, "One two."),
        (2, "One two."),
        (1, "One"),
    ],
)
def test_the_longest_beginning_that_ends_with_a_sentence_is_kept(most: int, text: str) -> None:
    assert cut_at_sentence("One two. Three four five. Six seven.", most, words) == text


def test_what_has_no_sentence_or_space_is_cut_all_the_same() -> None:
    assert cut_at_sentence("病人发热三天。无皮疹。", 8, len) == "病人发热三天。"
    assert cut_at_sentence("病人发热三天无皮疹", 4, len) == "病人发热"
    assert cut_at_sentence("abc", 2, lambda text: 5 * len(text)) == ""


def test_each_question_has_another_one_and_each_is_used_once() -> None:
    ids = [f"{number:016x}" for number in range(50)]
    found = foreign_questions(ids)
    assert found == foreign_questions(reversed(ids)), "the order of questions decides nothing"
    assert set(found) == set(found.values()) == set(ids)
    assert all(found[name] != name for name in ids)
    follows = sum(found[one] == other for one, other in itertools.pairwise(ids))
    assert follows < 10, "neighbours in a file are often about one topic"
    assert foreign_questions(["a", "b"]) == {"a": "b", "b": "a"}
    with pytest.raises(ValueError, match=r"1 question: another question's passages need two questions or more"):
        foreign_questions(["a", "a"])


def test_foreign_passages_are_none_of_the_questions_own() -> None:
    hits = {"q": tuple(HITS), "r": (HITS[1], HITS[2], HITS[0])}
    ranking = Ranking("0" * 12, hits)
    assert foreign_hits(ranking, "q", "r", 1) == (HITS[1],)
    assert foreign_hits(ranking, "q", "r", 2) == (HITS[2],), "fewer, if the other question has no more"
    assert foreign_hits(ranking, "q", "r", 0) == ()
