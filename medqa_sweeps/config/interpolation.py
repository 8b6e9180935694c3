"""Values as OmegaConf must be given them to hold these very values: it reads `${...}` in every text."""

import re
from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from typing import Any

from medqa_sweeps.errors import ConfigError

_MISSING = "???"  # OmegaConf's mark of a value that is still to come
_INTERPOLATION = re.compile(r"(\\*)\$\{")


def literal(value: Any, key: str = "value") -> Any:
    r"""`value` with every `${` in its texts written as `\${`, which OmegaConf takes for text.

    Args:
        value: None, a bool, a number, a text or path, or a list or mapping of those.
        key: to name in an error.

    Raises:
        ConfigError: for any other type, and for the text "???", of which OmegaConf knows no other meaning.
    """
    match value:
        case None | bool() | int() | float():
            return value
        case str() | PathLike():
            return _literal_text(fspath(value), key)
        case Mapping():
            return {name: literal(inner, f"{key}.{name}") for name, inner in value.items()}
        case Sequence() if not isinstance(value, bytes | bytearray):
            return [literal(inner, key) for inner in value]
    raise ConfigError(
        f"{key}: {value!r} is of the type {type(value).__name__}. Allowed are null, true, false, numbers, texts, and "
        "lists and mappings of those."
    )


def _literal_text(text: str, key: str) -> str:
    if text == _MISSING:
        raise ConfigError(f"{key}: the text {text!r} is how OmegaConf marks a missing value. Give another text.")
    return _INTERPOLATION.sub(r"\1\1\\${", text)
