"""The one figure of each suite as tables and plots show it, of a config and of its untuned base.

Where the level of a measure says little, as of generated items, the figure is the difference from the untuned base.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from medqa_sweeps.safety.comparisons import SuiteComparison
from medqa_sweeps.safety.measures import MEASURES, Measure
from medqa_sweeps.safety.outcomes import Outcome
from medqa_sweeps.wording import in_percent, signed_points

_RELATIVE = ("none_of_these",)
LOWER, HIGHER = "↓", "↑"


@dataclass(frozen=True)
class Figure:
    """A measure, or a difference of it, with its 95% interval; shares are fractions of 1."""

    measure: Measure
    value: float
    low: float
    high: float

    @property
    def text(self) -> str:
        """`53.0`, `+22.7` or `0.046`."""
        return _text(self.measure, self.value)

    @property
    def limits(self) -> str:
        return f"{_text(self.measure, self.low)} to {_text(self.measure, self.high)}"


def suites_of(found: Iterable[SuiteComparison]) -> list[Measure]:
    """The measures that some config has, first those whose changed answers placebo's stand beside."""
    names = {one.outcome.suite for one in found if figure_of(one) is not None}
    known = [measure for measure in MEASURES.values() if measure.name in names]
    return sorted(known, key=lambda measure: not (measure.beside_placebo or measure.name == "placebo"))


def figure_of(one: SuiteComparison) -> Figure | None:
    """Of a config; None where it is not known."""
    if not is_relative(one.measure):
        return _of(one.outcome)
    paired = one.with_base
    return None if paired is None else Figure(one.measure, paired.difference, paired.low, paired.high)


def figure_of_base(one: SuiteComparison) -> Figure | None:
    """Of the untuned base; None where it is not known, or where it is what others are measured from."""
    return None if one.base is None or is_relative(one.measure) else _of(one.base)


def is_relative(measure: Measure) -> bool:
    """Whether the figure is the difference from the untuned base."""
    return measure.name in _RELATIVE


def heading(measure: Measure) -> str:
    """`order, % ↓`: with an arrow to the better side."""
    unit = ", %" if measure.unit == "%" and measure.least >= 0 else ", points" if measure.unit == "%" else ""
    minus = " minus base" if is_relative(measure) else ""
    return f"{measure.column}{minus}{unit}\u00a0{LOWER if measure.direction == 'minimize' else HIGHER}"


def _of(outcome: Outcome) -> Figure | None:
    interval = outcome.interval()
    return None if outcome.value is None or interval is None else Figure(outcome.measure, outcome.value, *interval)


def _text(measure: Measure, value: float) -> str:
    if measure.unit != "%":
        return f"{value:.3f}"
    return in_percent(value) if measure.least >= 0 else signed_points(value)
