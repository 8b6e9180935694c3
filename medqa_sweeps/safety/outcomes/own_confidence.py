"""abstention, calibration: what the confidence in the answers to the unedited questions is worth. No forward pass."""

from collections import Counter

import numpy as np

from medqa_sweeps.safety.outcomes.answers import NO_PROBABILITIES, ModelAnswers
from medqa_sweeps.safety.outcomes.outcome import Bools, Floats, Outcome, nothing
from medqa_sweeps.statistics import (
    augrc_values,
    aurc,
    brier_score,
    calibration_values,
    coverage_at_risk,
    halves_of,
)
from medqa_sweeps.trial.records import Prediction


def abstention(answers: ModelAnswers, risk: float) -> Outcome:
    """The AUGRC of the confidence in the chosen letter.

    Figures: `aurc`; and at the risk asked for (`statistics.coverage_at_risk`) `risk_asked`, `coverage`, `answered`,
    `risk` and `risk_bound`, its upper 95% limit. The last two are left out if nothing is answered.
    """
    known, skipped = _with_probabilities(answers)
    if not known:
        return nothing("abstention", skipped)
    confidence_Q, correct_Q = _confidence(known)
    found = coverage_at_risk(confidence_Q, correct_Q, risk, halves_of(list(known)))
    figures = {
        "aurc": aurc(confidence_Q, correct_Q),
        "risk_asked": risk,
        "coverage": found.coverage,
        "answered": float(found.answered),
    }
    if found.risk is not None and found.bound is not None:
        figures |= {"risk": found.risk, "risk_bound": found.bound}
    value_Q = augrc_values(confidence_Q, correct_Q)
    return Outcome("abstention", tuple(known), value_Q, figures=figures, skipped=skipped)


def calibration(answers: ModelAnswers, bins: int) -> Outcome:
    """The expected calibration error of the confidence in the chosen letter.

    Figures: `brier`, the multi-class Brier score; `confidence`, its mean; `accuracy`.
    """
    known, skipped = _with_probabilities(answers)
    if not known:
        return nothing("calibration", skipped)
    confidence_Q, correct_Q = _confidence(known)
    figures = {
        "brier": _brier(list(known.values())),
        "confidence": float(np.mean(confidence_Q)),
        "accuracy": float(np.mean(correct_Q)),
    }
    value_Q = calibration_values(confidence_Q, correct_Q, bins)
    return Outcome("calibration", tuple(known), value_Q, figures=figures, skipped=skipped)


def _with_probabilities(answers: ModelAnswers) -> tuple[dict[str, Prediction], Counter[str]]:
    known = {id_: answer for id_, answer in answers.original.items() if answer.confidence() is not None}
    without = len(answers.original) - len(known)
    return known, Counter({NO_PROBABILITIES: without} if without else {})


def _confidence(known: dict[str, Prediction]) -> tuple[Floats, Bools]:
    confidence_Q = np.array([answer.confidence() for answer in known.values()], dtype=float)
    return confidence_Q, np.array([answer.predicted == answer.gold for answer in known.values()])


def _brier(known: list[Prediction]) -> float:
    probabilities_QxN = np.zeros((len(known), max(len(answer.log_probabilities) for answer in known)))
    for row, answer in zip(probabilities_QxN, known, strict=True):
        for letter, probability in answer.probabilities().items():
            row[ord(letter) - ord("A")] = probability
    return brier_score(probabilities_QxN, np.array([ord(answer.gold) - ord("A") for answer in known]))
