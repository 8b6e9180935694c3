"""One alarm, and how several are written in a line."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Alarm:
    """A reason not to trust a trial's score, found in its own record."""

    name: str  # never changes, for tags and columns: "one_letter"
    sentence: str  # for people, without a full stop: "the model answers D to 325 of 400 questions"
    about_data: bool = False  # true of every trial on these questions, so that a study says it once


def about_the_trial(alarms: Iterable[Alarm]) -> list[Alarm]:
    """Those that other trials on the same questions need not have."""
    return [alarm for alarm in alarms if not alarm.about_data]


def written(alarms: Iterable[Alarm]) -> str:
    """`alarm: SENTENCE; SENTENCE`, to stand at the end of a line; empty if there are none."""
    sentences = "; ".join(alarm.sentence for alarm in alarms)
    return f"alarm: {sentences}" if sentences else ""
