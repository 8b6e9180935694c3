"""Answering only when confident: risk and coverage over all thresholds, and the coverage at a risk that is asked for.

A threshold answers every question whose confidence is at least the threshold. Coverage is the share of all questions
that are answered; risk is the share of wrong answers among those. Questions of equal confidence are answered together.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from medqa_sweeps.statistics.proportion import CONFIDENCE, check_confidence

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]

FEWEST_ANSWERED = 60  # with fewer answers, the bound of a risk of 10% is above 19%


@dataclass(frozen=True)
class RiskCoverage:
    """The risk–coverage curve: one point per distinct confidence, from the highest."""

    threshold_T: Floats  # falling
    coverage_T: Floats  # share of all questions, rising to 1
    risk_T: Floats  # share of wrong answers among those given


@dataclass(frozen=True)
class CoverageAtRisk:
    """What answering at a risk asked for gives on questions that did not choose the threshold."""

    asked: float  # risk, a share
    questions: int
    answered: int
    wrong: int
    coverage: float  # answered / questions
    risk: float | None  # wrong / answered; None: nothing is answered
    bound: float | None  # upper limit of the risk, one-sided
    confidence: float = CONFIDENCE  # of the bound

    @property
    def too_few(self) -> bool:
        """Whether too few questions are answered for the risk to mean anything."""
        return self.answered < FEWEST_ANSWERED


def risk_coverage(confidence: Floats, correct: Bools) -> RiskCoverage:
    """Risk and coverage at each threshold.

    Args:
        confidence: of the answer, one per question; only its order counts.
        correct: whether the answer is correct.

    Raises:
        ValueError: if the shapes differ, there are no questions, or a confidence is not a number.
    """
    confidence, correct = _checked(confidence, correct)
    threshold_T, of_question, count_T = np.unique(-confidence, return_inverse=True, return_counts=True)
    answered_T = np.cumsum(count_T)
    wrong_T = np.cumsum(np.bincount(of_question, ~correct))
    return RiskCoverage(-threshold_T, answered_T / confidence.size, wrong_T / answered_T)


def aurc(confidence: Floats, correct: Bools) -> float:
    """Area under the risk–coverage curve, 0 .. 1: the mean over questions of the risk at the question's confidence.

    The few most confident answers decide it: the first one is part of the risk at every threshold. Prefer `augrc`.

    Source: Geifman & El-Yaniv 2017 (arXiv:1705.08500), Geifman et al. 2019 (arXiv:1805.08206), equation 4.
    """
    curve = risk_coverage(confidence, correct)
    return float(curve.risk_T @ np.diff(curve.coverage_T, prepend=0.0))


def augrc(confidence: Floats, correct: Bools) -> float:
    """Area under the generalised risk–coverage curve: risk times coverage, averaged over coverage by trapezoids.

    It is the probability that a question is answered wrongly and more confidently than a random question. For the error
    rate e it is e^2 / 2 if every wrong answer is less confident than every correct one, e / 2 if confidence tells
    nothing, and e - e^2 / 2 at worst.

    Source: Traub et al. 2024 (arXiv:2407.01032), equation 6.
    """
    return float(np.mean(augrc_values(confidence, correct)))


def augrc_values(confidence: Floats, correct: Bools) -> Floats:
    """A value per question, whose mean is the AUGRC and whose spread is its uncertainty.

    AUGRC is a mean over pairs of questions, so a question counts as the one that is answered and as the one whose
    confidence is the threshold. A t-interval of these values is that of the infinitesimal jackknife.

    Source: Efron, The Jackknife, the Bootstrap and Other Resampling Plans (1982), chapter 6; for pairs of observations
        DeLong et al., Biometrics 44 (1988) 837.
    """
    confidence, correct = _checked(confidence, correct)
    _, of_question, count_T = np.unique(confidence, return_inverse=True, return_counts=True)
    wrong_T = np.bincount(of_question, ~correct)
    less_confident_T = np.cumsum(count_T) - count_T / 2  # a question of equal confidence counts half
    wrong_above_T = np.sum(wrong_T) - np.cumsum(wrong_T) + wrong_T / 2
    as_answer_Q = ~correct * less_confident_T[of_question] / confidence.size
    as_threshold_Q = wrong_above_T[of_question] / confidence.size
    return as_answer_Q + as_threshold_Q - np.mean(as_answer_Q)


def coverage_at_risk(
    confidence: Floats, correct: Bools, risk: float, first_half: Bools, level: float = CONFIDENCE
) -> CoverageAtRisk:
    """How many questions can be answered at a risk of at most `risk`, told by questions that did not set the threshold.

    Each half sets a threshold, the lowest at which its own risk is at most `risk`, and the other half is answered with
    it. The two halves' answers are counted together. The bound is Clopper and Pearson's, at confidence `level`.

    Args:
        first_half: which questions are the first half, by `halves_of`.

    Raises:
        ValueError: if the shapes differ, there are no questions, or risk or level is not between 0 and 1.
    """
    confidence, correct = _checked(confidence, correct)
    check_confidence(level)
    if not 0 < risk < 1:
        raise ValueError(f"risk={risk}: a share of wrong answers, above 0 and below 1")
    if first_half.shape != confidence.shape or first_half.dtype != bool:
        raise ValueError(f"first_half of shape {first_half.shape}: one boolean per question, {confidence.size} of them")
    answers_Q = np.zeros(confidence.size, dtype=bool)
    for half in (first_half, ~first_half):
        if half.any():
            answers_Q |= ~half & (confidence >= _threshold(confidence[half], correct[half], risk))
    answered, wrong = int(answers_Q.sum()), int(np.sum(answers_Q & ~correct))
    bound = float(stats.binomtest(wrong, answered, alternative="less").proportion_ci(level).high) if answered else None
    share = wrong / answered if answered else None
    return CoverageAtRisk(risk, confidence.size, answered, wrong, answered / confidence.size, share, bound, level)


def halves_of(ids: list[str]) -> Bools:
    """Which questions are the first half: every second one in the order of their ids, whatever the order given.

    An id is a hash of the question's text, so the halves are as good as random, and the same for each model.
    """
    rank_Q = np.argsort(np.argsort(np.array(ids)))
    return rank_Q % 2 == 0


def _threshold(confidence: Floats, correct: Bools, risk: float) -> float:
    """The lowest threshold with at most this risk; infinite if the most confident answers have more."""
    curve = risk_coverage(confidence, correct)
    low_enough = curve.threshold_T[curve.risk_T <= risk]
    return float(low_enough[-1]) if low_enough.size else np.inf


def _checked(confidence: Floats, correct: Bools) -> tuple[Floats, Bools]:
    confidence, correct = np.asarray(confidence, dtype=float), np.asarray(correct)
    if confidence.shape != correct.shape or confidence.ndim != 1 or not confidence.size or correct.dtype != bool:
        raise ValueError(
            f"confidence of shape {confidence.shape} and correct of shape {correct.shape} ({correct.dtype}): "
            "a number and a boolean per question are needed, and at least one question"
        )
    if np.isnan(confidence).any():
        raise ValueError("a confidence is not a number")
    return confidence, correct
