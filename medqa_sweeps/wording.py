"""Formats numbers, intervals and settings for every screen and page, one function each; holds the fixed sentences.

Shares are fractions of 1: 0.623 is written 62.3%, and a difference of 0.031 is 3.1 points. Files for other programs
(CSV, JSON) keep full precision. Halves are rounded away from zero, as people do by hand: 39.25 is written 39.3.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

EDUCATION_ONLY = "For education and research only; never for clinical decisions."
SYNTHETIC = "Synthetic data: the scores show that the software works and say nothing about medicine."
SYNTHETIC_QUESTIONS = "synthetic (invented facts)"  # for a data set, where no score is shown
_OF_SYNTHETIC = "the synthetic data set '{name}' (invented questions)"
BETTER, WORSE, NOT_RESOLVED = "better", "worse", "not resolved"  # verdicts on a difference
CI = "95% CI"
_STEPS = {"step1": "Step 1", "step2&3": "Step 2 and 3"}  # of the USMLE
_LEAST_P = 0.0001  # a smaller p-value says no more to a reader, and depends on how well the tails were computed
_DIGITS = 12  # of a share: what is left of 0.3925 - 0.21 in binary is no reason to round 18.25 down


def percent(share: float) -> str:
    """`62.3%`."""
    return f"{in_percent(share)}%"


def in_percent(share: float) -> str:
    """`62.3` of 0.623, for a cell under a heading that names the unit; `-6.5` for a difference. Never `-0.0`."""
    return _to_a_tenth(100 * Decimal(repr(round(float(share), _DIGITS))))


def step_name(name: str) -> str:
    """`Step 2 and 3` of `step2&3`; another name as it is."""
    return _STEPS.get(name, name)


def signed_points(difference: float) -> str:
    """`+6.5` or `-6.5`, in percentage points; `0.0` without a sign."""
    text = in_percent(difference)
    return text if text.startswith("-") or text == "0.0" else f"+{text}"


def interval(low: float, high: float) -> str:
    """`95% CI 57.4 to 66.9`, in percent or percentage points."""
    return f"{CI} {limits(low, high)}"


def limits(low: float, high: float) -> str:
    """`57.4 to 66.9`, under a heading that names the interval."""
    return f"{in_percent(low)} to {in_percent(high)}"


def better_or_worse(difference: float) -> str:
    """`better` or `worse`, by the sign of a difference that is significant, or that the text labels as not resolved."""
    return BETTER if difference >= 0 else WORSE


def gap(difference: float, low: float, high: float) -> str:
    """`3.1 points (95% CI 1.2 to 5.0)`: the size of a difference; the sentence around it says which one is better."""
    low, high = (low, high) if difference >= 0 else (-high, -low)
    return f"{in_percent(abs(difference))} points ({interval(low, high)})"


def accuracy(share: float, low: float, high: float, questions: int) -> str:
    """`62.3% of 400 questions (95% CI 57.4 to 66.9)`."""
    return f"{percent(share)} of {counted(questions, 'question')} ({interval(low, high)})"


def data_set(name: str, synthetic: bool) -> str:
    """`medqa`, or `the synthetic data set 'sample' (invented questions)`, after "trained on"."""
    return _OF_SYNTHETIC.format(name=name) if synthetic else name


def p_value(p: float) -> str:
    """`p = 0.0015`; below 0.0001 `p < 0.0001`."""
    return f"p < {_LEAST_P}" if p < _LEAST_P else f"p = {p_in_a_cell(p)}"


def p_in_a_cell(p: float) -> str:
    """`0.0015` or `<0.0001`, under a heading that says p."""
    return f"<{_LEAST_P}" if p < _LEAST_P else f"{p:.2g}"


def counted(count: int, noun: str) -> str:
    """`1 attempt`, `1,204 attempts`."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def listed(items: Sequence[str], most: int = 4) -> str:
    """`a, b and c`; beyond `most` items (1 or more), `a, b, c, d and 7 more`; "" for none."""
    parts = [*items[:most], *([f"{len(items) - most:,} more"] if len(items) > most else [])]
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def sentences(*parts: str) -> str:
    """The non-empty parts, each with a capital letter and a full stop."""
    return " ".join(part[0].upper() + ended(part[1:]) for part in parts if part)


def ended(text: str) -> str:
    """The text with a full stop, unless it is empty or already ends with punctuation."""
    return text if not text or text.rstrip()[-1] in ".!?:" else f"{text.rstrip()}."


def compact(count: int) -> str:
    """`13.0M` of 13,045,760."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{_to_a_tenth(Decimal(count) / size)}{unit}"
    return str(count)


def duration(seconds: float) -> str:
    """`48 s`, `14 min`, `3.2 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def about(seconds: float) -> str:
    """`about 45 s`, `about 14 min`: an estimate, in steps that do not flicker; below 5 s `a few seconds`."""
    if seconds < 5:
        return "a few seconds"
    return f"about {duration(5 * round(seconds / 5) if seconds < 90 else seconds)}"


def setting(value: Any) -> str:
    """A config value as it is typed on a command line; numbers have four significant digits."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return "[" + ",".join(map(setting, value)) + "]"
    return " ".join(str(value).split())


def settings_label(values: Mapping[str, Any]) -> str:
    """`r=8 lr=0.0003`, for values by dotted key; "" for none."""
    return " ".join(f"{name}={setting(values[key])}" for key, name in short_names(list(values)).items())


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """A short name for each dotted key: `r` for `lora.r`, `model` for `model.name`; the whole key where two clash."""
    short = {key: _last_part(key) for key in keys}
    uses = Counter(short.values())
    return {key: name if uses[name] == 1 else key for key, name in short.items()}


def overrides_label(overrides: Sequence[str]) -> str:
    """The same for Hydra overrides: `r=128` for `lora.r=128`."""
    pairs = (one.lstrip("+").partition("=") for one in overrides)
    return settings_label({key: _number(value) for key, _, value in pairs})


def _number(text: str) -> Any:
    """The number, if the text has a point or an exponent; any other text unchanged."""
    try:
        return text if text.lstrip("-").isdecimal() else float(text)
    except ValueError:
        return text


def _last_part(key: str) -> str:
    group, _, last = key.rpartition(".")
    return group if last == "name" and group else last


def _to_a_tenth(number: Decimal) -> str:
    """With one decimal, halves away from zero; never `-0.0`."""
    return f"{number.quantize(Decimal('0.1'), ROUND_HALF_UP) + 0}"
