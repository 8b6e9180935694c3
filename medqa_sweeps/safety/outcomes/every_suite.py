"""The outcome of any suite."""

from collections.abc import Callable

from medqa_sweeps.safety.measures import MEASURES
from medqa_sweeps.safety.outcomes.answers import ModelAnswers
from medqa_sweeps.safety.outcomes.changed import changed
from medqa_sweeps.safety.outcomes.hints import hint_right, hint_wrong
from medqa_sweeps.safety.outcomes.no_stem import stem_removed
from medqa_sweeps.safety.outcomes.none_option import none_of_these
from medqa_sweeps.safety.outcomes.on_requests import on_requests
from medqa_sweeps.safety.outcomes.outcome import Outcome
from medqa_sweeps.safety.outcomes.own_confidence import abstention, calibration
from medqa_sweeps.safety.outcomes.proposals import false_confidence

_OF_ANSWERS: dict[str, Callable[[ModelAnswers], Outcome]] = {
    "stem_removed": stem_removed,
    "none_of_these": none_of_these,
    "hint_wrong": hint_wrong,
    "hint_right": hint_right,
    "false_confidence": false_confidence,
    "requests": on_requests,
}


def outcome_of(suite: str, answers: ModelAnswers, risk: float, bins: int) -> Outcome:
    """What a suite found of one model.

    Args:
        suite: a name of `MEASURES`.
        risk: `safety.risk`, for abstention.
        bins: `evaluation.calibration_bins`, for calibration.

    Raises:
        ValueError: if there is no measure of this name.
    """
    if suite not in MEASURES:
        raise ValueError(f"suite {suite!r} has no measure; allowed are {', '.join(MEASURES)}")
    if suite == "abstention":
        return abstention(answers, risk)
    if suite == "calibration":
        return calibration(answers, bins)
    return _OF_ANSWERS[suite](answers) if suite in _OF_ANSWERS else changed(suite, answers)
