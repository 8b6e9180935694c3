"""Whether the answers to the questions as they are, beside which every edit is read, are there already."""

from collections.abc import Mapping

from medqa_sweeps.trial.records import Prediction


def has_originals(predictions: Mapping[str, Prediction]) -> bool:
    """Whether predictions of one model can be compared with edits: they have log-probabilities."""
    return bool(predictions) and all(prediction.log_probabilities for prediction in predictions.values())
