"""Calibration: whether a model's probabilities agree with its accuracy."""

import numpy as np
import numpy.typing as npt


def calibration_error(confidence: npt.NDArray[np.floating], correct: npt.NDArray[np.bool_], bins: int) -> float:
    """Expected calibration error, a share from 0 (mean confidence equals accuracy in every bin) to 1.

    Sum over equal-width bins ((m - 1) / bins, m / bins] of (share of the questions) |accuracy - mean confidence|.

    Args:
        confidence: probability of the predicted letter, one per question, 0 .. 1.
        correct: whether that letter is the gold letter.
        bins: number of bins, 1 or more.

    Raises:
        ValueError: if shapes differ, there are no questions, bins is below 1, or a confidence is not from 0 to 1.

    Source: Guo et al. 2017 (arXiv:1706.04599), equation 3.
    """
    confidence, correct = np.asarray(confidence, dtype=float), np.asarray(correct)
    if confidence.shape != correct.shape or confidence.ndim != 1 or not confidence.size:
        raise ValueError(
            f"confidence of shape {confidence.shape} and correct of shape {correct.shape}: "
            "both must be vectors with one entry per question, and at least one question"
        )
    if bins < 1:
        raise ValueError(f"bins={bins}: must be 1 or more")
    if not np.all((confidence >= 0) & (confidence <= 1)):
        raise ValueError("a confidence is not a probability from 0 to 1; were log-probabilities given?")
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    surplus = np.bincount(bin_of, weights=confidence - correct.astype(float), minlength=bins)
    return float(np.sum(np.abs(surplus)) / confidence.size)
