"""Configs trained with several seeds: both seeds and questions are random samples.

An interval over questions alone ignores the variance between seeds; one over seeds alone ignores the variance between
questions. Two or three seeds estimate their variance poorly, so it is pooled over all configs of a study. (Estimated
from each config alone, with the degrees of freedom of Hillis, Statistics in Medicine 26 (2007) 596, intervals of two
seeds contained the true value in 87% of simulated studies instead of 95%.)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from medqa_sweeps.statistics.crossed import CrossedError, crossed_error
from medqa_sweeps.statistics.pair import PairedDifference, compare_answers
from medqa_sweeps.statistics.proportion import CONFIDENCE, check_confidence, standard_error, wilson_interval

Bools = npt.NDArray[np.bool_]

_FEWEST = 3  # minimum degrees of freedom for a paired variance; with two, t at level 0.05 is 4.3


@dataclass(frozen=True)
class SeedSpread:
    """The variance of a config's accuracy between seeds, pooled over configs."""

    variance: float  # of the accuracy
    freedom: float  # degrees of freedom of that variance
    paired_variance: (
        float  # without the common effect of a seed on all configs; with it, if fewer than 3 degrees of freedom
    )
    paired_freedom: float

    @property
    def deviation(self) -> float:
        """Standard deviation of the accuracy between seeds, a share."""
        return float(np.sqrt(self.variance))


@dataclass(frozen=True)
class Estimate:
    """The accuracy of a config, with its interval."""

    accuracy: float  # share, mean over seeds and questions
    low: float
    high: float
    questions: int
    seeds: int = 1


def seed_spread(accuracies: Sequence[Mapping[int, float]]) -> SeedSpread | None:
    """The variance between seeds; None if no config has two seeds.

    Args:
        accuracies: for each config, its accuracies by seed.

    Source: the residual mean squares of the one-way (config) and the two-way (config and seed) analysis of variance.
    """
    replicated = [by_seed for by_seed in accuracies if len(by_seed) > 1]
    if not replicated:
        return None
    config = np.repeat(np.arange(len(replicated)), [len(by_seed) for by_seed in replicated])
    seeds, seed = np.unique([seed for by_seed in replicated for seed in by_seed], return_inverse=True)
    value = np.array([accuracy for by_seed in replicated for accuracy in by_seed.values()])
    within = _without_means(value, config)
    freedom = value.size - len(replicated)
    variance = float(np.sum(within**2)) / freedom
    paired_freedom = freedom - (len(seeds) - 1)
    if len(replicated) == 1 or paired_freedom < _FEWEST:
        return SeedSpread(variance, freedom, variance, freedom)
    rest = within
    for _ in range(
        50
    ):  # one iteration suffices if every config has every seed; otherwise it converges to least squares
        rest = _without_means(_without_means(rest, seed), config)
    return SeedSpread(variance, freedom, float(np.sum(rest**2)) / paired_freedom, paired_freedom)


def estimate(correct: Bools, spread: SeedSpread | None = None, confidence: float = CONFIDENCE) -> Estimate:
    """The mean accuracy over seeds and questions with its interval; for one seed, Wilson's interval.

    Args:
        correct: whether each question was answered correctly, [S, Q]; a vector means one seed.
        spread: between the seeds of the study; None: estimated from these seeds alone.

    Raises:
        ValueError: if there is no question or no seed.
    """
    correct_SxQ = np.atleast_2d(correct)
    seeds, questions = correct_SxQ.shape
    if not correct_SxQ.size:
        raise ValueError(f"answers of shape {correct_SxQ.shape}: needs at least one seed and one question")
    if seeds == 1:
        count = int(correct_SxQ.sum())
        low, high = wilson_interval(count, questions, confidence)
        return Estimate(count / questions, low, high, questions)
    known = spread or seed_spread([dict(enumerate(correct_SxQ.mean(axis=1)))])
    assert known is not None
    mean = float(correct_SxQ.mean())
    noise = answer_noise(correct_SxQ) / seeds
    error = crossed_error(correct_SxQ.mean(axis=0), noise, known.variance / seeds, known.freedom)
    reach = error.reach(confidence)
    return Estimate(mean, max(0.0, mean - reach), min(1.0, mean + reach), questions, seeds)


def estimate_from_accuracies(
    accuracies: Sequence[float], questions: int, spread: SeedSpread | None, confidence: float = CONFIDENCE
) -> Estimate:
    """The same from accuracies only: wider, since the correlation of seeds on the same questions is unknown."""
    seeds, mean = len(accuracies), float(np.mean(accuracies))
    if seeds == 1 or spread is None:
        return Estimate(mean, *wilson_interval(round(mean * questions), questions, confidence), questions, seeds)
    from_questions = standard_error(round(mean * questions), questions) ** 2
    reach = CrossedError(spread.variance / seeds, spread.freedom, from_questions, questions).reach(confidence)
    return Estimate(mean, max(0.0, mean - reach), min(1.0, mean + reach), questions, seeds)


