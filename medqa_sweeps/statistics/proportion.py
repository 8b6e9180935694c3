"""One proportion: its standard error and its interval."""

import math

from scipy import stats

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
    check_confidence(confidence)
    interval = stats.binomtest(correct, total).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence}: between 0 and 1, both excluded; usual is 0.95")


def _check_counts(correct: int, total: int) -> None:
    if total < 1 or not 0 <= correct <= total:
        raise ValueError(
            f"{correct} correct of {total}: needs at least one question, and from 0 to all of them correct"
        )
