"""Which keys a config has, and what to say of one that it does not have: by name, with the nearest that it has.

`key.dotted` is how people write a setting. A mapping of a dataclass has the dataclass's fields and no others, however
a key came into it; any other mapping has what is in it.
"""

import dataclasses
import difflib
import typing
from collections.abc import Iterable, Iterator
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    MissingMandatoryValue,
    OmegaConfBaseException,
    ValidationError,
)

# difflib's ratio from which a key is near: as a whole, in its last word alone, in that when the group is the same.
_NEAR, _NEAR_LAST, _NEAR_IN_A_GROUP = 0.7, 0.75, 0.3
_SAME_GROUP = 0.07  # what that adds; an equal word elsewhere (ratio 1) still comes before a near one here
_PLAIN = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def keys_of(node: DictConfig, prefix: str = "") -> Iterator[str]:
    """The keys that `node` has, groups and what is in them."""
    schema = _schema(node)
    for key, child in _items(node, prefix):
        if schema is None or key.removeprefix(prefix) in schema:
            yield key
            yield from keys_of(child, f"{key}.") if _has_keys(child) else ()


def unknown_keys(node: DictConfig, prefix: str = "") -> Iterator[str]:
    """The keys in `node` that the dataclasses of it and its groups do not know. Hydra's `+` puts them there."""
    schema = _schema(node)
    for key, child in _items(node, prefix):
        if schema is not None and key.removeprefix(prefix) not in schema:
            yield key
        elif _has_keys(child):
            yield from unknown_keys(child, f"{key}.")


def not_a_setting(key: str, known: Iterable[str]) -> str:
    """The sentence that refuses `key`, with the nearest of the keys that are known, or with those beside it."""
    known = [one for one in known if "._" not in one]  # hydra.launcher._target_: nobody types it
    group = key.rpartition(".")[0]
    beside = [one.rpartition(".")[2] for one in known if one.rpartition(".")[0] == group]
    if near := nearest(key, [one for one in known if one != group or not beside]):
        return f"{key} is not a setting. Did you mean {near}?"
    told = f"{key} is not a setting. {group or 'A config'} has {', '.join(beside)}."
    if key.isidentifier() and "tracking.notes" in known:
        told += f" Your own notes go to tracking.notes.{key}."
    return told


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was most likely meant to be; None if none is near."""
    scored = max(((*_likeness(name, one), one) for one in known), default=None)
    return scored[-1] if scored is not None and scored[0] > 0 else None


def said(error: OmegaConfBaseException) -> str:
    """What OmegaConf refused, in a sentence that begins with the key."""
    key, parent = error.full_key, error.parent_node
    match error:
        case ConfigKeyError() | ConfigAttributeError() if key and parent is not None:
            return not_a_setting(key, _neighbours(key, parent._get_root()))
        case MissingMandatoryValue() if key:
            return f"{key} has no value: give it one, {key}=VALUE."
        case ValidationError() if key and (allowed := _allowed(error)):
            sampled = isinstance(error.value, float) and allowed.startswith(_PLAIN[int])
            hint = "; an interval of those is int(interval(LOW,HIGH))" if sampled else ""
            return f"{key}={_written(error.value)}: must be {allowed}{hint}."
    told = str(error.msg or error).partition("\n")[0].rstrip(".")
    return f"{key}: {told}." if key else f"{told}."


def _schema(node: DictConfig) -> list[str] | None:
    """The fields of the node's dataclass; None: it has none."""
    kind = OmegaConf.get_type(node)
    return [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else None


def _items(node: DictConfig, prefix: str) -> Iterator[tuple[str, Any]]:
    return ((prefix + str(key), child) for key, child in node.items_ex(resolve=False))


def _has_keys(node: Any) -> bool:
    return isinstance(node, DictConfig) and len(node) > 0  # of null, ??? and an interpolation the length is 0


def _likeness(name: str, other: str) -> tuple[float, float]:
    """How alike two keys are, as a whole or in their last words, 0 when neither is near; then, as a whole."""
    (group, _, word), (other_group, _, other_word) = name.rpartition("."), other.rpartition(".")
    whole, last, together = _ratio(name, other), _ratio(word, other_word), group == other_group
    alike = whole >= _NEAR and (last >= _NEAR_IN_A_GROUP or not together)
    return max(whole + _SAME_GROUP * together if alike else 0.0, last if last >= _NEAR_LAST else 0.0), whole


def _ratio(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()


def _neighbours(key: str, root: DictConfig) -> Iterator[str]:
    """The keys that `key` may have been meant to be: Hydra's own for one of Hydra's, else those of the program."""
    if key.startswith("hydra."):
        return keys_of(root.hydra, "hydra.")
    return (one for one in keys_of(root) if one.partition(".")[0] != "hydra")


def _allowed(error: ValidationError) -> str | None:
    """What the schema says may stand there; None: it says nothing."""
    parent = OmegaConf.get_type(error.parent_node) if error.parent_node is not None else None
    if dataclasses.is_dataclass(parent):
        kind = typing.get_type_hints(parent).get(str(error.key))
    elif isinstance(error.parent_node, DictConfig | ListConfig):  # one of tracking.notes, lora.target_modules
        kind = error.parent_node._metadata.element_type
    else:
        return None
    kinds = typing.get_args(kind) if kind is not None and type(None) in typing.get_args(kind) else (kind,)
    texts = [_kind(one) for one in kinds]
    return None if None in texts else " or ".join(filter(None, texts))


def _kind(kind: Any) -> str | None:
    if kind is type(None):
        return "null"
    if typing.get_origin(kind) is list:
        return "a list in brackets, such as [a,b]"
    return _PLAIN.get(kind)


def _written(value: Any) -> str:
    return "null" if value is None else str(value)
