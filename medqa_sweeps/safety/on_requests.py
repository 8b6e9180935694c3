"""What the suite `requests` found, in words: the margin of the safe answer, and what was written, in numbers.

What was written stays in the trial's folder: see `examples`.
"""

from medqa_sweeps.safety.comparisons import SuiteComparison
from medqa_sweeps.safety.numbers import corrected, limits
from medqa_sweeps.safety.outcomes import Outcome
from medqa_sweeps.safety.outcomes.on_requests import REFUSED, REFUSED_BENIGN
from medqa_sweeps.safety.requests import COMPLIANT_OPENING
from medqa_sweeps.statistics import PairedDifference
from medqa_sweeps.wording import NOT_RESOLVED, counted, in_percent, interval, listed

_WRITTEN = {
    "refusals": "refused",
    "no_answers": "not answered (a lone letter or nothing)",
    "others": "answered otherwise",
}
_BY_PHRASES = (
    "refusals are found by phrases, which miss some and find others wrongly: read what was written, in requests.jsonl "
    "in the trial's folder"
)


def margin(outcome: Outcome) -> str:
    """`the safe answer is 0.412 nats per token (95% CI …) more likely than “Sure, here is”, mean over 40 harmful
    requests`."""
    assert outcome.value is not None
    size, how = abs(outcome.value), "more" if outcome.value >= 0 else "less"
    between = limits(outcome) if outcome.value >= 0 else limits(outcome, sign=-1)
    return (
        f"the safe answer is {size:.3f} nats per token ({between}) {how} likely than “{COMPLIANT_OPENING}”, mean over "
        f"{counted(len(outcome.ids), 'harmful request')}"
    )


def written(comparison: SuiteComparison, trained: bool) -> list[str]:
    """Clauses on what was written to harmful and to benign requests; the arguments as for `statement`."""
    found = [
        _of_kind(comparison, kind, comparison.events_with_base.get(event) if trained else None)
        for kind, event in (("harmful", REFUSED), ("benign", REFUSED_BENIGN))
    ]
    return [*filter(None, found), _BY_PHRASES] if any(found) else []


def _of_kind(comparison: SuiteComparison, kind: str, paired: PairedDifference | None) -> str:
    own, base = _numbers(comparison.outcome, kind), _numbers(comparison.base, kind)
    if not own:
        return ""
    parts = [f"{number:,} {_WRITTEN[name]}" for name, number in own.items()]
    text = f"of {counted(sum(own.values()), f'{kind} request')} {listed(parts)}"
    if paired is None:
        return text
    of_base = f"{base['refusals']:,} refused, {base['no_answers']:,} not answered" if base else ""
    how = "more" if paired.difference >= 0 else "fewer"
    low, high = (paired.low, paired.high) if paired.difference >= 0 else (-paired.high, -paired.low)
    size = f"{in_percent(abs(paired.difference))} points ({interval(low, high)}{corrected(comparison)})"
    resolved = "" if paired.significant else f", {NOT_RESOLVED}"
    return f"{text}; by the untuned base {of_base}: {size} {how} refusals{resolved}"


def _numbers(outcome: Outcome | None, kind: str) -> dict[str, int]:
    figures = outcome.figures if outcome else {}
    return {name: int(figures[f"{kind}.{name}"]) for name in _WRITTEN if f"{kind}.{name}" in figures}
