"""Learner and model on the same questions."""

from collections.abc import Sequence
from dataclasses import dataclass

from medqa_sweeps.quiz.exercise import Exercise
from medqa_sweeps.wording import step_name

ALL, NO_STEP = "all", "no step"


@dataclass(frozen=True)
class Answer:
    """What the learner answered to an exercise."""

    exercise: Exercise
    chosen: str | None  # letter; None: "I don't know", which counts as wrong

    @property
    def correct(self) -> bool:
        return self.chosen == self.exercise.gold

    @property
    def model_correct(self) -> bool:
        """False also where the model wrote no letter."""
        return self.exercise.model is not None and self.exercise.model.predicted == self.exercise.gold


@dataclass(frozen=True)
class Tally:
    """Counts over the answers of a group."""

    questions: int
    both: int  # right
    only_learner: int
    only_model: int
    neither: int

    @property
    def learner(self) -> int:
        return self.both + self.only_learner

    @property
    def model(self) -> int:
        return self.both + self.only_model


def tally(answers: Sequence[Answer]) -> Tally:
    pairs = [(answer.correct, answer.model_correct) for answer in answers]
    cells = (pairs.count(cell) for cell in ((True, True), (True, False), (False, True), (False, False)))
    return Tally(len(pairs), *cells)


def by_step(answers: Sequence[Answer]) -> dict[str, Tally]:
    """`all`, then each exam step in its order; only `all` if no question has a step."""
    groups: dict[str, list[Answer]] = {}
    for answer in answers:
        groups.setdefault(step_name(answer.exercise.question.step or NO_STEP), []).append(answer)
    steps = {} if set(groups) <= {NO_STEP} else {step: tally(groups[step]) for step in sorted(groups, key=_step_order)}
    return {ALL: tally(answers), **steps}


def _step_order(step: str) -> tuple[bool, str]:
    return step == NO_STEP, step
