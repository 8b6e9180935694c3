"""Exact probabilities of counts. SciPy is read on the first call, not with the module: every command imports that.

From `scipy.special`, a quarter of a second; `scipy.stats` takes three times as long, in the process that is about to
start the next trial.
"""

from collections import Counter
from collections.abc import Sequence


def at_most(count: int, probabilities: Sequence[float]) -> float:
    """Probability that `count` or fewer of independent events happen, whose probabilities may differ.

    Source: the Poisson-binomial distribution, as the convolution of one binomial per distinct probability.
    """
    import numpy as np
    from scipy.special import bdtr

    distribution = np.ones(1)
    for probability, events in Counter(probabilities).items():
        binomial = np.diff(bdtr(np.arange(events + 1), events, probability), prepend=0)
        distribution = np.convolve(distribution, binomial)
    return float(distribution[: count + 1].sum())


def at_least(count: int, probabilities: Sequence[float]) -> float:
    """Probability that `count` or more of independent events happen."""
    return 1 - at_most(count - 1, probabilities) if count > 0 else 1.0


def sign_test(more: int, fewer: int) -> float:
    """One-sided p-value of "no better", McNemar's exact one.

    Args:
        more: questions that only the one answered correctly.
        fewer: questions that only the other answered correctly.
    """
    from scipy.special import bdtrc

    return float(bdtrc(more - 1, more + fewer, 0.5))
