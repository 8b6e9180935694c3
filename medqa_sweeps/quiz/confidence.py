"""How often a model was right on its validation questions: overall, and where it was as sure as it is now."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from medqa_sweeps.trial.records import Prediction

BINS = 10  # of equal width, as in the page's plot of calibration
LEAST = 10  # answers in a bin from which a rate is given: its 95% interval is then at most 53 points wide


@dataclass(frozen=True)
class RateAtConfidence:
    """Answers with a confidence above `low` and up to `high`."""

    low: float
    high: float
    right: int
    questions: int


@dataclass(frozen=True)
class ModelRecord:
    """A trial's answers to its validation questions, at its last evaluation."""

    right: int
    questions: int  # 1 or more
    answers: tuple[tuple[str, float, bool], ...] = ()  # id, confidence, right; answers with a known probability only

    def at(self, confidence: float, without: str) -> RateAtConfidence:
        """The rate in the bin of `confidence`, a share.

        Args:
            without: id of a question that is left out: the one that is shown, as its own result would count.
        """
        bin_ = _bin(confidence)
        found = [right for id_, sure, right in self.answers if _bin(sure) == bin_ and id_ != without]
        return RateAtConfidence(bin_ / BINS, (bin_ + 1) / BINS, sum(found), len(found))


def record_of(predictions: Iterable[Prediction]) -> ModelRecord:
    """Of one evaluation.

    Raises:
        ValueError: if there are no predictions.
    """
    rows = [(one.id, one.confidence(), one.predicted == one.gold) for one in predictions]
    if not rows:
        raise ValueError("no predictions: a record needs at least one")
    known = tuple((id_, sure, right) for id_, sure, right in rows if sure is not None)
    return ModelRecord(sum(right for *_, right in rows), len(rows), known)


def _bin(confidence: float) -> int:
    return min(max(math.ceil(confidence * BINS) - 1, 0), BINS - 1)
