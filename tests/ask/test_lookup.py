"""What a corpus has for a question, and whether the question is close to it."""

import pytest

from medqa_sweeps.ask.lookup import Searcher, checked_question
from medqa_sweeps.ask.off_topic import best_score, off_topic_questions
from medqa_sweeps.ask.statements import closeness, fewer_than_asked
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.wording import listed
from tests.retrieval.passages import corpus_with

TEXTS = {
    "Gout": "Colchicine relieves an acute attack of gout when it is started within a day.",
    "Asthma": "Inhaled corticosteroids prevent attacks of asthma during the night.",
    "Home": "The router at home was replaced, and the wifi password with it.",
}


@pytest.fixture(scope="module")
def searcher() -> Searcher:
    return Searcher(corpus_with(TEXTS))


def test_the_threshold_is_the_highest_score_of_the_off_topic_questions(searcher: Searcher) -> None:
    scores = {question: best_score(searcher.index, question) for question in off_topic_questions("threshold")}
    assert searcher.threshold.score == max(scores.values()) > 0
    assert searcher.threshold.question == "How do I reset the password of my wifi router at home?"


def test_the_shipped_questions_are_30_and_30_others() -> None:
    deciding, held_out = off_topic_questions("threshold"), off_topic_questions("held_out")
    assert len({*deciding, *held_out}) == 60 and len(deciding) == len(held_out) == 30
    assert all(question.endswith("?") for question in (*deciding, *held_out))


def test_a_question_is_close_only_above_the_threshold(searcher: Searcher) -> None:
    of_threshold = searcher.look_up("How do I reset the password of my wifi router at home?", 2)
    assert of_threshold.best_score == searcher.threshold.score and not of_threshold.is_close
    assert closeness(of_threshold).startswith("Nothing in this folder is close to the question: the best passage")
    corpus = corpus_with({name: text for name, text in TEXTS.items() if name != "Home"})
    near = Searcher(corpus).look_up("Does colchicine relieve acute gout?", 2)
    assert near.is_close and "does not say that a passage answers" in closeness(near)
    assert near.passages[0].passage.title == "Gout" and near.passages[0].matched == ("colchicine", "acute", "gout")


def test_a_question_that_shares_no_word_is_refused(searcher: Searcher) -> None:
    found = searcher.look_up("Zymurgy?", 4)
    assert not found.passages and not found.is_close and "no passage shares a word" in closeness(found)


def test_no_more_passages_are_shown_than_share_a_word(searcher: Searcher) -> None:
    found = searcher.look_up("gout attack or asthma attacks", 4)
    assert [one.number for one in found.passages] == [1, 2]
    assert fewer_than_asked(found, 4) == "4 passages asked for: 2 of this folder share a word with it."
    assert fewer_than_asked(found, 2) is None


def test_no_sentence_says_more_than_a_search_for_words_can(searcher: Searcher) -> None:
    said = [closeness(searcher.look_up(question, 4)) for question in ("gout", "Zymurgy?", "the night")]
    claims = ("does not cover", "not covered", "guideline", "no evidence", "no answer", "literature says")
    assert not [listed(said) for claim in claims for text in said if claim in text]


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("", "The question is empty"),
        (" \n", "The question is empty"),
        ("what is the", "has no word to search for"),
        ("???", "has no word to search for"),
        ("gout " * 2000, "has 9,999 characters; at most 5,000"),
    ],
)
def test_a_question_that_cannot_be_searched_for(question: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        checked_question(question)
