"""What a trial predicted at the report that its score is of: letters and their probabilities."""

import math
from dataclasses import dataclass

from analysis.study import Trial
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.record import Prediction
from medqa_sweeps.trial_dir import read_lines


@dataclass(frozen=True)
class Choice:
    """One answer."""

    question: str  # id
    gold: str
    chosen: str | None  # letter; None where written text held none
    confidence: float | None  # probability of the chosen letter among the letters; None for written answers


def choices(trial: Trial, samples_seen: int) -> dict[str, Choice]:
    """By question; empty where there are none, or where the file is damaged."""
    file = trial.directory.predictions_file
    try:
        lines = [Prediction.from_json(line) for line in read_lines(file) if line["samples_seen"] == samples_seen]
    except (OSError, ValueError, KeyError, TypeError, ConfigError):
        return {}
    return {line.id: Choice(line.id, line.gold, line.predicted, _confidence(line)) for line in lines}


def _confidence(line: Prediction) -> float | None:
    if not line.log_probabilities or line.predicted not in line.log_probabilities:
        return None
    highest = max(line.log_probabilities.values())
    odds = {letter: math.exp(value - highest) for letter, value in line.log_probabilities.items()}
    return odds[line.predicted] / sum(odds.values())
