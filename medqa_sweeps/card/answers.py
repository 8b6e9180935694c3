"""How the trained model and its untuned base answered the validation questions."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from medqa_sweeps.card.about import overall
from medqa_sweeps.card.records import Records
from medqa_sweeps.card.tables import table
from medqa_sweeps.statistics import compare_answers, wilson_interval
from medqa_sweeps.trial.records import Prediction, Score
from medqa_sweeps.wording import (
    CI,
    NOT_RESOLVED,
    accuracy,
    better_or_worse,
    counted,
    gap,
    in_percent,
    limits,
    percent,
    step_name,
)

_BINS = 10


@dataclass(frozen=True)
class _Group:
    """Questions that share a field."""

    field: str  # "USMLE step"
    name: str
    questions: int | None  # None: not known
    share: float  # answered correctly
    base_share: float | None


def results(records: Records) -> Iterator[str]:
    yield from ("## Accuracy on the validation questions", "")
    score, base = records.result.score, records.result.baseline
    if score is None:
        yield from ("Not measured: the trial ended before its first evaluation.", "")
        return
    yield from (f"- {records.scored}: {overall(records)}", *_of_this_file(records))
    yield from (f"- its untuned base: {_written(base)}", *_gain(records))
    chance = _chance(records)
    yield from ([f"- guessing: {percent(chance)}"] if chance else [])
    yield from (f"- **{alarm.word}**: {alarm.sentence}" for alarm in records.alarms)
    yield ""
    yield from _table(_fields(records), bool(base))
    if score.accuracy_by_step and records.config.data.synthetic:
        yield from ("The USMLE steps are invented, as the questions are.", "")
    yield from _letters(records)
    yield from _calibration(records)


def _of_this_file(records: Records) -> list[str]:
    found = records.agreement
    if found is None:
        return []
    low, high = wilson_interval(round(found.accuracy * found.questions), found.questions)
    of_file, of_trial = accuracy(found.accuracy, low, high, found.questions), percent(found.trial_accuracy)
    return [f"- this file, read by {found.read_by}: {of_file}; the trial on the same questions: {of_trial}"]


def _written(score: Score | None) -> str:
    return "not measured" if score is None else accuracy(score.accuracy, score.low, score.high, score.questions)


def _gain(records: Records) -> list[str]:
    answers, base = records.answers, records.base_answers
    if not answers or answers.keys() != base.keys():
        return []
    right, base_right = (np.array([_is_right(given[id_]) for id_ in answers]) for given in (answers, base))
    gain = compare_answers(right, base_right)
    sure = "" if gain.low > 0 or gain.high < 0 else f" ({NOT_RESOLVED})"
    how = better_or_worse(gain.difference)
    of_one = ", and this interval is not corrected for the study's other configs" if records.study else ""
    by = gap(gain.difference, gain.low, gain.high)
    return [f"- beside its base: {how} by {by}{sure}, on the same questions{of_one}"]


def _is_right(answer: Prediction) -> bool:
    return answer.predicted == answer.gold


def _chance(records: Records) -> float | None:
    """The expected accuracy of guessing; None where the numbers of options are not known."""
    options = [len(answer.log_probabilities) for answer in records.answers.values()]
    return sum(1 / count for count in options) / len(options) if options and all(options) else None


def _fields(records: Records) -> list[_Group]:
    """By step and by region, as far as the questions have them."""
    score, base = records.result.score, records.result.baseline
    assert score is not None
    known = records.questions
    steps = _grouped(
        "USMLE step",
        score.accuracy_by_step,
        base.accuracy_by_step if base else {},
        Counter(question.step for question in known.values()),
    )
    regions = _grouped(
        "region",
        score.accuracy_by_region,
        base.accuracy_by_region if base else {},
        Counter(question.region for question in known.values()),
    )
    return steps + regions


def _grouped(
    field: str, shares: Mapping[str, float], base_shares: Mapping[str, float], counts: Mapping[str | None, int]
) -> list[_Group]:
    return [
        _Group(field, step_name(name), counts.get(name) or None, share, base_shares.get(name))
        for name, share in shares.items()
    ]


def _table(groups: list[_Group], has_base: bool) -> Iterator[str]:
    header = ["field", "value", "questions", "correct, %", CI, *["untuned base, %"] * has_base]
    yield from table(header, ([*_row(group), *_base_cell(group, has_base)] for group in groups))
    if any(group.questions is None for group in groups):
        yield from ("Where no number of questions stands, the questions could not be read when this was written.", "")


def _row(group: _Group) -> list[str]:
    if group.questions is None:
        return [group.field, group.name, "", in_percent(group.share), ""]
    interval = limits(*wilson_interval(round(group.share * group.questions), group.questions))
    return [group.field, group.name, f"{group.questions:,}", in_percent(group.share), interval]


def _base_cell(group: _Group, has_base: bool) -> list[str]:
    if not has_base:
        return []
    return ["" if group.base_share is None else in_percent(group.base_share)]


def _letters(records: Records) -> Iterator[str]:
    """By the letter of the correct answer, and how often each letter was answered."""
    answers = list(records.answers.values())
    given = Counter(answer.predicted for answer in answers)
    base = [answer for id_, answer in records.base_answers.items() if id_ in records.answers]
    rows = []
    for letter in sorted({answer.gold for answer in answers}):
        own, untuned = _of_letter(answers, letter), _of_letter(base, letter)
        interval = limits(*wilson_interval(sum(own), len(own)))
        before = in_percent(sum(untuned) / len(untuned)) if untuned else ""
        rows.append((letter, f"{len(own):,}", in_percent(sum(own) / len(own)), interval, before, f"{given[letter]:,}"))
    header = ("correct letter", "questions", "correct, %", CI, "untuned base, %", "times answered")
    yield from table(header, rows)
    if rows:
        none = f" {counted(given[None], 'answer')} held no letter." if given[None] else ""
        yield f"A model that prefers a letter is accurate where that letter is correct, and nowhere else.{none}"
        yield ""


def _of_letter(answers: list[Prediction], letter: str) -> list[bool]:
    return [_is_right(answer) for answer in answers if answer.gold == letter]


def _calibration(records: Records) -> Iterator[str]:
    yield from ("## Calibration", "")
    known = [(sure, _is_right(one)) for one in records.answers.values() if (sure := one.confidence()) is not None]
    score = records.result.score
    if not known or score is None or score.calibration_error is None:
        yield from ("Not assessed: the answers have no probabilities.", "")
        return
    mean = sum(sure for sure, _ in known) / len(known)
    right = sum(correct for _, correct in known) / len(known)
    yield (
        f"The model gives its answers a mean probability of {percent(mean)}; {percent(right)} of them are correct. "
        f"Expected calibration error {in_percent(score.calibration_error)} points "
        f"({records.config.evaluation.calibration_bins} ranges of equal width)."
    )
    yield ""
    yield from table(("probability of its answer, %", "answers", "correct, %", CI), _ranges(known))


def _ranges(known: list[tuple[float, bool]]) -> Iterator[tuple[str, ...]]:
    in_range: Callable[[float], int] = lambda sure: min(_BINS - 1, max(0, int(np.ceil(sure * _BINS)) - 1))  # noqa: E731
    for number in range(_BINS):
        right = [correct for sure, correct in known if in_range(sure) == number]
        if right:
            interval = limits(*wilson_interval(sum(right), len(right)))
            limits_of_range = f"{100 * number // _BINS} to {100 * (number + 1) // _BINS}"
            yield limits_of_range, f"{len(right):,}", in_percent(sum(right) / len(right)), interval