def compare_replicates(
    first: Bools,
    second: Bools,
    spread: SeedSpread | None = None,
    same_seeds: bool = True,
    confidence: float = CONFIDENCE,
) -> PairedDifference:
    """How much more accurate `first` is on the same questions, generalised to other seeds and other questions.

    For one seed each and no spread it is `compare_answers`, which is valid for these two trials only.

    Args:
        first: whether each question was answered correctly, [S, Q], one row per seed.
        second: the same for the other config; it may have another number of seeds.
        spread: between the seeds of the study; None: estimated from these two alone.
        same_seeds: whether the common effect of a seed on all configs cancels in the difference.

    Raises:
        ValueError: if the numbers of questions differ or there are no answers.

    Source: a two-way random-effects analysis (seeds and questions), as Dorfman, Berbaum & Metz, Investigative
        Radiology 27 (1992) 723, for readers and cases; the p-value and the interval are those of `CrossedError`.
    """
    first_SxQ, second_SxQ = _over_the_same_questions(first, second)
    seeds, others = len(first_SxQ), len(second_SxQ)
    if spread is None and seeds == others == 1:
        return compare_answers(first_SxQ[0], second_SxQ[0], confidence)
    known = spread or seed_spread([dict(enumerate(rows.mean(axis=1))) for rows in (first_SxQ, second_SxQ)])
    assert known is not None
    variance, freedom = (
        (known.paired_variance, known.paired_freedom)
        if same_seeds and seeds == others
        else (known.variance, known.freedom)
    )  # fmt: skip
    return _compared(first_SxQ, second_SxQ, variance * (1 / seeds + 1 / others), freedom, confidence)


def compare_with_untuned(
    config: Bools, untuned: Bools, spread: SeedSpread | None = None, confidence: float = CONFIDENCE
) -> PairedDifference:
    """How much more accurate a config is than an untuned model, which has no seed, on the same questions.

    Args:
        config: whether each question was answered correctly, [S, Q], one row per seed.
        untuned: the same for the untuned model, [Q] or [1, Q].
        spread: between the seeds of the study; None: estimated from this config alone.

    Raises:
        ValueError: if the numbers of questions differ, there are no answers, or `untuned` has several rows.
    """
    config_SxQ, untuned_1xQ = _over_the_same_questions(config, untuned)
    if len(untuned_1xQ) > 1:
        raise ValueError(f"answers of shape {untuned_1xQ.shape}: an untuned model has one row, since it has no seed")
    if spread is None and len(config_SxQ) == 1:
        return compare_answers(config_SxQ[0], untuned_1xQ[0], confidence)
    known = spread or seed_spread([dict(enumerate(config_SxQ.mean(axis=1)))])
    assert known is not None
    paired = _compared(config_SxQ, untuned_1xQ, known.variance / len(config_SxQ), known.freedom, confidence)
    return replace(paired, seeds=len(config_SxQ))


def _over_the_same_questions(first: Bools, second: Bools) -> tuple[Bools, Bools]:
    first_SxQ, second_SxQ = np.atleast_2d(first), np.atleast_2d(second)
    if first_SxQ.shape[1] != second_SxQ.shape[1] or not first_SxQ.size or not second_SxQ.size:
        raise ValueError(
            f"answers of shape {first_SxQ.shape} and {second_SxQ.shape}: a paired comparison needs the same questions, "
            "and at least one of them"
        )
    return first_SxQ, second_SxQ


def _compared(
    first_SxQ: Bools, second_SxQ: Bools, from_seeds: float, freedom: float, confidence: float
) -> PairedDifference:
    """The paired difference, given its variance due to seeds and the degrees of freedom of that variance."""
    check_confidence(confidence)
    first_Q, second_Q = first_SxQ.mean(axis=0), second_SxQ.mean(axis=0)
    difference = float(np.mean(first_Q - second_Q))
    noise = sum(answer_noise(rows) / len(rows) for rows in (first_SxQ, second_SxQ))
    error = crossed_error(first_Q - second_Q, noise, from_seeds, freedom)
    p_value, reach = error.p_value(difference), error.reach(confidence)
    return PairedDifference(
        questions=first_Q.size,
        only_first=float(np.sum(first_Q * (1 - second_Q))),
        only_second=float(np.sum(second_Q * (1 - first_Q))),
        difference=difference,
        low=max(-1.0, difference - reach),
        high=min(1.0, difference + reach),
        p_value=p_value,
        p_adjusted=p_value,
        confidence=confidence,
        seeds=min(len(first_SxQ), len(second_SxQ)),
    )


def answer_noise(correct_SxQ: Bools) -> float:
    """Variance of an answer that neither its seed nor its question explains; 0 for one seed, which is conservative."""
    seeds, questions = correct_SxQ.shape
    if seeds < 2 or questions < 2:
        return 0.0
    rest = correct_SxQ - correct_SxQ.mean(axis=1, keepdims=True) - correct_SxQ.mean(axis=0) + correct_SxQ.mean()
    return float(np.sum(rest**2)) / ((seeds - 1) * (questions - 1))


def _without_means(value: npt.NDArray[np.floating], group: npt.NDArray[np.integer]) -> npt.NDArray[np.floating]:
    return value - (np.bincount(group, value) / np.bincount(group))[group]
