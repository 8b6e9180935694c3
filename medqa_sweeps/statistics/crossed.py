"""The error of a mean over a few seeds and many questions: two variances, one of which is hardly known.

With two or three seeds the variance that comes from them has few degrees of freedom. Satterthwaite's formula takes an
estimate that is too small by chance for one that is well known. At a level of 0.001, which many configs ask for, its
test is wrong in up to 0.8 % of studies with 3 degrees of freedom, and in 5 % with 1. The solution of Behrens and Fisher
averages over what the variance may be; its test is wrong no more often than its level says.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

Floats = npt.NDArray[np.floating]

_NODES = 200  # of the integral: nine digits
_TAIL = 1e-14  # of the chi-squared distribution, left out at either end


@dataclass(frozen=True)
class CrossedError:
    """How far a mean over seeds and questions, or a difference of two, may be from its true value.

    Source: Behrens 1929 and Fisher, Annals of Eugenics 6 (1935) 391. That it is conservative: Robinson, Annals of
        Statistics 4 (1976) 963. The variance from questions, of hundreds, enters with Student's t.
    """

    from_seeds: float  # variance of the mean that comes from the seeds
    freedom: float  # degrees of freedom of that variance
    from_questions: float  # variance of the mean that comes from the questions
    questions: int

    @property
    def deviation(self) -> float:
        return math.sqrt(self.from_seeds + self.from_questions)

    def p_value(self, distance: float) -> float:
        """Of "the true value is this far away", two-sided; 1 from a single question, which tells nothing of others."""
        if self.questions == 1:
            return 1.0
        if self.deviation == 0:
            return float(distance == 0)
        shares, weights = _shares(self.freedom)
        deviations = np.sqrt(self.from_seeds * shares + self.from_questions)
        return min(1.0, float(2 * weights @ stats.t.sf(abs(distance) / deviations, self.questions - 1)))

    def reach(self, confidence: float) -> float:
        """Half the interval: the distance whose p-value is 1 - confidence; infinite for a single question."""
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
    """The error of the mean of what each question has on average over the seeds.

    Args:
        of_question_Q: the mean over seeds of each question.
        noise: variance of such a mean that comes from the seeds' answers to this question alone; counted in the
            variance from questions and in that from seeds, and therefore taken out once.
        from_seeds: variance of the mean that comes from the seeds; `freedom` is its degrees of freedom.
    """
    questions = of_question_Q.size
    of_questions = float(np.var(of_question_Q, ddof=1)) / questions if questions > 1 else 0.0
    at_least_noise = max(from_seeds, noise / questions)
    return CrossedError(at_least_noise, freedom, max(0.0, of_questions - noise / questions), questions)


@cache
def _shares(freedom: float) -> tuple[Floats, Floats]:
    """What a variance of so many degrees of freedom may be, over its estimate; and how likely that is."""
    chi2 = stats.chi2(freedom)
    logs = np.linspace(math.log(chi2.ppf(_TAIL)), math.log(chi2.isf(_TAIL)), _NODES)
    weights = chi2.pdf(np.exp(logs)) * np.exp(logs)
    return freedom / np.exp(logs), weights / weights.sum()
