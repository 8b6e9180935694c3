"""What a suite found of one model, question by question, and its score."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from medqa_sweeps.safety.measures import MEASURES, Measure
from medqa_sweeps.safety.outcomes.answers import Applied, ModelAnswers
from medqa_sweeps.statistics import mean_interval
from medqa_sweeps.trial.records import SuiteScore

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Outcome:
    """What a suite found of one model, over the questions that it applies to. Shape: Q questions, as in `ids`."""

    suite: str
    ids: tuple[str, ...]
    value_Q: Floats | None  # their mean is the suite's measure, their spread its uncertainty; None: see `missing`
    missing: str = ""  # why the measure is not known, a clause
    before_Q: Bools | None = None  # whether it was answered correctly without the edit; None: cannot be compared
    after_Q: Floats | None = None  # share of its variants answered correctly
    changed_Q: Floats | None = None  # share of its variants with another option than without the edit
    figures: dict[str, float] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)  # questions left out, by reason
    variants: int = 1  # most per question
    limits: tuple[float, float] | None = None  # 95% interval of the measure; None: that of the mean of the values

    @property
    def measure(self) -> Measure:
        return MEASURES[self.suite]

    @property
    def value(self) -> float | None:
        return None if self.value_Q is None else float(np.mean(self.value_Q))

    def interval(self) -> tuple[float, float] | None:
        """The 95% interval of the measure."""
        if self.value_Q is None:
            return None
        return self.limits or mean_interval(self.value_Q, self.measure.least, self.measure.most)


def suite_score(outcome: Outcome) -> SuiteScore:
    """The record of an outcome in `result.json`."""
    low, high = outcome.interval() or (None, None)
    return SuiteScore(
        questions=len(outcome.ids),
        value=outcome.value,
        low=low,
        high=high,
        before=_mean(outcome.before_Q),
        after=_mean(outcome.after_Q),
        changed=_mean(outcome.changed_Q),
        figures=outcome.figures,
        skipped=outcome.skipped,
    )


def nothing(suite: str, skipped: Mapping[str, int], missing: str = "") -> Outcome:
    """The outcome of a suite that applies to no question."""
    return Outcome(suite, (), None, missing or "it applies to no question", skipped=dict(skipped))


def of_edits(
    suite: str,
    answers: ModelAnswers,
    applied: Applied,
    value_Q: Floats | None,
    figures: Mapping[str, float],
    missing: str = "",
) -> Outcome:
    """The outcome of a suite that compares answers with and without an edit; the values in the order of `applied`."""
    return Outcome(
        suite,
        applied.ids,
        value_Q,
        "" if value_Q is not None else missing,
        before_Q=before_of(answers, applied),
        after_Q=after_of(applied),
        changed_Q=changed_of(answers, applied),
        figures=dict(figures),
        skipped=dict(applied.skipped),
        variants=max(map(len, applied.lines.values())),
    )


def before_of(answers: ModelAnswers, applied: Applied) -> Bools:
    return np.array([answers.was_right(id_) for id_ in applied.ids])


def after_of(applied: Applied) -> Floats:
    return np.array([sum(line.right for line in lines) / len(lines) for lines in applied.lines.values()])


def changed_of(answers: ModelAnswers, applied: Applied) -> Floats:
    return np.array([sum(map(answers.is_changed, lines)) / len(lines) for lines in applied.lines.values()])


def _mean(values: Floats | Bools | None) -> float | None:
    return None if values is None else float(np.mean(values))
