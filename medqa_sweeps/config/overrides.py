"""Values written as Hydra overrides, `key=value`, so that Hydra reads the same values back."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from hydra._internal.grammar.utils import escape_special_characters
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

from medqa_sweeps.config.interpolation import literal
from medqa_sweeps.errors import ConfigError

_KNOWN = 4096  # texts whose quotes are remembered: to parse one takes a tenth of a millisecond


def override(key: str, value: Any) -> str:
    """`key=value` with which Hydra composes exactly this value; a mapping is merged into the one that is there.

    Args:
        value: None, a bool, a number, a text or path, or a list or mapping of those.

    Raises:
        ConfigError: for any other type, the text "???", and a mapping's key that needs quotes, which Hydra's keys
            cannot have.
    """
    return f"{key}={written(literal(value, key))}"


def key_of(word: str) -> str:
    """`lora.r` of `lora.r=8`, `++lora.r=8` and `~lora.r`."""
    return word.lstrip("+~").partition("=")[0]


def overrides_among(arguments: Sequence[str]) -> list[str]:
    """The overrides of a Hydra program's arguments, without its options and their values."""
    given: list[str] = get_args_parser().parse_known_args(list(arguments))[0].overrides
    return given


def written(element: Any) -> str:
    """How a command line says what Hydra has parsed: one way for all ways of saying it, interpolations kept.

    Raises:
        ConfigError: for a mapping's key that needs quotes.
    """
    text = _plain(element)
    return text if isinstance(text, str) and _reads_as(text, text) else _item(text)


def _item(element: Any) -> str:
    """As `written`, where a text may also stand in a list or mapping: there a comma and nothing at all need quotes."""
    match _plain(element):
        case None:
            return "null"
        case bool() as value:
            return str(value).lower()
        case int() | float() as number:
            return str(number)
        case str() as text:
            return text if _is_bare_item(text) else QuotedString(text, Quote.single).with_quotes()
        case Mapping() as mapping:
            return "{" + ",".join(f"{_mapping_key(key)}:{_item(value)}" for key, value in mapping.items()) + "}"
        case items:
            return "[" + ",".join(map(_item, items)) + "]"


def _plain(element: Any) -> Any:
    return element.text if isinstance(element, QuotedString) else element


def _mapping_key(key: Any) -> str:
    text = escape_special_characters(key) if isinstance(key, str) else _item(key)
    if not _reads_as(f"{{{text}:0}}", {key: 0}):
        raise ConfigError(
            f"{key!r} cannot be a key in an override: Hydra takes letters, digits and /-\\+.$%*@?| there."
        )
    return text


@functools.lru_cache(_KNOWN)
def _is_bare_item(text: str) -> bool:
    return _reads_as(f"[{text}]", [text]) and _reads_as(f"{{key:{text}}}", {"key": text})


def _reads_as(words: str, value: Any) -> bool:
    try:
        parsed = _parser().parse_override(f"key={words}").value()
    except HydraException:
        return False
    return type(parsed) is type(value) and bool(parsed == value)


@functools.cache
def _parser() -> OverridesParser:
    return OverridesParser.create()
