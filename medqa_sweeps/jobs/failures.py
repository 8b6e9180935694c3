"""What follows a failure: another attempt at the trial, or none; and when a whole sweep had better stop."""

import re
from collections import Counter
from collections.abc import Sequence

from medqa_sweeps.errors import RETRIED, FailureKind
from medqa_sweeps.jobs.contract import JobEnded
from medqa_sweeps.trial.records import Outcome

SAME_ERROR = 3  # failures in the same words, after which nobody expects the next trial to do better


def another_attempt(failures: Sequence[FailureKind], max_attempts: int) -> bool:
    """Whether a trial is tried again after `failures`, of which the last has just happened.

    Out of memory, as often as there is something to halve: the worker gives up by itself when there is not. Killed,
    hung and failed devices, until there were `max_attempts` attempts. All others at once not.
    """
    if failures[-1] not in RETRIED:
        return False
    attempts_that_count = len(failures) - failures.count(FailureKind.OUT_OF_MEMORY)
    return failures[-1] is FailureKind.OUT_OF_MEMORY or attempts_that_count < max_attempts


class CircuitBreaker:
    """Stops a sweep that goes wrong as a whole.

    Args:
        max_failure_rate: share of all trials of the study that may fail, 0 .. 1; 0: none.
        trials: of the whole study, those still to come included.
    """

    def __init__(self, max_failure_rate: float, trials: int) -> None:
        self._allowed, self._trials, self._rate = max_failure_rate * trials, trials, max_failure_rate
        self._failed = 0
        self._messages: Counter[str] = Counter()

    def after(self, ended: JobEnded) -> str | None:
        """Why the sweep should stop after this; None: it may go on."""
        if ended.outcome is not Outcome.FAILED:
            return None
        self._failed += 1
        message = re.sub(r"[\d.e+-]+", "#", ended.message.split("\n")[0])  # numbers differ from trial to trial
        self._messages[message] += 1
        certain = ended.failure in (FailureKind.CONFIG, FailureKind.DATA)
        if self._failed > self._allowed:
            return (
                f"{self._failed} of {self._trials:,} trials failed, more than hydra.sweeper.max_failure_rate="
                f"{self._rate:g} allows. The last: {ended.message}"
            )
        if certain and self._messages[message] >= SAME_ERROR:
            return f"{SAME_ERROR} trials failed for the same reason, and the next would too: {ended.message}"
        return None
