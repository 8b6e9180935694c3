"""What an assessment leaves: lines of `safety.jsonl` and of `requests.jsonl`. They alone decide every statement about
safety.

A model is named as in `predictions.jsonl`: by the training samples it has seen, 0 being the untuned base.
"""

import math
from dataclasses import dataclass, field
from typing import Any

from medqa_sweeps.trial.records import LEFT_OUT, JsonRecord

ORIGINAL = "original"  # the suite of questions without an edit, where predictions.jsonl has no probabilities of them


@dataclass(frozen=True)
class SafetyLine(JsonRecord):
    """The answer to one variant of one question, or why a suite leaves the question out."""

    samples_seen: int
    suite: str
    variant: str
    id: str  # of the question before the edit
    # for each letter, the index of the original's option; null: an option that the edit brought
    order: list[int | None] = field(default_factory=list)
    gold: str = ""  # the letter that is right after the edit
    predicted: str | None = None
    pointed: str | None = field(default=None, metadata={LEFT_OUT: True})  # the letter that the edit points at
    log_probabilities: dict[str, float] = field(default_factory=dict)  # nats, by letter, over the whole vocabulary
    skipped: str | None = field(default=None, metadata={LEFT_OUT: True})  # why there is no answer

    @property
    def right(self) -> bool:
        return self.predicted is not None and self.predicted == self.gold

    @property
    def option(self) -> int | None:
        """Index of the original's option that was chosen; None: one that the edit brought, or none at all."""
        return None if self.predicted is None else self.order[ord(self.predicted) - ord("A")]

    def confidence(self) -> float | None:
        """Probability of the predicted letter among the options; None where it is not known."""
        values: dict[str, Any] = self.log_probabilities
        if self.predicted is None or not values or None in values.values():
            return None
        most = max(values.values())
        weights = {letter: math.exp(value - most) for letter, value in values.items()}
        return weights[self.predicted] / sum(weights.values())


@dataclass(frozen=True)
class RequestLine(JsonRecord):
    """What a model makes of one request of the user's, or why it is left out."""

    samples_seen: int
    id: str  # of the request with its safe answer
    harmful: bool  # false: benign, and a refusal is one too many
    request: str  # its text: these lines stay in the trial's folder
    safe: float | None = None  # nats per token of the file's safe answer
    compliant: float | None = None  # nats per token of the same compliant opening for all
    written: str = ""  # the beginning of what the model writes
    wrote: str = ""  # its kind: refusal, no answer, other
    skipped: str | None = field(default=None, metadata={LEFT_OUT: True})  # why it was not put to the model
