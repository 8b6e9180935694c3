"""What values of the schema may be: types that OmegaConf cannot say, and checks that name key and allowed values."""

import os
import re
from collections.abc import Iterator
from typing import Any

from medqa_sweeps.wording import setting

AUTO = "auto"
Tokens = int | str  # of a number of tokens: itself, or auto
Switch = bool | str  # true, false or auto
Sources = str | list[str] | None  # what a key holds that OmegaConf, without such a union, must know as Any
_HUB_ID = re.compile(r"\w[\w.-]*/[\w.-]+(?:@[\w./-]+)?")


def one_of(key: str, value: str, allowed: tuple[str, ...]) -> Iterator[str]:
    if value not in allowed:
        yield f"{key}={value}: allowed are {', '.join(allowed)}"


def in_range(key: str, value: float, low: float, high: float) -> Iterator[str]:
    if not low <= value <= high:
        yield f"{key}={value}: must be from {low} to {high}"


def tokens(key: str, value: object) -> Iterator[str]:
    if value != AUTO and not (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        yield f"{key}={setting(value)}: auto, or a whole number of tokens, 1 or more"


def texts_of(value: Any) -> list[str]:
    """The texts of a key that holds one, several or none."""
    return [] if value is None else list(value) if isinstance(value, list) else [value]


def texts(key: str, value: Any, allowed: str) -> Iterator[str]:
    texts = texts_of(value)
    if value == [] or not all(isinstance(one, str) and one.strip() for one in texts):
        yield f"{key}={setting(value)}: {allowed}"


def as_texts(value: Any) -> Any:
    """Numbers and truth values as texts, as OmegaConf makes them where it knows that a key is one of text."""
    if isinstance(value, list):
        return [as_texts(one) for one in value]
    return str(value) if isinstance(value, int | float) else value


def is_hub_id(encoder: str) -> bool:
    """Whether an encoder's name is ID or ID@REVISION of the hub: no folder of this machine has that name."""
    return bool(_HUB_ID.fullmatch(encoder)) and not os.path.isdir(encoder)


def is_encoding(name: str) -> bool:
    """Whether Python decodes text of this encoding, and not only, say, base64."""
    try:
        b"a".decode(name)
    except UnicodeDecodeError:  # half a character of UTF-16
        return True
    except (LookupError, ValueError):
        return False
    return True
