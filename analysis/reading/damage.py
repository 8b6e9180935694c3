"""One idea of damage for all files of a trial: what cannot be read is an error whose sentence names file and line.

A last line without its line feed is no damage: it is being written, or the process that wrote it died.
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml

from medqa_sweeps.errors import ConfigError

Content = TypeVar("Content")


@contextlib.contextmanager
def damage_of(file: Path, line: int | None = None) -> Iterator[None]:
    """Raises ConfigError, a sentence, for whatever a damaged or unreadable file makes its reader raise.

    Args:
        line: that is being read, counted from 1; None where the file has one record.
    """
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{file.name} cannot be read ({error.strerror}).") from error
    except (ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
        # The JSON of a line is one line: its own "line 1" would contradict the number of the line in the file.
        found = error.msg if line and isinstance(error, json.JSONDecodeError) else str(error)
        detail, at = " ".join(found.split())[:120], f" in line {line}" if line else ""
        raise ConfigError(f"{file.name} is damaged{at} ({type(error).__name__}: {detail}).") from error


def read_json_lines(file: Path, make: Callable[[Any], Content], naming: bytes = b"") -> Iterator[Content]:
    """What `make` makes of the object on each whole line; none if there is no file.

    Args:
        naming: lines without these bytes are passed over unread, as parsing is what takes time.

    Raises:
        ConfigError: at the first line that is damaged, or if the file cannot be read.
    """
    if not file.exists():
        return
    with damage_of(file), open(file, "rb") as lines:
        for number, text in enumerate(lines, start=1):
            if text.endswith(b"\n") and naming in text:
                with damage_of(file, number):
                    made = make(json.loads(text))
                yield made
