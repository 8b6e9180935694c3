"""What a trial predicted at the report that its score is of: letters and their probabilities."""

import functools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.reading.studies import Trial, report_lines


@dataclass(frozen=True)
class Choice:
    """One answer."""

    question: str  # id
    gold: str
    chosen: str | None  # letter; None where written text held none
    confidence: float | None  # probability of the chosen letter among the letters; None for written answers


@functools.lru_cache(maxsize=32)
def _choices(file: Path, samples_seen: int) -> dict[str, Choice]:
    try:
        return {
            line["id"]: Choice(line["id"], line["gold"], line["predicted"], _confidence(line))
            for line in report_lines(file, samples_seen)
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def choices(trial: Trial, samples_seen: int) -> dict[str, Choice]:
    """By question; empty where there are none, or where the file is damaged."""
    return _choices(trial.directory.predictions_file, samples_seen)


def _confidence(line: dict[str, Any]) -> float | None:
    by_letter = line.get("log_probabilities") or {}
    if line["predicted"] not in by_letter:
        return None
    highest = max(by_letter.values())
    odds = {letter: math.exp(value - highest) for letter, value in by_letter.items()}
    return odds[line["predicted"]] / sum(odds.values())
