"""Looks a question up in a corpus: its best passages, the words that they share with it, and whether it is close."""

from dataclasses import dataclass

from medqa_sweeps.ask.off_topic import Threshold, threshold_of
from medqa_sweeps.data.raw_record import short_repr
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.retrieval.bm25 import Bm25, Bm25Settings
from medqa_sweeps.retrieval.chunks import Passage
from medqa_sweeps.retrieval.corpus import Corpus
from medqa_sweeps.retrieval.tokenize import terms

# Longer than any question of MedQA. BM25 adds up the words of a question, so a page of text is close to everything.
MOST_QUESTION_CHARACTERS = 5000


@dataclass(frozen=True)
class FoundPassage:
    """A passage with its rank."""

    number: int  # from 1, the best first; what a draft cites
    passage: Passage
    score: float  # above 0
    matched: tuple[str, ...]  # search terms of the question that stand in title or text, in the question's order


@dataclass(frozen=True)
class Lookup:
    """What a corpus has for one question."""

    question: str
    passages: tuple[FoundPassage, ...]  # empty: no passage shares a word with the question
    threshold: Threshold

    @property
    def best_score(self) -> float:
        return self.passages[0].score if self.passages else 0.0

    @property
    def is_close(self) -> bool:
        """Whether the best passage scores higher than that of every off-topic question."""
        return self.best_score > self.threshold.score


class Searcher:
    """A corpus with its index and threshold, for any number of questions."""

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        self.index = Bm25(corpus, Bm25Settings())
        self.threshold = threshold_of(self.index)

    def look_up(self, question: str, most: int) -> Lookup:
        """The best `most` passages for a question, or fewer if fewer share a word with it."""
        wanted = list(dict.fromkeys(terms(question)))
        found = [
            FoundPassage(number, passage, hit.score, _matched(wanted, passage))
            for number, hit in enumerate(self.index.search(question, most), start=1)
            if (passage := self.corpus.by_id[hit.passage_id])
        ]
        return Lookup(question, tuple(found), self.threshold)


def checked_question(question: str) -> str:
    """The question without white space around it.

    Raises:
        ConfigError: if it is empty, too long, or has no word to search for.
    """
    text = question.strip()
    if not text:
        raise ConfigError("The question is empty. Write it in quotation marks: ask 'What is …?' --corpus FOLDER.")
    if len(text) > MOST_QUESTION_CHARACTERS:
        raise ConfigError(
            f"The question has {len(text):,} characters; at most {MOST_QUESTION_CHARACTERS:,} are allowed. Ask for one "
            "thing: a long text shares words with every passage."
        )
    if not terms(text):
        raise ConfigError(
            f"{short_repr(text)} has no word to search for: words such as 'what', 'is' and 'the' stand in every text. "
            "Name what you want to know about."
        )
    return text


def _matched(wanted: list[str], passage: Passage) -> tuple[str, ...]:
    has = set(terms(f"{passage.title}\n{passage.text}"))
    return tuple(term for term in wanted if term in has)
