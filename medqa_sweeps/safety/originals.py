"""The answers to the questions as they are, beside which every edit is read."""

from collections.abc import Iterable, Mapping

from medqa_sweeps.safety.records import ORIGINAL, SafetyLine
from medqa_sweeps.trial.records import Prediction


def has_originals(predictions: Mapping[str, Prediction]) -> bool:
    """Whether predictions of one model can be compared with edits: they have log-probabilities."""
    return bool(predictions) and all(prediction.log_probabilities for prediction in predictions.values())


def originals(lines: Iterable[SafetyLine], predictions: Mapping[str, Prediction]) -> Mapping[str, Prediction]:
    """The unedited answers of one model, by question: of `predictions.jsonl`, or, where those have no
    log-probabilities, of the assessment.

    Args:
        lines: of this model.
    """
    if has_originals(predictions):
        return predictions
    asked = [line for line in lines if line.suite == ORIGINAL]
    return {
        line.id: Prediction(line.samples_seen, line.id, line.gold, line.predicted, line.log_probabilities)
        for line in asked
    }
