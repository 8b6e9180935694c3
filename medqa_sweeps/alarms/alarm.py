"""One alarm, and the text of several alarms in one line."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Alarm:
    """A reason not to trust a trial's score, found in the trial's folder."""

    name: str  # stable, for tags and columns: "one_letter"
    sentence: str  # for users, without a full stop: "the model answers D to 325 of 400 questions"
    about_data: bool = False  # applies to every trial on these questions, so a study shows it once

    @property
    def word(self) -> str:
        """What people see it called: a caution is no fault of the trial."""
        return "caution" if self.about_data else "alarm"


def about_the_trial(alarms: Iterable[Alarm]) -> list[Alarm]:
    """The alarms that do not apply to every trial on the same questions."""
    return [alarm for alarm in alarms if not alarm.about_data]


def alarm_text(alarms: Iterable[Alarm]) -> str:
    """`alarm: SENTENCE; SENTENCE`, for the end of a line; of the data `caution: SENTENCE`. Empty if there are none."""
    by_word: dict[str, list[str]] = {}
    for alarm in alarms:
        by_word.setdefault(alarm.word, []).append(alarm.sentence)
    return "; ".join(f"{word}: {'; '.join(sentences)}" for word, sentences in by_word.items())
