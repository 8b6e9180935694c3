"""Values written as Hydra overrides, `key=value`, so that Hydra reads the same values back; and overrides read so that
a key of text holds the text that was typed.

Hydra's grammar knows no types of keys: it reads `1_1_1` as the number 111, `1e3` as 1000.0 and `true` as True, and a
key of text then holds "111", "1000.0" and "True".
"""

import dataclasses
import functools
import itertools
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from antlr4 import CommonTokenStream, InputStream
from hydra._internal.grammar.utils import escape_special_characters
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException
from hydra.grammar.gen.OverrideLexer import OverrideLexer
from hydra.grammar.gen.OverrideParser import OverrideParser
from omegaconf import DictConfig, ListConfig, Node, OmegaConf, PathNode, StringNode

from medqa_sweeps.config.checks import Sources
from medqa_sweeps.config.interpolation import literal
from medqa_sweeps.errors import ConfigError

_NUMBERS: Mapping[int, Callable[[str], Any]] = {  # what Hydra makes of a token
    OverrideLexer.INT: int,
    OverrideLexer.FLOAT: float,
    OverrideLexer.BOOL: lambda text: text.lower() == "true",
}
_MAY_CHANGE = re.compile(r"=.*(?:\d|true|false|inf|nan)", re.IGNORECASE | re.DOTALL)
_OF_NUMBERS = ("int", "float", "bool", "range", "interval")  # functions whose arguments are none of text
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


def with_typed_texts(override: Override, config: DictConfig) -> Override:
    """The override, with the texts that were typed wherever a key of `config` is one of text.

    Args:
        config: whose schema tells the types. A key without one takes what Hydra reads.
    """
    word, kind = override.input_line, _kind_of(config, override.key_or_group)
    if word is None or not _MAY_CHANGE.search(word) or not _holds_text(kind):
        return override
    spans = list(_changed_texts(_tree(word), kind))
    for start, stop in reversed(spans):
        word = f"{word[:start]}'{word[start:stop]}'{word[stop:]}"
    return dataclasses.replace(_parser().parse_override(word), config_loader=override.config_loader)


def is_text(config: DictConfig, keys: Sequence[str | int]) -> bool:
    """Whether the schema of `config` says that text is there: by the keys on the way, numbers for items of a list."""
    return _is_text(functools.reduce(_inner, keys, config))


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


def _tree(word: str) -> OverrideParser.OverrideContext:
    """What Hydra's parser makes of an override that it can read, before values are made of it."""
    return OverrideParser(CommonTokenStream(OverrideLexer(InputStream(word)))).override()


def _changed_texts(context: Any, kind: Any) -> Iterator[tuple[int, int]]:
    """Where in the override a text was typed that would become another one: its first character, and the one behind."""
    match context:
        case OverrideParser.PrimitiveContext():
            typed = [node.symbol for node in context.getChildren() if node.symbol.type != OverrideLexer.WS]
            if len(typed) == 1 and typed[0].type in _NUMBERS and _is_text(kind):
                text = typed[0].text
                if str(_NUMBERS[typed[0].type](text)) != text:
                    yield typed[0].start, typed[0].stop + 1
        case OverrideParser.DictKeyValuePairContext():
            yield from _changed_texts(context.element(), _inner(kind, context.dictKey().getText().strip()))
        case OverrideParser.ListContainerContext():
            for element in context.element():
                yield from _changed_texts(element, _inner(kind, 0))
        case OverrideParser.FunctionContext():
            children = list(context.getChildren())
            for before, child in itertools.pairwise(children):
                is_named = isinstance(before, OverrideParser.ArgNameContext)  # sort(…, reverse=true)
                if children[0].getText() not in _OF_NUMBERS and not is_named:
                    yield from _changed_texts(child, kind)
        case _:
            for child in context.getChildren() if context.getChildCount() else ():
                yield from _changed_texts(child, kind)


def _kind_of(config: DictConfig, key: str) -> Any:
    """What the schema says of a key: its node where it is there, else a type; Any: it says nothing."""
    return functools.reduce(_inner, key.replace("[", ".").replace("]", "").split("."), config)


def _inner(kind: Any, name: str | int) -> Any:
    """Of an item of a list or mapping."""
    match kind:
        case DictConfig() if (declared := _declared(OmegaConf.get_type(kind), name)) is not None:
            return declared
        case DictConfig():
            inner = kind._get_node(name, validate_access=False) if isinstance(kind._content, dict) else None
            return kind._metadata.element_type if inner is None else inner
        case ListConfig():
            return kind._metadata.element_type
    if dataclasses.is_dataclass(kind):
        return _declared(kind, name) or typing.get_type_hints(kind).get(str(name), Any)
    if kind == Sources:
        return str
    arguments = [one for one in _arguments(kind) if one is not types.NoneType]
    return arguments[-1] if arguments else Any


def _declared(kind: Any, name: str | int) -> Any:
    """The type of a field that OmegaConf knows as Any, as it has no union with a list; None: it knows the type."""
    fields = dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ()
    return next((field.metadata.get("type") for field in fields if field.name == name), None)


def _arguments(kind: Any) -> tuple[Any, ...]:
    """`str` of `list[str]`, also where it may be null."""
    inner = typing.get_args(kind)
    one = [each for each in inner if each is not types.NoneType]
    return typing.get_args(one[0]) if types.NoneType in inner and len(one) == 1 else inner


def _is_text(kind: Any) -> bool:
    is_text = kind is str or kind == Sources or set(typing.get_args(kind)) == {str, types.NoneType}
    return isinstance(kind, StringNode | PathNode) or is_text


def _holds_text(kind: Any) -> bool:
    """Whether there may be text in it: a number's key never has."""
    is_leaf = isinstance(kind, Node) and not isinstance(kind, DictConfig | ListConfig)
    return _is_text(kind) or not (is_leaf or kind is Any)
