"""One alarm, and the text of several alarms in one line."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Alarm:
    """A reason not to trust a trial's score, found in the trial's folder."""

    name: str  # stable, for tags and columns: "one_letter"
    sentence: str  # for users, without a full stop: "the model answers D to 325 of 400 questions"
    about_data: bool = False  # applies to every trial on these questions, so a study shows it once


def about_the_trial(alarms: Iterable[Alarm]) -> list[Alarm]:
    """The alarms that do not apply to every trial on the same questions."""
    return [alarm for alarm in alarms if not alarm.about_data]


def alarm_text(alarms: Iterable[Alarm]) -> str:
    """`alarm: SENTENCE; SENTENCE`, for the end of a line; empty if there are none."""
    sentences = "; ".join(alarm.sentence for alarm in alarms)
    return f"alarm: {sentences}" if sentences else ""
