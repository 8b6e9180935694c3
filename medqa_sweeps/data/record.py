"""A record on its way to become a question: as its source gives it, and why it may be none."""

import reprlib
from dataclasses import dataclass
from typing import Any

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80


@dataclass(frozen=True)
class Record:
    """What a source yields."""

    place: str  # for people: file and line, or data set and row
    fields: Any  # anything that JSON, CSV or Arrow can hold; usually a dict
    defect: str | None = None  # why it could not even be read; `fields` is then its text


ALONE = "Mend or remove the record."  # what to do about one among others that are good
GOLD = "its gold answer fits no option"


class BadRecord(Exception):
    """Why a record is no question, in words that follow its place, and what to do about it.

    Args:
        about: equal for records that are bad for one reason, in whatever words; else the reason itself.
    """

    def __init__(self, reason: str, next_step: str = ALONE, mend_config: bool = False, about: str = "") -> None:
        super().__init__(f"{reason}. {next_step}")
        self.reason, self.next_step, self.about = reason, next_step, about or reason
        self.mend_config = mend_config  # the record may be good and the config is not: never to be set aside


def shown(value: Any) -> str:
    """`value` as people would type it, long or deep ones shortened."""
    return _SHORT.repr(value)
