"""How sure a score is: intervals, a paired comparison of two trials, calibration.

Shared by evaluation, the pruner and `analysis/`. Proportions and differences are shares (0.031 is 3.1 percentage
points). SciPy does the arithmetic where it has the method; only Tango's interval, which neither SciPy 1.17 nor
statsmodels 0.15 offers, is solved here.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

CONFIDENCE = 0.95


def standard_error(correct: int, total: int) -> float:
    """Standard error of the share `correct / total`: sqrt(p (1 - p) / n), a share.

    It is 0 when all or none are correct; `wilson_interval` stays honest there.

    Raises:
        ValueError: if there are no questions, or more correct answers than questions.

    Source: lm-evaluation-harness reports the same with n - 1 for n, at 1,272 questions 0.04 % more.
    """
    _check_counts(correct, total)
    share = correct / total
    return math.sqrt(share * (1 - share) / total)


def wilson_interval(correct: int, total: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Lower and upper limit of the share `correct / total`, each from 0 to 1.

    Args:
        confidence: how often such intervals hold the true share, between 0 and 1.

    Raises:
        ValueError: if there are no questions, more correct answers than questions, or confidence is not in (0, 1).

    Source: Wilson, JASA 22 (1927) 209; scipy.stats.binomtest(...).proportion_ci("wilson").
    """
    _check_counts(correct, total)
    _check_confidence(confidence)
    interval = stats.binomtest(correct, total).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


@dataclass(frozen=True)
class PairedDifference:
    """Accuracy of the first minus accuracy of the second, on the same questions."""

    questions: int
    only_first: int  # questions that only the first answered correctly
    only_second: int
    difference: float  # share, -1 .. 1
    low: float  # limits of the difference
    high: float
    p_value: float  # of "both have the same accuracy", two-sided
    confidence: float = CONFIDENCE  # of the interval; 1 - confidence is the level of the test

    @property
    def cannot_be_told_apart(self) -> bool:
        """Whether the test keeps "the same accuracy", or the interval holds 0.

        Both must speak before a difference is claimed: the exact test keeps the rate of false claims at or below
        1 - confidence, and nobody is shown a claim beside an interval that contradicts it.
        """
        return self.p_value >= 1 - self.confidence or self.low <= 0 <= self.high


def compare_answers(
    first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_], confidence: float = CONFIDENCE
) -> PairedDifference:
    """How much more accurate `first` is than `second`, from their answers to the same questions in the same order.

    Args:
        first: whether each question was answered correctly.
        second: the same of the other trial.

    Raises:
        ValueError: if the two are not boolean vectors of one length, there are no questions, or confidence is not in
            (0, 1).

    Source: see `compare_counts`.
    """
    first, second = np.asarray(first), np.asarray(second)
    if first.shape != second.shape or first.ndim != 1 or first.dtype != bool or second.dtype != bool:
        raise ValueError(
            f"answers of shape {first.shape} ({first.dtype}) and {second.shape} ({second.dtype}): "
            "a paired comparison needs two boolean vectors, one entry a question, over the same questions"
        )
    only_first, only_second = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    return compare_counts(only_first, only_second, first.size, confidence)


def compare_counts(
    only_first: int, only_second: int, questions: int, confidence: float = CONFIDENCE
) -> PairedDifference:
    """The paired comparison of two trials, from how often just one of them was right.

    The p-value is McNemar's exact one, the sign test on the questions that split the two; on null data it falls below
    a level at most that often. The interval is Tango's score interval, recommended beside Newcombe's method 10 for
    paired proportions; unlike that one its test of 0 is McNemar's, so the two disagree only in a narrow band.

    Raises:
        ValueError: if a count is negative, the two exceed the questions, there are no questions, or confidence is not
            in (0, 1).

    Source: McNemar, Psychometrika 12 (1947) 153; Tango, Statistics in Medicine 17 (1998) 891; the recommendation is
        Fagerland, Lydersen & Laake, Statistics in Medicine 33 (2014) 2850.
    """
    if questions < 1 or min(only_first, only_second) < 0 or only_first + only_second > questions:
        raise ValueError(
            f"only_first={only_first}, only_second={only_second}, questions={questions}: "
            "counts from 0 up, that together do not exceed the questions, of which there is at least one"
        )
    _check_confidence(confidence)
    split = only_first + only_second
    low, high = _tango_interval(only_first, only_second, questions, confidence)
    return PairedDifference(
        questions=questions,
        only_first=only_first,
        only_second=only_second,
        difference=(only_first - only_second) / questions,
        low=low,
        high=high,
        p_value=float(stats.binomtest(only_first, split).pvalue) if split else 1.0,
        confidence=confidence,
    )


