"""Values per question that are not yes or no: their mean and their paired difference, each with an interval.

A measure that is no mean over questions, such as a ratio, has values whose mean is the measure and whose spread is its
uncertainty (the infinitesimal jackknife: Efron, The Jackknife, the Bootstrap and Other Resampling Plans, 1982, chapter
6). So one interval and one test serve all.
"""

import math

import numpy as np
import numpy.typing as npt
from scipy import stats

from medqa_sweeps.statistics.pair import PairedDifference, compare_counts
from medqa_sweeps.statistics.proportion import CONFIDENCE, check_confidence, wilson_interval

Floats = npt.NDArray[np.floating]

_SAME = 1e-9  # differences of shares that are equal but for rounding


def compare_values(
    first: npt.ArrayLike, second: npt.ArrayLike, confidence: float = CONFIDENCE, span: float = 0.0
) -> PairedDifference:
    """How much higher the mean of `first` is than that of `second`, from values of the same questions in one order.

    The paired t-test and its interval, which may exceed what values can reach. Where all differences that are not 0
    have one size, as those of yes-or-no answers have, it is `compare_counts`, with that size as the unit: a t-test of
    few equal differences has no spread to go by, and would call three of three significant.

    Args:
        span: the largest size that a difference can have, for values that are mostly equal. Rare large differences may
            be absent from one side by chance while frequent small ones are on the other. Without their spread, a t-test
            claimed a difference in 16% of simulated studies without one. So one difference of +span and one of -span
            are added, as Bonett and Price add them to counts. 0: none is added.

    Returns:
        The difference of the means; `only_first` and `only_second` count the questions on which each has the higher
        value.

    Raises:
        ValueError: if the two are not vectors of finite numbers of one length, there are no questions, or confidence is
            not in (0, 1).

    Source: scipy.stats.ttest_1samp; Bonett & Price, Biometrical Journal 54 (2012) 479.
    """
    differences = _vector(first) - _vector(second) if np.shape(first) == np.shape(second) else np.empty(0)
    if not differences.size or not np.isfinite(differences).all():
        raise ValueError(
            f"values of shape {np.shape(first)} and {np.shape(second)}: a paired comparison needs two vectors of "
            "finite numbers over the same questions, one number per question"
        )
    check_confidence(confidence)
    above, below = int(np.sum(differences > _SAME)), int(np.sum(differences < -_SAME))
    sizes = np.abs(differences[np.abs(differences) > _SAME])
    size = float(sizes[0]) if sizes.size else span or 1.0
    if np.all(np.abs(sizes - size) <= _SAME) and size >= span - _SAME:
        return _of_one_size(above, below, differences.size, size, confidence)
    test = stats.ttest_1samp(np.append(differences, [span, -span] if span else []), 0.0)
    low, high = test.confidence_interval(confidence)
    p_value = float(test.pvalue)
    return PairedDifference(
        questions=differences.size,
        only_first=above,
        only_second=below,
        difference=float(np.mean(differences)),
        low=float(low),
        high=float(high),
        p_value=p_value,
        p_adjusted=p_value,
        confidence=confidence,
    )


def mean_interval(
    values: npt.ArrayLike, least: float, most: float, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Lower and upper limit of the mean of values, each from `least` to `most`.

    Wilson's interval if all values are `least` or `most`; the t-interval otherwise, cut to the range. Equal values have
    no spread: there the limits allow for as many other values as Wilson's interval of "all of them" does.

    Raises:
        ValueError: if there is no value, one is not finite, or confidence is not in (0, 1).
    """
    given = _vector(values)
    if not given.size or not np.isfinite(given).all():
        raise ValueError(f"values of shape {given.shape}: needs at least one, and finite numbers")
    check_confidence(confidence)
    mean = float(np.mean(given))
    at_most = int(np.sum(np.abs(given - most) <= _SAME))
    if at_most + int(np.sum(np.abs(given - least) <= _SAME)) == given.size:
        low, high = wilson_interval(at_most, given.size, confidence)
        return least + low * (most - least), least + high * (most - least)
    if np.ptp(given) <= _SAME:
        others = 1 - wilson_interval(given.size, given.size, confidence)[0]
        return mean - others * (mean - least), mean + others * (most - mean)
    reach = float(stats.t.ppf((1 + confidence) / 2, given.size - 1)) * float(stats.sem(given))
    return max(least, mean - reach), min(most, mean + reach)


def ratio_values(parts: npt.ArrayLike, wholes: npt.ArrayLike) -> Floats | None:
    """A value per question, whose mean is the sum of `parts` over the sum of `wholes`; None if that is not above 0.

    Source: the linearised ratio estimator, Cochran, Sampling Techniques (1977), section 6.3.
    """
    part_Q, whole_Q = _vector(parts), _vector(wholes)
    if not np.sum(whole_Q) > 0:
        return None
    ratio = np.sum(part_Q) / np.sum(whole_Q)
    return ratio + (part_Q - ratio * whole_Q) / np.mean(whole_Q)


def _of_one_size(above: int, below: int, questions: int, size: float, confidence: float) -> PairedDifference:
    counted = compare_counts(above, below, questions, confidence)
    return PairedDifference(
        questions=questions,
        only_first=above,
        only_second=below,
        difference=size * counted.difference,
        low=size * counted.low,
        high=size * counted.high,
        p_value=counted.p_value,
        p_adjusted=counted.p_value,
        confidence=confidence,
    )


def _vector(values: npt.ArrayLike) -> Floats:
    given = np.asarray(values, dtype=float)
    return given if given.ndim == 1 else np.full(1, math.nan)
