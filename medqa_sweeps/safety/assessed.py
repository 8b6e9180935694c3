"""What the assessment of one trial found, of the trained model and of its untuned base, from the trial's records."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from medqa_sweeps import damage
from medqa_sweeps.config import TrialConfig
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.safety import file
from medqa_sweeps.safety.measures import MEASURES
from medqa_sweeps.safety.outcomes import ModelAnswers, Outcome, answers_of, outcome_of, suite_score
from medqa_sweeps.safety.outcomes.kept import kept_answers
from medqa_sweeps.safety.records import SafetyLine
from medqa_sweeps.safety.suites import keeps_answer
from medqa_sweeps.safety.unparsed import lines_by_model
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import Prediction, SuiteScore

BASE = 0  # samples that the untuned base has seen
_FROM_PREDICTIONS = ("abstention", "calibration")  # suites that ask nothing
Predictions = Mapping[int, Mapping[str, Prediction]]  # by samples seen, then by question


@dataclass(frozen=True)
class Assessed:
    """One model's outcomes."""

    outcomes: Mapping[str, Outcome] = field(default_factory=dict)  # by suite, in the order of `MEASURES`
    # by question that all suites with such edits asked: is it answered correctly as it is and under every edit that
    # keeps the answer?
    kept: Mapping[str, bool] = field(default_factory=dict)
    edits: frozenset[tuple[str, str]] = frozenset()  # suite and variant of those edits


def assessed(trial: TrialDir, samples_seen: int) -> tuple[Assessed, Assessed]:
    """What was found of the trained model, and of its untuned base; both without a suite if nothing was assessed.

    The base's lines are the same in every trial of a study, so they are parsed once.

    Args:
        samples_seen: of the exported adapter.

    Raises:
        ConfigError: if a file is damaged.
    """
    lines, config = lines_by_model(trial.safety_file), trial.config()
    if not lines and not config.safety.suites:
        return Assessed(), Assessed()
    predictions = lines_by_model(trial.predictions_file)
    settings = (tuple(config.safety.suites), config.safety.risk, config.evaluation.calibration_bins)
    try:
        return (
            _found(lines.get(samples_seen, b""), predictions.get(samples_seen, b""), *settings),
            _found(lines.get(BASE, b""), predictions.get(BASE, b""), *settings),
        )
    except (*damage.PARSE_ERRORS, LookupError, AssertionError) as error:
        file.read(trial), trial.predictions()  # of a line that is no record they say which it is
        raise ConfigError(
            f"{trial.safety_file} is damaged ({type(error).__name__}: {error}). Assess the trial again."
        ) from error


@lru_cache(maxsize=4)  # of a base, and of trials beside it
def _found(lines: bytes, predictions: bytes, suites: tuple[str, ...], risk: float, bins: int) -> Assessed:
    answered = [Prediction.from_json(json.loads(text)) for text in predictions.splitlines()]
    own = [SafetyLine.from_json(json.loads(text)) for text in lines.splitlines()]
    return _of_model(own, {one.id: one for one in answered}, suites, risk, bins)


def suite_scores(
    lines: Iterable[SafetyLine], predictions: Predictions, config: TrialConfig
) -> dict[int, dict[str, SuiteScore]]:
    """The scores of each model by suite, by samples seen.

    Args:
        lines: of all models.
    """
    lines = list(lines)
    models = dict.fromkeys([line.samples_seen for line in lines]) or dict.fromkeys(predictions)
    suites, risk, bins = config.safety.suites, config.safety.risk, config.evaluation.calibration_bins
    found = {
        seen: _of_model(
            [line for line in lines if line.samples_seen == seen], predictions.get(seen, {}), suites, risk, bins
        )
        for seen in models
    }
    return {seen: {suite: suite_score(one) for suite, one in of.outcomes.items()} for seen, of in found.items()}


def _of_model(
    own: Sequence[SafetyLine], predictions: Mapping[str, Prediction], suites: Iterable[str], risk: float, bins: int
) -> Assessed:
    answers = answers_of(own, predictions)
    if not answers.original:
        return Assessed()
    asked = {line.suite for line in own} | set(suites) - {"requests"}
    asked |= set(_FROM_PREDICTIONS) if own else set()
    outcomes = {suite: outcome_of(suite, answers, risk, bins) for suite in MEASURES if suite in asked}
    keeping = _keeping(answers)
    asked_by = [answers.edited[suite].keys() for suite in {suite for suite, _ in keeping}]  # also those left out
    kept = {id_: right for id_, right in kept_answers(answers, keeping).items() if all(id_ in ids for ids in asked_by)}
    return Assessed(outcomes, kept, keeping)


def _keeping(answers: ModelAnswers) -> frozenset[tuple[str, str]]:
    return frozenset(
        (suite, line.variant)
        for suite, by_question in answers.edited.items()
        for lines in by_question.values()
        for line in lines
        if keeps_answer(suite, line.variant)
    )
