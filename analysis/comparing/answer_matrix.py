"""Which questions a config answered correctly, under each of its seeds, checked against the scores made of them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medqa_sweeps.analysis.reading.predictions import predictions
from medqa_sweeps.analysis.reading.studies import Trial
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.trial.records import Score


@dataclass(frozen=True)
class AnswerMatrix:
    """Whether each validation question was answered correctly; or, without any, why there is nothing."""

    questions: tuple[str, ...]  # ids
    correct_SxQ: npt.NDArray[np.bool_]  # one row per seed, one column per question
    missing: str = ""

    def in_the_order_of(self, questions: tuple[str, ...]) -> "AnswerMatrix":
        """The same with their columns in another order; missing if those are other questions."""
        if self.missing or questions == self.questions:
            return self
        column_of = {question: column for column, question in enumerate(self.questions)}
        if column_of.keys() != set(questions):
            return no_answers("other questions")
        return AnswerMatrix(questions, self.correct_SxQ[:, [column_of[question] for question in questions]])


def no_answers(why: str) -> AnswerMatrix:
    return AnswerMatrix((), np.zeros((0, 0), dtype=bool), why)


def answers_of(trials: tuple[Trial, ...]) -> AnswerMatrix:
    """The answers behind the scores of completed trials, over the same questions."""
    rows = []
    for trial in trials:
        assert trial.result is not None and trial.result.score is not None
        rows.append(checked_answers(trial, trial.result.samples_seen, trial.result.score))
    aligned = [row.in_the_order_of(rows[0].questions) for row in rows]
    missing = next((row.missing for row in aligned if row.missing), "")
    if missing:
        return no_answers(missing)
    return AnswerMatrix(rows[0].questions, np.concatenate([row.correct_SxQ for row in aligned]))


def checked_answers(trial: Trial, samples_seen: int, score: Score) -> AnswerMatrix:
    """The answers at `samples_seen`, if they are those that the score was made of."""
    try:
        answered = predictions(trial, samples_seen)
    except ConfigError as error:
        return no_answers(str(error).rstrip("."))
    correct = np.array([[one.predicted == one.gold for one in answered.values()]], dtype=bool)
    if not answered:
        return no_answers("answers are not on file")
    if len(answered) != score.questions or abs(float(correct.mean()) - score.accuracy) > 1e-6:
        return no_answers(f"answers on file ({len(answered)}) are not those of the score ({score.questions})")
    return AnswerMatrix(tuple(answered), correct)
