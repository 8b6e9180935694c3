"""One statement per suite, in plain English: counts, differences with their intervals, placebo, the untuned base.

A result that is negative or not resolved is said in words, and so is what is missing.
"""

from collections.abc import Callable

from medqa_sweeps.safety.comparisons import SuiteComparison
from medqa_sweeps.safety.measures import Measure
from medqa_sweeps.safety.outcomes import Outcome
from medqa_sweeps.statistics import FEWEST_ANSWERED, PairedDifference
from medqa_sweeps.wording import (
    CI,
    NOT_RESOLVED,
    counted,
    gap,
    interval,
    limits,
    listed,
    p_value,
    percent,
    sentences,
    signed_points,
)

CEILING = (
    "such items are generated, and of 100 of them a clinician kept 68 (Bedi et al. 2025), so their level says little "
    "and only the difference between models is given"
)
_LEVEL = 0.05


def statement(comparison: SuiteComparison, trained: bool = True) -> str:
    """What a suite found of one model, in sentences.

    Args:
        trained: whether the model is a trained one, which is compared with its untuned base.
    """
    outcome = comparison.outcome
    if not outcome.ids:
        return sentences(f"not assessed: {outcome.missing}", _skipped(outcome))
    own = _OWN.get(outcome.suite, _changed)(comparison) if outcome.value is not None else _unknown(comparison)
    base = _beside_base(comparison) if trained else ""
    remark = CEILING if outcome.suite == "none_of_these" else ""
    return sentences(*own, base, remark, _skipped(outcome))


def _unknown(comparison: SuiteComparison) -> list[str]:
    return [_before_and_after(comparison), f"{comparison.measure.title}: not known, as {comparison.outcome.missing}"]


# Before and after the edit


def _before_and_after(comparison: SuiteComparison) -> str:
    """`right on 265 of 400 questions before, 251 after: -3.5 points (95% CI …), paired; placebo -0.2 points`."""
    outcome, paired = comparison.outcome, comparison.with_original
    if paired is None or outcome.before_Q is None or outcome.after_Q is None:
        return ""
    before, after = int(outcome.before_Q.sum()), float(outcome.after_Q.sum())
    over = f" on average over {outcome.variants} variants" if outcome.variants > 1 else ""
    counts = f"right on {before:,} of {counted(len(outcome.ids), 'question')} before, {_count(after)} after{over}"
    size = f"{signed_points(paired.difference)} points ({interval(paired.low, paired.high)}{_corrected(comparison)})"
    resolved = "" if paired.significant else f", {NOT_RESOLVED}"
    return f"{counts}: {size}, paired{resolved}{_placebo_shift(comparison)}"


def _placebo_shift(comparison: SuiteComparison) -> str:
    if comparison.outcome.suite == "placebo":
        return ""
    shift = comparison.placebo_shift
    return "; placebo was not run" if shift is None else f"; placebo {signed_points(shift)} points"


def _changed(comparison: SuiteComparison) -> list[str]:
    return [_before_and_after(comparison), f"{_level(comparison.outcome)} of the answers change{_beyond(comparison)}"]


def _beyond(comparison: SuiteComparison) -> str:
    paired = comparison.with_placebo
    if paired is None:
        noise = " without placebo, which of it is noise is not known" if comparison.measure.beside_placebo else ""
        return f";{noise}" if noise else ""
    return f", {_difference(comparison, paired, 'than with placebo', 'more', 'fewer')}"


def _order(comparison: SuiteComparison) -> list[str]:
    figures = comparison.outcome.figures
    every = f"{percent(figures['right_in_every_order'])} of the questions are answered correctly in every order"
    bias = f"{percent(figures['letter_bias'])} of the answers would have to move for letters as frequent as the correct"
    return [*_changed(comparison), every, f"{bias} ones are (letter bias)"]


def _groups(comparison: SuiteComparison) -> list[str]:
    figures = comparison.outcome.figures
    shares = [f"{name.partition('.')[2]} {percent(share)}" for name, share in figures.items() if "." in name]
    accuracy = f"accuracy by variant: {listed(shares, len(shares))}" if shares else ""
    spread = f", a spread of {signed_points(figures['spread']).lstrip('+')} points" if "spread" in figures else ""
    return [*_changed(comparison), accuracy + spread]


def _no_stem(comparison: SuiteComparison) -> list[str]:
    outcome, figures = comparison.outcome, comparison.outcome.figures
    above = "" if figures["p_of_chance"] < _LEVEL else f", {NOT_RESOLVED}"
    accuracy = (
        f"without the question's text {percent(figures['accuracy'])} of {counted(len(outcome.ids), 'question')} are "
        f"answered correctly, by guessing {percent(figures['chance'])} ({p_value(figures['p_of_chance'])}{above})"
    )
    return [accuracy, f"the chosen letter is {_level(outcome)} more probable than chance"]


def _none_of_these(comparison: SuiteComparison) -> list[str]:
    return []


def _hint_wrong(comparison: SuiteComparison) -> list[str]:
    figures = comparison.outcome.figures
    lost = f"with the wrong hint {percent(figures['lost'])} of the correct answers are lost"
    if "lost_with_placebo" not in figures:
        return [
            _before_and_after(comparison),
            f"{lost} ({_limits(comparison.outcome)}); without placebo, noise included",
        ]
    beyond = f"with placebo {percent(figures['lost_with_placebo'])}: {_level(comparison.outcome)} beyond placebo"
    return [_before_and_after(comparison), f"{lost}, {beyond}"]


def _hint_right(comparison: SuiteComparison) -> list[str]:
    figures = comparison.outcome.figures
    followed = (
        f"of the answers that a hint contradicts, {percent(figures['followed_right'])} follow a correct hint and "
        f"{percent(figures['followed_wrong'])} a wrong one: a difference of {_level(comparison.outcome)}"
    )
    return [
        _before_and_after(comparison),
        followed + _if_not_resolved(comparison.outcome),
    ]


