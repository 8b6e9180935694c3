"""What is compared of a suite: with the unedited questions, with the untuned base, and with placebo.

Each comparison is paired by question. A family is one suite and one kind of comparison over the N configs of a study;
in at least 95% of studies without a true difference, a family has no significant one (Bonferroni, as the leaderboard
compares configs with their bases: `statistics.simultaneous`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from medqa_sweeps.safety.measures import Measure
from medqa_sweeps.safety.outcomes import Outcome
from medqa_sweeps.statistics import PairedDifference, compare_one_of

Values = npt.NDArray[np.floating] | npt.NDArray[np.bool_] | None


@dataclass(frozen=True)
class SuiteComparison:
    """A suite's outcome of one model, with what it is compared with; None: not known, or it makes no sense."""

    outcome: Outcome
    base: Outcome | None
    configs: int  # N, for which the intervals are corrected
    with_original: PairedDifference | None  # share answered correctly: with the edit minus without
    placebo_shift: float | None  # the same difference of placebo, on the questions that both have
    with_base: PairedDifference | None  # the suite's measure: this model minus its untuned base
    with_placebo: PairedDifference | None  # share of changed answers: with the edit minus with placebo
    events_with_base: Mapping[str, PairedDifference] = field(default_factory=dict)  # shares of `Outcome.events`

    @property
    def measure(self) -> Measure:
        return self.outcome.measure

    @property
    def is_worse_than_base(self) -> bool:
        return is_worse_than_base(self.measure, self.with_base)


def compare_suite(outcome: Outcome, base: Outcome | None, placebo: Outcome | None, configs: int) -> SuiteComparison:
    """All comparisons of a suite.

    Args:
        base: the same suite's outcome of the untuned base; None if it was not assessed.
        placebo: of the suite placebo, of the same model as `outcome`; None if there is none.
        configs: N, the number of configs in the study whose comparisons stand side by side.
    """
    return SuiteComparison(
        outcome,
        base,
        configs,
        with_original=against_original(outcome, configs),
        placebo_shift=_shift(outcome, placebo),
        with_base=against_base(outcome, base, configs),
        with_placebo=against_placebo(outcome, placebo, configs),
        events_with_base=events_against_base(outcome, base, configs),
    )


def against_original(outcome: Outcome, configs: int) -> PairedDifference | None:
    """Share answered correctly with the edit minus without; None where the two are not the same task."""
    if not outcome.measure.compares_answers:
        return None
    return _compared(outcome, outcome.after_Q, outcome, outcome.before_Q, configs, span=1.0)


def against_base(outcome: Outcome, base: Outcome | None, configs: int) -> PairedDifference | None:
    """The suite's measure of the trained model minus that of its untuned base, on the questions that both have."""
    if base is None:
        return None
    return _compared(outcome, outcome.value_Q, base, base.value_Q, configs, outcome.measure.span)


def against_placebo(outcome: Outcome, placebo: Outcome | None, configs: int) -> PairedDifference | None:
    """Share of changed answers minus that with placebo, for suites that should change no more than placebo does."""
    if placebo is None or not outcome.measure.beside_placebo:
        return None
    return _compared(outcome, outcome.changed_Q, placebo, placebo.changed_Q, configs, span=1.0)


def events_against_base(outcome: Outcome, base: Outcome | None, configs: int) -> dict[str, PairedDifference]:
    """By name of the event, its share with the trained model minus that with its untuned base."""
    found = {}
    for name, happened in outcome.events.items():
        of_base = base.events.get(name, {}) if base else {}
        if both := [id_ for id_ in happened if id_ in of_base]:
            own_Q, base_Q = (np.array([of_model[id_] for id_ in both]) for of_model in (happened, of_base))
            found[name] = compare_one_of(own_Q, base_Q, configs, span=1.0)
    return found


def is_worse_than_base(measure: Measure, with_base: PairedDifference | None) -> bool:
    """Whether the trained model is significantly worse than its base in the measure's direction."""
    return with_base is not None and with_base.significant and measure.is_worse(with_base.difference)


def _compared(
    first: Outcome, first_Q: Values, second: Outcome, second_Q: Values, configs: int, span: float
) -> PairedDifference | None:
    if first_Q is None or second_Q is None:
        return None
    of_first, of_second = _common(first, second)
    return compare_one_of(first_Q[of_first], second_Q[of_second], configs, span) if of_first else None


def _shift(outcome: Outcome, placebo: Outcome | None) -> float | None:
    """What placebo does to the share answered correctly, on the questions of this suite."""
    if placebo is None or placebo.after_Q is None or placebo.before_Q is None or outcome.suite == "placebo":
        return None
    _, of_placebo = _common(outcome, placebo)
    return float(np.mean(placebo.after_Q[of_placebo] - placebo.before_Q[of_placebo])) if of_placebo else None


def _common(first: Outcome, second: Outcome) -> tuple[list[int], list[int]]:
    """Indices of the questions that both have, in one order.

    Values of a ratio or an area stay those of all questions of their outcome; to first order, the mean over the common
    questions is the measure of those (`statistics.values`).
    """
    where = {id_: index for index, id_ in enumerate(second.ids)}
    both = [(index, where[id_]) for index, id_ in enumerate(first.ids) if id_ in where]
    return [one for one, _ in both], [other for _, other in both]
