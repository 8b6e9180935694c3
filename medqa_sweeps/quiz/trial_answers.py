"""The validation questions of a trial with its answers, from the trial's records."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from medqa_sweeps.alarms import alarms_of
from medqa_sweeps.command_line import short_path
from medqa_sweeps.config import DataConfig
from medqa_sweeps.data import Part, Question, read_questions
from medqa_sweeps.errors import ConfigError, DataError
from medqa_sweeps.quiz.confidence import ModelRecord, record_of
from medqa_sweeps.quiz.exercise import Exercise, ExerciseSet, askable
from medqa_sweeps.study.find import is_study
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import Prediction

CHANGED = "with another right answer in the data than when the trial ran"


def validation_exercises(trial: TrialDir) -> ExerciseSet:
    """The validation questions of the trial's last evaluation, each with its answer.

    Raises:
        ConfigError: if the trial has no predictions.
        DataError: if the questions cannot be read, or none of them is there any more.
    """
    predictions = last_predictions(trial)
    if not predictions:
        raise ConfigError(
            f"{short_path(trial.path)} has no answers to validation questions yet: an interrupted trial gives them "
            "once `resume` has finished it. Name another trial, or a FILE of questions alone."
        )
    data = trial.config().data
    found = _questions(data, predictions)
    kept, left_out = askable(found)
    exercises = [Exercise(question, predictions[question.id]) for question in kept]
    same = [one for one in exercises if one.model is not None and one.model.gold == one.gold]
    left_out += Counter({CHANGED: len(exercises) - len(same)})
    if not same:
        raise DataError(
            f"The {len(predictions):,} validation questions of {short_path(trial.path)} are not in its data any more. "
            "Bring the files back, or name a FILE."
        )
    return ExerciseSet(
        name=name_of(trial),
        noun="validation question",
        exercises=same,
        left_out=+left_out,
        record=record_of(predictions.values()),
        synthetic_questions=data.synthetic,
        synthetic_model=data.synthetic,
        alarms=alarms_of_trial(trial),
    )


def record_of_trial(trial: TrialDir) -> ModelRecord | None:
    """From its last predictions; from its score, if those are gone; None: it was never scored."""
    if predictions := last_predictions(trial):
        return record_of(predictions.values())
    result = trial.result()
    score = result.score if result is not None else None
    return ModelRecord(round(score.accuracy * score.questions), score.questions) if score else None


def alarms_of_trial(trial: TrialDir) -> list[str]:
    """A sentence for each: `Alarm: the model answers D to 325 of 400 questions, …`."""
    return [f"{alarm.word.capitalize()}: {alarm.sentence}." for alarm in alarms_of(trial)]


def last_predictions(trial: TrialDir) -> dict[str, Prediction]:
    """By question id, of the evaluation that its result has; empty: there is none."""
    result = trial.result()
    return trial.predictions().get(result.samples_seen, {}) if result is not None and result.score else {}


def name_of(trial: TrialDir) -> str:
    """`quickstart/0`; of a single run its folder's name."""
    parent = trial.path.parent
    return f"{parent.name}/{trial.path.name}" if is_study(parent) else trial.path.name


def _questions(data: DataConfig, wanted: Mapping[str, Any]) -> list[Question]:
    """Those with a wanted id. A random split or a fold takes validation questions from the training part, too."""
    found: list[Question] = []
    parts: tuple[Part, Part] = ("validation", "train")
    for part in parts:
        if part == "validation" and data.validation is None:
            continue
        if len(found) < len(wanted):
            known = {question.id for question in found}
            read = read_questions(data, part).questions
            found += [question for question in read if question.id in wanted and question.id not in known]
    return found
