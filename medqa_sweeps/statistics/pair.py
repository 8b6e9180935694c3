"""Two trials on the same questions: McNemar's test, Tango's interval, and a t-test of log-probabilities.

Differences are shares (0.031 is 3.1 percentage points). SciPy computes what it implements; Tango's interval and
McNemar's mid-p value, which neither SciPy 1.17 nor statsmodels 0.15 has, are computed here.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from medqa_sweeps.statistics.proportion import CONFIDENCE, check_confidence


@dataclass(frozen=True)
class PairedDifference:
    """Accuracy of the first trial minus accuracy of the second, on the same questions."""

    questions: int
    only_first: float  # questions that only the first answered correctly; over several seeds, their mean
    only_second: float
    difference: float  # share, -1 .. 1
    low: float  # limits of the difference
    high: float
    p_value: float  # of "both have the same accuracy", two-sided, without correction
    p_adjusted: float  # corrected for multiple comparisons
    confidence: float = CONFIDENCE  # of the interval; p_value is compared with 1 - confidence
    seeds: int = 1  # with which both were trained

    @property
    def significant(self) -> bool:
        """Whether the interval excludes 0, which is equivalent to the test rejecting "the same accuracy"."""
        return not self.low <= 0 <= self.high

    def reversed(self) -> "PairedDifference":
        """The second minus the first."""
        return replace(
            self,
            only_first=self.only_second,
            only_second=self.only_first,
            difference=-self.difference,
            low=-self.high,
            high=-self.low,
        )


def compare_answers(
    first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_], confidence: float = CONFIDENCE
) -> PairedDifference:
    """How much more accurate `first` is than `second`, from their answers to the same questions in the same order.

    Args:
        first: whether each question was answered correctly.
        second: the same for the other trial.

    Raises:
        ValueError: if the two are not boolean vectors of one length, there are no questions, or confidence is not in
            (0, 1).

    Source: see `compare_counts`.
    """
    first, second = np.asarray(first), np.asarray(second)
    if first.shape != second.shape or first.ndim != 1 or first.dtype != bool or second.dtype != bool:
        raise ValueError(
            f"answers of shape {first.shape} ({first.dtype}) and {second.shape} ({second.dtype}): "
            "a paired comparison needs two boolean vectors over the same questions, one entry per question"
        )
    only_first, only_second = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    return compare_counts(only_first, only_second, first.size, confidence)


def compare_counts(
    only_first: int, only_second: int, questions: int, confidence: float = CONFIDENCE
) -> PairedDifference:
    """The paired comparison of two trials, from the counts of questions that only one of them answered correctly.

    The p-value is McNemar's mid-p value. On null data its error rate is at most the level, to within 0.3% of the level;
    the exact p-value has half that rate on 100 questions. The interval is Tango's score interval. Its own test of 0,
    McNemar's z, differs from the mid-p value for a few counts; there the critical value is adjusted until both agree.

    Raises:
        ValueError: if a count is negative, the two exceed the questions, there are no questions, or confidence is not
            in (0, 1).

    Source: McNemar, Psychometrika 12 (1947) 153; the mid-p value is the recommendation of Fagerland, Lydersen & Laake,
        BMC Medical Research Methodology 13 (2013) 91; the interval is Tango's, Statistics in Medicine 17 (1998) 891,
        the recommendation of Fagerland, Lydersen & Laake, Statistics in Medicine 33 (2014) 2850.
    """
    if questions < 1 or min(only_first, only_second) < 0 or only_first + only_second > questions:
        raise ValueError(
            f"only_first={only_first}, only_second={only_second}, questions={questions}: "
            "the counts must be 0 or more, and their sum must not exceed the questions, of which there is at least one"
        )
    check_confidence(confidence)
    critical = _agreeing_critical(only_first + only_second, confidence)
    low, high = _tango_interval(only_first, only_second, questions, critical)
    p_value = float(mid_p(min(only_first, only_second), only_first + only_second))
    return PairedDifference(
        questions=questions,
        only_first=only_first,
        only_second=only_second,
        difference=(only_first - only_second) / questions,
        low=low,
        high=high,
        p_value=p_value,
        p_adjusted=p_value,
        confidence=confidence,
    )


def p_value_of_better(first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]) -> float:
    """One-sided p-value of "first is no better than second", from their scores on the same questions.

    Source: scipy.stats.ttest_rel.
    """
    if np.array_equal(first, second):
        return 1.0
    return float(stats.ttest_rel(first, second, alternative="greater").pvalue)


def mid_p(fewer: npt.NDArray[np.integer] | int, split: npt.NDArray[np.integer] | int) -> npt.NDArray[np.float64]:
    """McNemar's mid-p value: the exact p-value with half the observed outcome's weight; 1 for equal counts."""
    below, at = stats.binom.cdf(fewer, split, 0.5), stats.binom.pmf(fewer, split, 0.5)
    return np.where(np.asarray(fewer) * 2 == split, 1.0, 2 * below - at)


def _agreeing_critical(split: int, confidence: float) -> float:
    """The critical value nearest to the normal one for which McNemar's z rejects the same counts as the mid-p value."""
    critical = float(stats.norm.isf((1 - confidence) / 2))
    if not split:
        return critical
    fewer = np.arange((split + 1) // 2)
    z, step = (split - 2 * fewer) / math.sqrt(split), 2 / math.sqrt(split)  # falling, step by step
    rejected = int(np.sum(mid_p(fewer, split) < 1 - confidence))
    lowest = z[rejected] if rejected < z.size else z[-1] - step
    highest = z[rejected - 1] if rejected else math.inf
    return float(np.clip(critical, lowest + step / 100, highest - step / 100))


def _tango_interval(only_first: int, only_second: int, questions: int, critical: float) -> tuple[float, float]:
    """The range of differences, -1 .. 1, that Tango's score test does not reject at this critical value."""
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