def _proposals(comparison: SuiteComparison) -> list[str]:
    figures = comparison.outcome.figures
    confirmed = (
        f"{percent(figures['sensitivity'])} of the correct proposals are confirmed and "
        f"{percent(figures['false_alarms'])} of the wrong ones: a difference of {_level(comparison.outcome)}"
    )
    return [f"{confirmed}, {counted(len(comparison.outcome.ids), 'question')}" + _if_not_resolved(comparison.outcome)]


def _abstention(comparison: SuiteComparison) -> list[str]:
    figures = comparison.outcome.figures
    questions = counted(len(comparison.outcome.ids), "question")
    area = f"AUGRC {_level(comparison.outcome)}, AURC {figures['aurc']:.3f}, {questions}"
    answered = int(figures["answered"])
    asked = f"at a risk of at most {percent(figures['risk_asked'])}"
    if "risk" not in figures:
        return [area, f"{asked} no question would be answered"]
    coverage = f"{asked} {counted(answered, 'question')} ({percent(figures['coverage'])}) would be answered"
    if answered < FEWEST_ANSWERED:
        return [area, f"{coverage}: too few to say how many of them wrongly"]
    wrong = f"{percent(figures['risk'])} of them wrongly, at most {percent(figures['risk_bound'])} with 95% confidence"
    return [area, f"{coverage}, {wrong}", "each half of the questions is answered with the other half's threshold"]


def _calibration(comparison: SuiteComparison) -> list[str]:
    outcome, figures = comparison.outcome, comparison.outcome.figures
    means = f"mean confidence {percent(figures['confidence'])}, accuracy {percent(figures['accuracy'])}"
    error = f"expected calibration error {_level(outcome)}, Brier score {figures['brier']:.3f}"
    return [f"{error}, {counted(len(outcome.ids), 'question')}", means]


_OWN: dict[str, Callable[[SuiteComparison], list[str]]] = {
    "order": _order,
    "sex": _groups,
    "ethnicity": _groups,
    "stem_removed": _no_stem,
    "none_of_these": _none_of_these,
    "hint_wrong": _hint_wrong,
    "hint_right": _hint_right,
    "false_confidence": _proposals,
    "abstention": _abstention,
    "calibration": _calibration,
}


# Beside the untuned base


def _beside_base(comparison: SuiteComparison) -> str:
    base, paired = comparison.base, comparison.with_base
    if base is None:
        return "the untuned base was not assessed, so what training changed is not known"
    if paired is None:
        return (
            f"not compared with the untuned base: {base.missing or comparison.outcome.missing or 'no common question'}"
        )
    than = f"than the untuned base in {counted(paired.questions, 'question')}"
    return (
        f"{comparison.measure.title}: {_difference(comparison, paired, than, 'higher', 'lower')}{_verdict(comparison)}"
    )


def _verdict(comparison: SuiteComparison) -> str:
    if comparison.with_base is None or not comparison.with_base.significant:
        return ""
    return ", which is worse" if comparison.is_worse_than_base else ", which is better"


# Numbers


def _difference(comparison: SuiteComparison, paired: PairedDifference, than: str, more: str, fewer: str) -> str:
    """`16.1 points (95% CI 12.0 to 20.2) more than with placebo`; or that no difference is resolved."""
    measure = comparison.measure
    size = _gap(measure, paired) + (f" (corrected{_for(comparison)})" if comparison.configs > 1 else "")
    which = more if paired.difference >= 0 else fewer
    if paired.significant:
        return f"{size} {which} {than}"
    return f"{size} {which} {than}: no difference is resolved"


def _gap(measure: Measure, paired: PairedDifference) -> str:
    if measure.unit == "%":
        return gap(paired.difference, paired.low, paired.high)
    low, high = (paired.low, paired.high) if paired.difference >= 0 else (-paired.high, -paired.low)
    return f"{abs(paired.difference):.3f} ({CI} {low:.3f} to {high:.3f})"


def _corrected(comparison: SuiteComparison) -> str:
    return f", corrected{_for(comparison)}" if comparison.configs > 1 else ""


def _for(comparison: SuiteComparison) -> str:
    return f" for {counted(comparison.configs, 'config')}"


def _level(outcome: Outcome) -> str:
    """The measure with its interval: a share as `18.2% (95% CI 15.0 to 21.4)`, a difference in points."""
    value = outcome.value
    assert value is not None
    if outcome.measure.unit != "%":
        return f"{value:.3f} ({_limits(outcome)})"
    if outcome.measure.least < 0:
        return f"{signed_points(value)} points ({_limits(outcome)})"
    return f"{percent(value)} ({_limits(outcome)})"


def _limits(outcome: Outcome) -> str:
    found = outcome.interval()
    assert found is not None
    return f"{CI} {limits(*found)}" if outcome.measure.unit == "%" else f"{CI} {found[0]:.3f} to {found[1]:.3f}"


def _if_not_resolved(outcome: Outcome) -> str:
    low, high = outcome.interval() or (0.0, 0.0)
    return "; no difference is resolved" if low <= 0 <= high else ""


def _count(number: float) -> str:
    return f"{number:,.0f}" if abs(number - round(number)) < 1e-6 else f"{number:,.1f}"


def _skipped(outcome: Outcome) -> str:
    if not outcome.skipped:
        return ""
    reasons = [f"{reason} ({many:,})" for reason, many in sorted(outcome.skipped.items(), key=lambda item: -item[1])]
    return f"{counted(sum(outcome.skipped.values()), 'question')} left out: {listed(reasons, len(reasons))}"
