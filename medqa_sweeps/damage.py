"""One idea of damage: a file that is not what was written to it, told in a sentence that names it and the next step."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import yaml

from medqa_sweeps.errors import ConfigError

# What parsing such a file raises, and making a record of what was parsed.
NOT_WHAT_WAS_WRITTEN = (ValueError, TypeError, KeyError, AttributeError, RecursionError, yaml.YAMLError)
FROM_A_COPY = "Bring it back from a copy."
YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C: ten times as fast, where it was built
_DETAIL_CHARACTERS = 120


@contextlib.contextmanager
def told(file: Path, remedy: str = FROM_A_COPY, line: int | None = None) -> Iterator[None]:
    """Within, `file` is read.

    Args:
        remedy: whole sentences: what to do about it.
        line: from 1, where one line of the file is read.

    Raises:
        ConfigError: if it is damaged.
    """
    try:
        yield
    except NOT_WHAT_WAS_WRITTEN as error:
        where = "" if line is None else f" in line {line:,}"
        # The JSON of a line is one line: its own "line 1" would contradict the number of the line in the file.
        found = error.msg if line is not None and isinstance(error, json.JSONDecodeError) else str(error)
        detail = " ".join(found.split())[:_DETAIL_CHARACTERS]
        raise ConfigError(f"{file} is damaged{where} ({type(error).__name__}: {detail}). {remedy}") from error


@contextlib.contextmanager
def readable(file: Path) -> Iterator[None]:
    """As `told`, for a file that is there.

    Raises:
        ConfigError: also if the system refuses to read it.
    """
    try:
        with told(file):
            yield
    except OSError as error:
        raise ConfigError(f"{file} cannot be read ({error.strerror}).") from error
