"""What the assessment of one trial found, of the trained model and of its untuned base, from the trial's records."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from medqa_sweeps.config import TrialConfig
from medqa_sweeps.safety import file
from medqa_sweeps.safety.measures import MEASURES
from medqa_sweeps.safety.outcomes import ModelAnswers, Outcome, answers_of, outcome_of, suite_score
from medqa_sweeps.safety.outcomes.kept import kept_answers
from medqa_sweeps.safety.records import SafetyLine
from medqa_sweeps.safety.suites import keeps_answer
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import Prediction, SuiteScore

BASE = 0  # samples that the untuned base has seen
_FROM_PREDICTIONS = ("abstention", "calibration")  # suites that ask nothing
Predictions = Mapping[int, Mapping[str, Prediction]]  # by samples seen, then by question


@dataclass(frozen=True)
class Assessed:
    """One model's outcomes."""

    outcomes: Mapping[str, Outcome] = field(default_factory=dict)  # by suite, in the order of `MEASURES`
    # by question, whether it is answered correctly as it is and under every edit that keeps the answer
    kept: Mapping[str, bool] = field(default_factory=dict)


def assessed(trial: TrialDir, samples_seen: int) -> tuple[Assessed, Assessed]:
    """What was found of the trained model, and of its untuned base; both without a suite if nothing was assessed.

    Args:
        samples_seen: of the exported adapter.

    Raises:
        ConfigError: if a file is damaged.
    """
    lines, config = file.read(trial), trial.config()
    if not lines and not config.safety.suites:
        return Assessed(), Assessed()
    predictions = trial.predictions()
    return (
        _of_model(samples_seen, lines, predictions, config),
        _of_model(BASE, lines, predictions, config),
    )


def suite_scores(
    lines: Iterable[SafetyLine], predictions: Predictions, config: TrialConfig
) -> dict[int, dict[str, SuiteScore]]:
    """The scores of each model by suite, by samples seen.

    Args:
        lines: of all models.
    """
    lines = list(lines)
    models = dict.fromkeys([line.samples_seen for line in lines]) or dict.fromkeys(predictions)
    return {
        seen: {suite: suite_score(one) for suite, one in _of_model(seen, lines, predictions, config).outcomes.items()}
        for seen in models
    }


def _of_model(
    samples_seen: int, lines: Iterable[SafetyLine], predictions: Predictions, config: TrialConfig
) -> Assessed:
    own = [line for line in lines if line.samples_seen == samples_seen]
    answers = answers_of(own, predictions.get(samples_seen, {}))
    if not answers.original:
        return Assessed()
    asked = {line.suite for line in own} | set(config.safety.suites) - {"requests"}
    asked |= set(_FROM_PREDICTIONS) if own else set()
    risk, bins = config.safety.risk, config.evaluation.calibration_bins
    outcomes = {suite: outcome_of(suite, answers, risk, bins) for suite in MEASURES if suite in asked}
    return Assessed(outcomes, kept_answers(answers, _keeping(answers)))


def _keeping(answers: ModelAnswers) -> set[tuple[str, str]]:
    return {
        (suite, line.variant)
        for suite, by_question in answers.edited.items()
        for lines in by_question.values()
        for line in lines
        if keeps_answer(suite, line.variant)
    }
