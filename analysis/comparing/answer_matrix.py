"""What trials answered, question by question, checked against the scores that were made of it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.reading.studies import Trial, answers
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.trial.records import Score


@dataclass(frozen=True)
class Answers:
    """Whether each validation question was answered correctly; or, without any, why there is nothing."""

    questions: tuple[str, ...]  # ids
    correct_SxQ: npt.NDArray[np.bool_]  # a row a seed, a column a question
    missing: str = ""

    def in_the_order_of(self, questions: tuple[str, ...]) -> "Answers":
        """The same with their columns in another order; missing if those are other questions."""
        if self.missing or questions == self.questions:
            return self
        place = {question: column for column, question in enumerate(self.questions)}
        if place.keys() != set(questions):
            return nothing("other questions")
        return Answers(questions, self.correct_SxQ[:, [place[question] for question in questions]])


def nothing(why: str) -> Answers:
    return Answers((), np.zeros((0, 0), dtype=bool), why)


def answers_of(trials: tuple[Trial, ...]) -> Answers:
    """The answers behind the scores of completed trials, over the same questions."""
    rows = []
    for trial in trials:
        assert trial.result is not None and trial.result.score is not None
        rows.append(checked_answers(trial, trial.result.samples_seen, trial.result.score))
    aligned = [row.in_the_order_of(rows[0].questions) for row in rows]
    missing = next((row.missing for row in aligned if row.missing), "")
    if missing:
        return nothing(missing)
    return Answers(rows[0].questions, np.concatenate([row.correct_SxQ for row in aligned]))


def checked_answers(trial: Trial, samples_seen: int, score: Score) -> Answers:
    """The answers at `samples_seen`, if they are those that the score was made of."""
    try:
        correct = answers(trial, samples_seen)
    except ConfigError as error:
        return nothing(str(error).rstrip("."))
    if not correct:
        return nothing("answers are not on file")
    if len(correct) != score.questions or abs(sum(correct.values()) / len(correct) - score.accuracy) > 1e-6:
        return nothing(f"answers on file ({len(correct)}) are not those of the score ({score.questions})")
    return Answers(tuple(correct), np.array([list(correct.values())], dtype=bool))
