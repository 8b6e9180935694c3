"""The error of a mean over a few seeds and many questions: two variances, one of them with few degrees of freedom.

The variance between two or three seeds has few degrees of freedom. Satterthwaite's formula treats an estimate that is
too small by chance as well known. At a level of 0.001, as for many configs, its test is wrong in up to 0.8% of studies
with 3 degrees of freedom, and in 5% with 1. The Behrens-Fisher solution averages over the possible variances; its error
rate does not exceed the level.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

Floats = npt.NDArray[np.floating]

_NODES = 200  # of the numerical integral; nine correct digits
_TAIL = 1e-14  # probability of the chi-squared distribution that is cut off at each end


@dataclass(frozen=True)
class CrossedError:
    """The error of a mean over seeds and questions, or of a difference of two such means.

    Source: Behrens 1929 and Fisher, Annals of Eugenics 6 (1935) 391; proof that it is conservative: Robinson, Annals of
        Statistics 4 (1976) 963. The variance from questions, of which there are hundreds, enters with Student's t.
    """

    from_seeds: float  # variance of the mean due to seeds
    freedom: float  # degrees of freedom of that variance
    from_questions: float  # variance of the mean due to questions
    questions: int

    @property
    def deviation(self) -> float:
        return math.sqrt(self.from_seeds + self.from_questions)

    def p_value(self, distance: float) -> float:
        """Two-sided p-value of "the true value is this far away"; 1 for a single question, which has no variance."""
        if self.questions == 1:
            return 1.0
        if self.deviation == 0:
            return float(distance == 0)
        shares, weights = _shares(self.freedom)
        deviations = np.sqrt(self.from_seeds * shares + self.from_questions)
        return min(1.0, float(2 * weights @ stats.t.sf(abs(distance) / deviations, self.questions - 1)))

    def reach(self, confidence: float) -> float:
        """Half the width of the interval: the distance with p-value 1 - confidence; infinite for a single question."""
        if self.questions == 1:
            return math.inf
        if self.deviation == 0:
            return 0.0
        far = self.deviation
        while self.p_value(far) > 1 - confidence:
            far *= 2
        level = 1 - confidence
        return float(optimize.brentq(lambda distance: self.p_value(distance) - level, 0, far, rtol=1e-10))


def crossed_error(of_question_Q: Floats, noise: float, from_seeds: float, freedom: float) -> CrossedError:
    """The error of the mean over questions of the mean over seeds.

    Args:
        of_question_Q: the mean over seeds for each question.
        noise: variance of such a mean due to single answers; it is part of both the variance from questions and that
            from seeds, and is therefore subtracted once.
        from_seeds: variance of the mean due to seeds; `freedom` is its degrees of freedom.
    """
    questions = of_question_Q.size
    of_questions = float(np.var(of_question_Q, ddof=1)) / questions if questions > 1 else 0.0
    at_least_noise = max(from_seeds, noise / questions)
    return CrossedError(at_least_noise, freedom, max(0.0, of_questions - noise / questions), questions)


@cache
def _shares(freedom: float) -> tuple[Floats, Floats]:
    """Possible values of the true variance relative to its estimate, and their probabilities."""
    chi2 = stats.chi2(freedom)
    logs = np.linspace(math.log(chi2.ppf(_TAIL)), math.log(chi2.isf(_TAIL)), _NODES)
    weights = chi2.pdf(np.exp(logs)) * np.exp(logs)
    return freedom / np.exp(logs), weights / weights.sum()
