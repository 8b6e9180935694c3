"""Shows in a trial's folder what it does now, and estimates how long it still takes."""

import time
from dataclasses import dataclass

from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.phase import Phase, PhaseName

_SECONDS_BETWEEN_WRITES = 1.0  # of progress within a phase; a write takes 0.1 ms
_WARM_UP_STEPS = 3  # of an attempt, which compile and are slow: not timed
_FEWEST_STEPS, _FEWEST_SECONDS = 10, 15.0  # timed before anything is estimated: either is enough
_KEPT_PER_STEP = 0.98  # of the weight of earlier steps: the pace is that of about the last 50
_QUESTION_PER_SAMPLE = 1 / 3  # a forward pass beside forward, backward and recomputation, until an evaluation is timed


class Phases:
    """What one attempt shows of itself."""

    def __init__(self, trial: TrialDir) -> None:
        self._trial = trial
        self._written_at = 0.0

    def enter(self, name: PhaseName) -> None:
        """Begin a phase that is not counted."""
        self.show(Phase(name))

    def show(self, phase: Phase) -> None:
        self._trial.show_phase(phase)
        self._written_at = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether progress is to be shown again."""
        return time.monotonic() - self._written_at >= _SECONDS_BETWEEN_WRITES


@dataclass
class Pace:
    """How long a trial takes, from the steps and the answers of it that were timed.

    Early stopping may end it sooner.
    """

    steps: int  # of the whole training
    evaluations: int  # of the whole training, without the untuned base
    questions: int  # of an evaluation
    samples_per_step: int
    assessed: int = 0  # edited questions after the training
    setup_seconds: float = 0.0  # before the first step
    _steps_done: int = 0  # of this attempt
    _step_seconds: float = 0.0
    _timed_steps: float = 0.0
    _answer_seconds: float = 0.0
    _timed_answers: int = 0

    def stepped(self, seconds: float) -> None:
        """A step was done, without what followed it."""
        self._steps_done += 1
        if self._steps_done <= _WARM_UP_STEPS:
            return
        self._step_seconds = _KEPT_PER_STEP * self._step_seconds + seconds
        self._timed_steps = _KEPT_PER_STEP * self._timed_steps + 1

    def answered(self, questions: int, seconds: float) -> None:
        self._answer_seconds += seconds
        self._timed_answers += questions

    def seconds_for(self, steps: int, questions: int) -> float | None:
        """That so many steps and answers take; None while too few steps were timed."""
        if self._steps_done < _WARM_UP_STEPS + _FEWEST_STEPS and self._step_seconds < _FEWEST_SECONDS:
            return None
        step = self._step_seconds / self._timed_steps
        question = step / self.samples_per_step * _QUESTION_PER_SAMPLE
        if self._timed_answers:
            question = self._answer_seconds / self._timed_answers
        return steps * step + questions * question

    @property
    def seconds_in_all(self) -> float | None:
        """That the trial takes from its beginning; None while too few steps were timed."""
        training = self.seconds_for(self.steps, self.evaluations * self.questions + self.assessed)
        return None if training is None else self.setup_seconds + training
