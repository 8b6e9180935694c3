"""Turns errors that libraries raise while reading a base's files into errors with a next step."""

import functools
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from medqa_sweeps.base.located import BaseModel
from medqa_sweeps.errors import DISK_IS_FULL, ConfigError, FailureKind, TrialError, describe_error, kind_of

_SHOWN_CHARACTERS = 300
Arguments = ParamSpec("Arguments")
Returned = TypeVar("Returned")


def reads_base(
    function: Callable[Concatenate[BaseModel, Arguments], Returned],
) -> Callable[Concatenate[BaseModel, Arguments], Returned]:
    """Decorates a function in which a library reads a base's files: errors caused by these files become ConfigErrors.

    Errors of memory, devices, disks and our own code keep their kinds.
    """

    @functools.wraps(function)
    def read(base: BaseModel, *arguments: Arguments.args, **named: Arguments.kwargs) -> Returned:
        try:
            return function(base, *arguments, **named)
        except TrialError:
            raise
        except Exception as error:
            elsewhere = kind_of(error) is not FailureKind.INTERNAL or getattr(error, "errno", None) in DISK_IS_FULL
            if elsewhere or _is_raised_by_us(error):
                raise
            traceback.print_exc()  # the trial's log keeps the whole traceback
            raise ConfigError(
                f"{base.label} cannot be used: {_shortened(describe_error(error))} Its files are in {base.folder}: "
                "fetch them again, or choose a model that the installed transformers and unsloth support."
            ) from error

    return read


def _is_raised_by_us(error: BaseException) -> bool:
    return Path(traceback.extract_tb(error.__traceback__)[-1].filename).is_relative_to(Path(__file__).parents[1])


def _shortened(text: str) -> str:
    """The text in one line, with a full stop."""
    return " ".join(text.split())[:_SHOWN_CHARACTERS].rstrip(" .") + "."
