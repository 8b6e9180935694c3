"""Damaged files: one error message for all of them, which names the file, the defect and the next step."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import yaml

from medqa_sweeps.errors import ConfigError

# Raised by parsing a damaged file, or by building a record from it.
PARSE_ERRORS = (ValueError, TypeError, KeyError, AttributeError, RecursionError, yaml.YAMLError)
RESTORE_FROM_BACKUP = "Restore it from a backup."
YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C loader is ten times as fast, if it is installed
_DETAIL_CHARACTERS = 120


@contextlib.contextmanager
def parsing(file: Path, remedy: str = RESTORE_FROM_BACKUP, line: int | None = None) -> Iterator[None]:
    """A context in which `file` is parsed.

    Args:
        remedy: the next step, in whole sentences.
        line: from 1, if only one line of the file is parsed.

    Raises:
        ConfigError: if the file is damaged.
    """
    try:
        yield
    except PARSE_ERRORS as error:
        where = "" if line is None else f" in line {line:,}"
        # JSON's own message says "line 1" here, which would contradict the line number in the file.
        found = error.msg if line is not None and isinstance(error, json.JSONDecodeError) else str(error)
        detail = " ".join(found.split())[:_DETAIL_CHARACTERS]
        raise ConfigError(f"{file} is damaged{where} ({type(error).__name__}: {detail}). {remedy}") from error


@contextlib.contextmanager
def reading(file: Path) -> Iterator[None]:
    """As `parsing`, for a file that must exist.

    Raises:
        ConfigError: also if the operating system cannot read it.
    """
    try:
        with parsing(file):
            yield
    except OSError as error:
        raise ConfigError(f"{file} cannot be read ({error.strerror}).") from error