def calibration_error(confidence: npt.NDArray[np.floating], correct: npt.NDArray[np.bool_], bins: int) -> float:
    """Expected calibration error, a share from 0 (confidence is right on average everywhere) to 1.

    Sum over equal-width bins ((m - 1) / bins, m / bins] of (share of the questions) |accuracy - mean confidence|.

    Args:
        confidence: probability of the chosen letter, one a question, 0 .. 1.
        correct: whether that letter is the gold one.
        bins: number of bins, 1 or more.

    Raises:
        ValueError: if shapes differ, there are no questions, bins is below 1, or a confidence is not from 0 to 1.

    Source: Guo et al. 2017 (arXiv:1706.04599), equation 3.
    """
    confidence, correct = np.asarray(confidence, dtype=float), np.asarray(correct)
    if confidence.shape != correct.shape or confidence.ndim != 1 or not confidence.size:
        raise ValueError(
            f"confidence of shape {confidence.shape} and correct of shape {correct.shape}: "
            "both are vectors with one entry a question, and there is at least one question"
        )
    if bins < 1:
        raise ValueError(f"bins={bins}: 1 or more")
    if not np.all((confidence >= 0) & (confidence <= 1)):
        raise ValueError("a confidence is not a probability from 0 to 1; were log-probabilities given?")
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    surplus = np.bincount(bin_of, weights=confidence - correct.astype(float), minlength=bins)
    return float(np.sum(np.abs(surplus)) / confidence.size)


def _tango_interval(only_first: int, only_second: int, questions: int, confidence: float) -> tuple[float, float]:
    """The differences that Tango's score test keeps at this confidence, -1 .. 1."""
    critical = float(stats.norm.ppf((1 + confidence) / 2))
    estimate = (only_first - only_second) / questions

    def limit(sign: int) -> float:
        # The score falls from +inf near -1 to -inf near +1 and is 0 at the estimate, so each limit is bracketed.
        edge = sign * (1 - 1e-12)
        if sign * estimate >= 1 - 1e-12:
            return float(sign)
        return float(
            optimize.brentq(
                lambda delta: _tango_score(delta, only_first, only_second, questions) + sign * critical,
                *sorted((estimate, edge)),
                xtol=1e-12,
            )
        )

    return limit(-1), limit(+1)


def _tango_score(delta: float, only_first: int, only_second: int, questions: int) -> float:
    """Tango's (1998) z of "the true difference is delta"; -1 < delta < 1.

    (b - c - n delta) / sqrt(n (2 q + delta (1 - delta))), q being the likeliest probability of `only_second` (c) under
    that difference, the root of 2n q^2 + (2n delta - b - c - (b - c) delta) q - c delta (1 - delta) = 0.
    """
    b, c, n = only_first, only_second, questions
    linear = (2 * n - b + c) * delta - b - c
    discriminant = linear**2 + 8 * n * c * delta * (1 - delta)
    likeliest = (math.sqrt(max(discriminant, 0.0)) - linear) / (4 * n)
    variance = n * (2 * likeliest + delta * (1 - delta))
    surplus = b - c - n * delta
    return surplus / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, surplus) if surplus else 0.0


def _check_counts(correct: int, total: int) -> None:
    if total < 1 or not 0 <= correct <= total:
        raise ValueError(
            f"{correct} correct of {total}: needs at least one question, and from 0 to all of them correct"
        )


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence}: between 0 and 1, both excluded; usual is 0.95")
