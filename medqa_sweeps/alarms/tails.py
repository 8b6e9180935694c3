"""Exact probabilities of counts. SciPy is imported on the first call, since every command imports this module.

`scipy.special` takes a quarter of a second to import. `scipy.stats` takes three times as long, in the process that is
about to start the next trial.
"""

from collections import Counter
from collections.abc import Sequence


def at_most(count: int, probabilities: Sequence[float]) -> float:
    """Probability of `count` or fewer successes in independent events, whose probabilities may differ.

    Source: the Poisson-binomial distribution, as a convolution of one binomial per distinct probability.
    """
    import numpy as np
    from scipy.special import bdtr

    distribution = np.ones(1)
    for probability, events in Counter(probabilities).items():
        binomial = np.diff(bdtr(np.arange(events + 1), events, probability), prepend=0)
        distribution = np.convolve(distribution, binomial)
    return float(distribution[: count + 1].sum())


def at_least(count: int, probabilities: Sequence[float]) -> float:
    """Probability of `count` or more successes."""
    return 1 - at_most(count - 1, probabilities) if count > 0 else 1.0


def sign_test(more: int, fewer: int) -> float:
    """One-sided p-value of "the first is no better", by McNemar's exact test.

    Args:
        more: questions that only the first answered correctly.
        fewer: questions that only the second answered correctly.
    """
    from scipy.special import bdtrc

    return float(bdtrc(more - 1, more + fewer, 0.5))
