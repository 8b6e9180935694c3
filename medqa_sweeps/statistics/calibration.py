"""Calibration: whether a model's probabilities agree with its accuracy. The Brier score, also of their sharpness."""

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
    bin_of, surplus_Q = _binned(confidence, correct, bins)
    # Summed by bin, as in every result so far: another order of the sum would change the last bits of `result.json`.
    surplus = np.bincount(bin_of, weights=surplus_Q, minlength=bins)
    return float(np.sum(np.abs(surplus)) / surplus_Q.size)


def calibration_values(
    confidence: npt.NDArray[np.floating], correct: npt.NDArray[np.bool_], bins: int
) -> npt.NDArray[np.float64]:
    """A value per question, whose mean is the expected calibration error; arguments and errors are the same.

    It is confidence minus 0 or 1, with the sign of its bin's surplus. Their spread is that of the error only where the
    surplus of each bin is larger than its noise; near 0 the error is too high on average, and their spread too large.
    """
    bin_of, surplus_Q = _binned(confidence, correct, bins)
    return np.sign(np.bincount(bin_of, weights=surplus_Q, minlength=bins))[bin_of] * surplus_Q


def _binned(
    confidence: npt.NDArray[np.floating], correct: npt.NDArray[np.bool_], bins: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """For each question its bin, and confidence minus 1 if it is correct."""
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
    return bin_of, confidence - correct.astype(float)


def brier_score(probabilities_QxN: npt.NDArray[np.floating], gold_Q: npt.NDArray[np.integer]) -> float:
    """Multi-class Brier score, 0 (sure and correct) to 2 (sure and wrong): mean over questions of the squared distance.

    Sum over the options of (probability - 1 if it is the correct one, else - 0) squared. Guessing among four: 0.75.

    Args:
        probabilities_QxN: of the options; 0 where a question has fewer than N.
        gold_Q: index of the correct option.

    Raises:
        ValueError: if there are no questions, the shapes do not fit, an index is not from 0 to N - 1, or the
            probabilities of a question are negative or do not sum to 1.

    Source: Brier, Monthly Weather Review 78 (1950) 1.
    """
    given, gold = np.asarray(probabilities_QxN, dtype=float), np.asarray(gold_Q)
    if given.ndim != 2 or not given.size or gold.shape != given.shape[:1]:
        raise ValueError(f"probabilities of shape {given.shape}, correct options of shape {gold.shape}: [Q, N] and [Q]")
    if not np.all((gold >= 0) & (gold < given.shape[1])):
        raise ValueError(f"the index of a correct option is not from 0 to {given.shape[1] - 1}")
    if not (np.all(given >= 0) and np.allclose(given.sum(axis=1), 1, atol=1e-6)):
        raise ValueError("the probabilities of a question are negative or do not sum to 1; were logarithms given?")
    return float(np.mean(np.sum((given - np.eye(given.shape[1])[gold]) ** 2, axis=1)))
