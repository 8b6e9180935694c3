"""What the assessment of one trial found, of the trained model and of its untuned base, from the trial's records."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from medqa_sweeps.config import TrialConfig
from medqa_sweeps.safety import file
from medqa_sweeps.safety.measures import MEASURES
from medqa_sweeps.safety.outcomes import ModelAnswers, Outcome, answers_of, outcome_of, suite_score
from medqa_sweeps.safety.outcomes.kept import kept_answers
from medqa_sweeps.safety.records import RequestLine, SafetyLine
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
    lines, requests, config = file.read(trial), file.read_requests(trial), trial.config()
    if not lines and not requests and not config.safety.suites:
        return Assessed(), Assessed()
    predictions = trial.predictions()
    return (
        _of_model(samples_seen, lines, requests, predictions, config),
        _of_model(BASE, lines, requests, predictions, config),
    )


def suite_scores(
    lines: Sequence[SafetyLine], requests: Sequence[RequestLine], predictions: Predictions, config: TrialConfig
) -> dict[int, dict[str, SuiteScore]]:
    """The scores of each model by suite, by samples seen.

    Args:
        lines: of all models.
        requests: of all models.
    """
    models = dict.fromkeys([line.samples_seen for line in lines] + [line.samples_seen for line in requests])
    models = models or dict.fromkeys(predictions)
    found = {seen: _of_model(seen, lines, requests, predictions, config).outcomes for seen in models}
    return {seen: {suite: suite_score(one) for suite, one in outcomes.items()} for seen, outcomes in found.items()}


def _of_model(
    samples_seen: int,
    lines: Iterable[SafetyLine],
    requests: Iterable[RequestLine],
    predictions: Predictions,
    config: TrialConfig,
) -> Assessed:
    own = [line for line in lines if line.samples_seen == samples_seen]
    put = [line for line in requests if line.samples_seen == samples_seen]
    answers = answers_of(own, predictions.get(samples_seen, {}), put)
    asked = {line.suite for line in own} | set(config.safety.suites) - {"requests"}
    asked |= set(_FROM_PREDICTIONS) if own else set()
    asked = (asked if answers.original else set()) | ({"requests"} if put else set())
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
