"""Numbers of a statement: a measure with its interval, a difference with its corrected interval."""

import math

from medqa_sweeps.safety.comparisons import SuiteComparison
from medqa_sweeps.safety.measures import Measure
from medqa_sweeps.safety.outcomes import Outcome
from medqa_sweeps.statistics import PairedDifference
from medqa_sweeps.wording import CI, counted, in_percent, interval, limits as limits_text, percent, signed_points


def difference(comparison: SuiteComparison, paired: PairedDifference, more: str, fewer: str) -> str:
    """`16.1 points (95% CI 12.0 to 20.2, corrected for 8 configs) more`."""
    return f"{gap(comparison, paired)} {more if paired.difference >= 0 else fewer}"


def gap(comparison: SuiteComparison, paired: PairedDifference) -> str:
    low, high = (paired.low, paired.high) if paired.difference >= 0 else (-paired.high, -paired.low)
    if comparison.measure.unit == "%":
        size, between = f"{in_percent(abs(paired.difference))} points", interval(low, high)
    else:
        size = f"{abs(paired.difference):.3f} {comparison.measure.unit}".rstrip()
        between = f"{CI} {low:.3f} to {high:.3f}"
    return f"{size} ({between}{corrected(comparison)})"


def corrected(comparison: SuiteComparison) -> str:
    return f", corrected for {counted(comparison.configs, 'config')}" if comparison.configs > 1 else ""


def figure(measure: Measure, value: float) -> str:
    """A share as `18.2%`, a difference as `+3.1 points`, any other measure as `0.042`."""
    if measure.unit != "%":
        return f"{value:.3f} {measure.unit}".rstrip()
    return percent(value) if measure.least >= 0 else f"{signed_points(value)} points"


def level(outcome: Outcome) -> str:
    """The measure with its interval."""
    assert outcome.value is not None
    return f"{figure(outcome.measure, outcome.value)} ({limits(outcome)})"


def limits(outcome: Outcome, sign: int = 1) -> str:
    """Its interval.

    Args:
        sign: -1: of the measure with the other sign.
    """
    found = outcome.interval()
    assert found is not None
    found = found if sign > 0 else (-found[1], -found[0])
    if not all(map(math.isfinite, found)):
        return "a single value, so without an interval"
    return f"{CI} {limits_text(*found)}" if outcome.measure.unit == "%" else f"{CI} {found[0]:.3f} to {found[1]:.3f}"


def count(number: float) -> str:
    return f"{number:,.0f}" if abs(number - round(number)) < 1e-6 else f"{number:,.1f}"
