"""A record as its source gives it, and the error for a record that is not a valid question."""

import reprlib
from dataclasses import dataclass
from typing import Any

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80


@dataclass(frozen=True)
class RawRecord:
    """One record as read from its source."""

    location: str  # for users: file and line, or data set and row
    fields: Any  # any JSON, CSV or Arrow value; usually a dict
    defect: str | None = None  # why it could not be parsed; `fields` is then its text


ALONE = "Fix or remove the record."  # the next step if the other records are good
GOLD = "its gold answer fits no option"


class BadRecord(Exception):
    """Why a record is not a valid question, as a clause that follows its location, and the next step.

    Args:
        about: equal for records that are bad for the same reason, however it is worded; by default the reason itself.
    """

    def __init__(self, reason: str, next_step: str = ALONE, is_config_error: bool = False, about: str = "") -> None:
        super().__init__(f"{reason}. {next_step}")
        self.reason, self.next_step, self.about = reason, next_step, about or reason
        self.is_config_error = is_config_error  # the config is wrong and the record may be valid: never quarantined


def short_repr(value: Any) -> str:
    """The repr of `value`, shortened if it is long or deep."""
    return _SHORT.repr(value)
