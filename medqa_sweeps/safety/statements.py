"""One statement per suite, in plain English: counts, differences with their intervals, placebo, the untuned base.

A result that is negative or not resolved is said in words, and so is what is missing.
"""

from collections.abc import Callable

from medqa_sweeps.safety.comparisons import SuiteComparison
from medqa_sweeps.safety.figures import more_of
from medqa_sweeps.safety.numbers import corrected, count, difference, figure, level, limits
from medqa_sweeps.safety.on_requests import margin, written
from medqa_sweeps.safety.outcomes import Outcome
from medqa_sweeps.wording import (
    BETTER,
    NOT_RESOLVED,
    WORSE,
    counted,
    interval,
    listed,
    p_value,
    percent,
    sentences,
    signed_points,
)

_LEVEL = 0.05


def statement(comparison: SuiteComparison, trained: bool = True) -> str:
    """What a suite found of one model, in sentences.

    Args:
        trained: whether the model is a trained one, which is compared with its untuned base.
    """
    outcome = comparison.outcome
    if not outcome.ids:
        other = written(comparison, trained) if outcome.suite == "requests" else []
        return sentences(f"not assessed: {outcome.missing}", *other, _skipped(outcome))
    own = _OWN.get(outcome.suite, _changed)(comparison) if outcome.value is not None else _unknown(comparison)
    base = _beside_base(comparison) if trained else ""
    more = written(comparison, trained) if outcome.suite == "requests" else more_of(outcome)
    return sentences(*own, base, *more, _skipped(outcome))


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
    counts = f"right on {before:,} of {counted(len(outcome.ids), 'question')} before, {count(after)} after{over}"
    size = f"{signed_points(paired.difference)} points ({interval(paired.low, paired.high)}{corrected(comparison)})"
    resolved = "" if paired.significant else f", {NOT_RESOLVED}"
    return f"{counts}: {size}, paired{resolved}{_placebo_shift(comparison)}"


def _placebo_shift(comparison: SuiteComparison) -> str:
    if comparison.outcome.suite == "placebo":
        return ""
    shift = comparison.placebo_shift
    return "; placebo was not run" if shift is None else f"; placebo {signed_points(shift)} points"


def _changed(comparison: SuiteComparison) -> list[str]:
    return [_before_and_after(comparison), f"{level(comparison.outcome)} of the answers change{_beyond(comparison)}"]


def _beyond(comparison: SuiteComparison) -> str:
    paired = comparison.with_placebo
    if paired is None:
        noise = "without placebo, the share that is noise is not known"
        return f"; {noise}" if comparison.measure.beside_placebo else ""
    resolved = "" if paired.significant else f", {NOT_RESOLVED}"
    return f", {difference(comparison, paired, 'more', 'fewer')} than with placebo{resolved}"


def _no_stem(comparison: SuiteComparison) -> list[str]:
    outcome, figures = comparison.outcome, comparison.outcome.figures
    above = "" if figures["p_of_chance"] < _LEVEL else f", {NOT_RESOLVED}"
    accuracy = (
        f"without the question's text {percent(figures['accuracy'])} of {counted(len(outcome.ids), 'question')} are "
        f"answered correctly; guessing gives {percent(figures['chance'])} ({p_value(figures['p_of_chance'])}{above})"
    )
    return [accuracy, f"the probability of the chosen letter, minus chance, is {level(outcome)}"]


def _none_of_these(comparison: SuiteComparison) -> list[str]:
    return []


def _hint_wrong(comparison: SuiteComparison) -> list[str]:
    figures = comparison.outcome.figures
    lost = f"with the wrong hint {percent(figures['lost'])} of the correct answers are lost"
    if "lost_with_placebo" not in figures:
        return [
            _before_and_after(comparison),
            f"{lost} ({limits(comparison.outcome)}); without placebo, noise included",
        ]
    beyond = f"with placebo {percent(figures['lost_with_placebo'])}: {level(comparison.outcome)} beyond placebo"
    return [_before_and_after(comparison), f"{lost}, {beyond}"]


def _hint_right(comparison: SuiteComparison) -> list[str]:
    figures = comparison.outcome.figures
    followed = (
        f"of the answers that a hint contradicts, {percent(figures['followed_right'])} follow a correct hint and "
        f"{percent(figures['followed_wrong'])} a wrong one: a difference of {level(comparison.outcome)}"
    )
    return [
        _before_and_after(comparison),
        followed + _if_not_resolved(comparison.outcome),
    ]


def _proposals(comparison: SuiteComparison) -> list[str]:
    figures = comparison.outcome.figures
    confirmed = (
        f"{percent(figures['sensitivity'])} of the correct proposals are confirmed and "
        f"{percent(figures['false_alarms'])} of the wrong ones: a difference of {level(comparison.outcome)}"
    )
    return [f"{confirmed}, {counted(len(comparison.outcome.ids), 'question')}" + _if_not_resolved(comparison.outcome)]


def _abstention(comparison: SuiteComparison) -> list[str]:
    return [f"AUGRC {level(comparison.outcome)}, {counted(len(comparison.outcome.ids), 'question')}"]


def _calibration(comparison: SuiteComparison) -> list[str]:
    questions = counted(len(comparison.outcome.ids), "question")
    return [f"expected calibration error {level(comparison.outcome)}, {questions}"]


def _requests(comparison: SuiteComparison) -> list[str]:
    return [margin(comparison.outcome)]


_OWN: dict[str, Callable[[SuiteComparison], list[str]]] = {
    "stem_removed": _no_stem,
    "none_of_these": _none_of_these,
    "hint_wrong": _hint_wrong,
    "hint_right": _hint_right,
    "false_confidence": _proposals,
    "abstention": _abstention,
    "calibration": _calibration,
    "requests": _requests,
}


# Beside the untuned base


def _beside_base(comparison: SuiteComparison) -> str:
    """`the untuned base has 33.2%; this model is 27.6 points (95% CI …) lower, which is better (355 questions)`."""
    base, paired, measure = comparison.base, comparison.with_base, comparison.measure
    if base is None:
        return "the untuned base was not assessed, so what training changed is not known"
    if paired is None or base.value is None:
        reason = base.missing or comparison.outcome.missing or f"no common {measure.noun}"
        return f"not compared with the untuned base: {reason}"
    questions = counted(paired.questions, measure.noun)
    size = difference(comparison, paired, "higher", "lower")
    if comparison.outcome.suite == "none_of_these":
        return f"{measure.title}: {size} than the untuned base{_verdict(comparison)} ({questions})"
    return (
        f"the untuned base has {figure(measure, base.value)}; this model is {size}{_verdict(comparison)} ({questions})"
    )


def _verdict(comparison: SuiteComparison) -> str:
    if comparison.with_base is None or not comparison.with_base.significant:
        return f", {NOT_RESOLVED}"
    return f", which is {WORSE if comparison.is_worse_than_base else BETTER}"


def _if_not_resolved(outcome: Outcome) -> str:
    low, high = outcome.interval() or (0.0, 0.0)
    return "; no difference is resolved" if low <= 0 <= high else ""


def _skipped(outcome: Outcome) -> str:
    if not outcome.skipped:
        return ""
    left_out = f"{counted(sum(outcome.skipped.values()), outcome.measure.noun)} left out"
    if len(outcome.skipped) == 1:
        return f"{left_out}: {next(iter(outcome.skipped))}"
    reasons = [f"{reason} ({many:,})" for reason, many in sorted(outcome.skipped.items(), key=lambda item: -item[1])]
    return f"{left_out}: {listed(reasons, len(reasons))}"
