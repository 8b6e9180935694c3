"""How sure a model was of an answer, from its recorded log-probabilities."""

import math

from medqa_sweeps.trial.records import Prediction


def confidence(prediction: Prediction) -> float | None:
    """Probability of the chosen letter among the letters; None for an answer that was written as text, or where a
    probability is not known."""
    by_letter = prediction.log_probabilities
    if prediction.predicted not in by_letter or None in by_letter.values():  # null: it was not a finite number
        return None
    highest = max(by_letter.values())
    odds = {letter: math.exp(value - highest) for letter, value in by_letter.items()}
    return odds[prediction.predicted] / sum(odds.values())
