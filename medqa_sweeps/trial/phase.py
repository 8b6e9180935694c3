"""What a running trial does now: a small file in its folder that is replaced while it runs, for people alone.

It is no part of the trial's record: nothing of a result depends on it, it is removed when an attempt ends, and a disk
that has no room for it stops nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from medqa_sweeps.trial.records import JsonRecord


class PhaseName(StrEnum):
    """In the order in which a trial meets them."""

    IMPORTING = "importing"  # its process is being started
    READING = "reading"
    ENCODING = "encoding"
    LOADING = "loading"
    AWAITING_BASE_SCORE = "awaiting_base_score"
    SCORING_BASE = "scoring_base"
    ASSESSING_BASE = "assessing_base"
    PREPARING = "preparing"
    TRAINING = "training"
    SCORING = "scoring"
    ASSESSING = "assessing"
    SAVING = "saving"


_BEFORE_TRAINING = frozenset(list(PhaseName)[: list(PhaseName).index(PhaseName.TRAINING)])
_SENTENCES: Mapping[PhaseName, str] = MappingProxyType(
    {
        PhaseName.IMPORTING: "importing PyTorch and Unsloth",
        PhaseName.READING: "reading the questions",
        PhaseName.ENCODING: "encoding the questions",
        PhaseName.LOADING: "loading the base model",
        PhaseName.AWAITING_BASE_SCORE: "waiting for the score of the untuned base",
        PhaseName.SCORING_BASE: "scoring the untuned base",
        PhaseName.ASSESSING_BASE: "assessing the untuned base",
        PhaseName.PREPARING: "preparing to train",
        PhaseName.TRAINING: "training",
        PhaseName.SCORING: "scoring",
        PhaseName.ASSESSING: "assessing safety",
        PhaseName.SAVING: "saving",
    }
)
_CELLS = {
    **_SENTENCES,
    PhaseName.IMPORTING: "importing",
    PhaseName.READING: "reading",
    PhaseName.ENCODING: "encoding",
    PhaseName.LOADING: "loading base",
    PhaseName.AWAITING_BASE_SCORE: "waiting for base",
    PhaseName.SCORING_BASE: "scoring base",
    PhaseName.ASSESSING_BASE: "assessing base",
    PhaseName.PREPARING: "preparing",
    PhaseName.ASSESSING: "assessing",
}


@dataclass(frozen=True)
class Phase(JsonRecord):
    """One phase of a trial, and how far it is."""

    name: PhaseName
    done: int = 0  # steps while training, questions while scoring
    total: int = 0  # of the same; 0: the phase is not counted
    evaluation: int = 0  # number of the one that is being scored, from 1; 0: none is
    evaluations: int = 0  # that the trial has
    seconds_left: float | None = None  # until the trial ends; None: too little is done to tell
    seconds_in_all: float | None = None  # that a trial like this takes from its beginning; None: as above

    @property
    def before_training(self) -> bool:
        """Whether this attempt has done nothing yet that is worth a checkpoint."""
        return self.name in _BEFORE_TRAINING

    def in_words(self) -> str:
        """`training step 40 of 250`, `scoring 120 of 400 questions (evaluation 1 of 2)`, `loading the base model`."""
        if not self.total:
            return _SENTENCES[self.name]
        if self.name is PhaseName.TRAINING:
            return f"training step {self.done:,} of {self.total:,}"
        which = f" (evaluation {self.evaluation:,} of {self.evaluations:,})" if self.evaluation else ""
        return f"{_SENTENCES[self.name]}: {self.done:,} of {self.total:,} questions{which}"

    def in_a_cell(self) -> str:
        """`training 40/250`, `scoring 120/400`, `loading base`: for a column of a table."""
        return _CELLS[self.name] + (f" {self.done}/{self.total}" if self.total else "")


def phase_from_json(data: Any) -> Phase | None:
    """The phase that `to_json` wrote; None of anything else, as a newer program's phases have other names."""
    try:
        phase = Phase.from_json(data)
        return phase if isinstance(phase.name, PhaseName) and phase.done + phase.total >= 0 else None
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
