"""The score that a question must exceed to be called close to a corpus: the highest that an off-topic question has.

BM25's scores depend on the corpus, so no fixed number serves. On 500 questions of MedMCQA the best score separated
those whose explanation is in the corpus from those whose is not with an AUROC of 0.69 only: a low score says that a
question is off topic, and no score says that a passage answers it.
"""

from dataclasses import dataclass
from typing import Literal

from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.retrieval.bm25 import Bm25

Part = Literal["threshold", "held_out"]


@dataclass(frozen=True)
class Threshold:
    """The highest score of an off-topic question on one corpus."""

    score: float  # 0 or more
    question: str | None  # the question that has it; None: no off-topic question shares a word with the corpus


def off_topic_questions(part: Part) -> list[str]:
    """The shipped questions: 30 that decide the threshold, or 30 others that test it."""
    return resolve_bundled(f"bundled:off_topic/{part}.txt").read_text(encoding="utf-8").splitlines()


def threshold_of(index: Bm25) -> Threshold:
    """The threshold on the corpus of `index`."""
    best = Threshold(0.0, None)
    for question in off_topic_questions("threshold"):
        if (score := best_score(index, question)) > best.score:
            best = Threshold(score, question)
    return best


def best_score(index: Bm25, question: str) -> float:
    """The score of the best passage; 0: none shares a word with the question."""
    return next((hit.score for hit in index.search(question, 1)), 0.0)
