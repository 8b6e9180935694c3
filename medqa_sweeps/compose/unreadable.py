"""What parsers of Hydra and YAML could not read, and a sweeper that does not fit `conf/config.yaml`, in a sentence."""

import re
from collections.abc import Sequence
from pathlib import Path

from hydra.errors import HydraException, OverrideParseException
from yaml import MarkedYAMLError, YAMLError

from medqa_sweeps.command_line import short_path

_SWEEPER = re.compile(r"hydra/sweeper=(?!async_optuna$)\S+$")
_UNEXPECTED = re.compile("(?:alternative at input|extraneous input|mismatched input|error at:) '(.*?)'")
_ADVICE = re.compile(r"\n?See http")


def unreadable(error: OverrideParseException) -> str:
    """Why Hydra's grammar does not take an override, without the grammar's names."""
    text = _ADVICE.split(re.sub(r"^Error parsing override '.*'\n", "", str(error)))[0]
    if "=" not in error.override and not error.override.startswith("~"):
        return f"it has no value. Write {error.override}=VALUE."
    if found := _UNEXPECTED.search(text):
        where = "at its end" if found[1] == "<EOF>" else f"at {found[1]}"
        return f"a quote, bracket or comma is missing or too many {where}."
    return f"{' '.join(text.split()).rstrip('.')}."


def unreadable_file(error: YAMLError) -> str:
    """Which file of a config group is not YAML, where and why."""
    mark = error.problem_mark or error.context_mark if isinstance(error, MarkedYAMLError) else None
    if mark is None or not isinstance(error, MarkedYAMLError):
        return f"A config file is not YAML: {' '.join(str(error).split())}. Correct it."
    where = f"{short_path(Path(mark.name))}, line {mark.line + 1}, column {mark.column + 1}"
    return f"{where}: this is not YAML: {error.problem or error.context}. Correct the file."


def another_sweeper(error: HydraException, overrides: Sequence[str]) -> str | None:
    """Of a sweeper that lacks the keys that `conf/config.yaml` gives the sweeper; None: that is not the error."""
    asked = [word for word in overrides if _SWEEPER.match(word)]
    if not asked or "hydra.sweeper." not in str(error.__cause__ or error):
        return None
    return f"{asked[-1]}: this program sweeps with hydra/sweeper=async_optuna, which is the default. Leave this out."
