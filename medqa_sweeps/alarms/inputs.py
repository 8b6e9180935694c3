"""A trial's files as plain lists. Missing or damaged files give None or an empty list, never an error."""

import math
from dataclasses import dataclass
from typing import Any

from medqa_sweeps.damage import PARSE_ERRORS
from medqa_sweeps.data.split import IN_TRAINING, NEARLY_IN_TRAINING
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.prompt import LETTERS
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import Prediction, Result, TrainLine

_DAMAGED = (ConfigError, OSError, OverflowError, *PARSE_ERRORS)
_INDEX_BY_LETTER = {letter: index for index, letter in enumerate(LETTERS)}


@dataclass(frozen=True)
class EvaluatedAnswers:
    """The answers to the questions that all evaluations of a trial have in common, in one order."""

    gold: list[str]  # gold letter of each question
    options: list[int]  # number of options of each question
    evaluations: dict[int, list[str | None]]  # predicted letters, by samples seen, ascending


def answers_of(trial: TrialDir) -> EvaluatedAnswers | None:
    """All evaluations of the trial; None if none can be read."""
    try:
        return _answers(trial.predictions())
    except _DAMAGED:
        return None


def losses_of(trial: TrialDir) -> list[float]:
    """The finite training losses, in the order of training."""
    try:
        lines = [line for line in trial.metrics() if isinstance(line, TrainLine)]
        return [float(line.loss) for line in lines if line.loss is not None and math.isfinite(line.loss)]
    except _DAMAGED:
        return []


def leaks_of(trial: TrialDir) -> tuple[int, int, int]:
    """Number of validation questions that are in training, of further near-duplicates, and of all; 0 if unknown."""
    try:
        questions: dict[str, Any] = trial.provenance()["questions"]
        flagged = questions["flagged"]
        return int(flagged.get(IN_TRAINING, 0)), int(flagged.get(NEARLY_IN_TRAINING, 0)), int(questions["validation"])
    except _DAMAGED:
        return 0, 0, 0


def result_of(trial: TrialDir) -> Result | None:
    """How the trial ended; None while it runs."""
    try:
        found = trial.result()
        return found if found is not None and isinstance(found.samples_seen, int) else None
    except _DAMAGED:
        return None


def _answers(evaluations: dict[int, dict[str, Prediction]]) -> EvaluatedAnswers | None:
    if not evaluations or not all(isinstance(seen, int) for seen in evaluations):
        return None
    shared = set.intersection(*(set(found) for found in evaluations.values()))
    newest = evaluations[max(evaluations)]
    ids = [one for one in newest if one in shared]
    if not ids:
        return None
    gold = [newest[one].gold for one in ids]
    chosen = {seen: [evaluations[seen][one].predicted for one in ids] for seen in sorted(evaluations)}
    in_use: set[str | None] = set().union(gold, *chosen.values())
    highest = max(_INDEX_BY_LETTER[letter] for letter in in_use if letter is not None)
    return EvaluatedAnswers(gold, [len(newest[one].log_probabilities) or highest + 1 for one in ids], chosen)
