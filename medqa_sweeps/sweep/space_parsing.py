r"""Hydra's words read as a search space.

    lora.r=8,16  lora.r='choice(8,16)'  lora.r='range(8,17,8)'  model='glob(gemma3*)'      finite: enumerable
    optimizer.lr='interval(1e-5,1e-3)'  optimizer.lr='tag(log,interval(1e-5,1e-3))'        intervals: sampled
    hydra.sweeper.zip='[[lora.r,lora.alpha]]'                                              lists that move together
    hydra.sweeper.when='{lora\=dora: {optimizer.lr: "interval(1e-5,1e-4)"}}'               spaces that depend

The syntax is upstream's (hydra-optuna-sweeper); zip and when are ours.
"""

import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig
from optuna.distributions import CategoricalDistribution

from medqa_sweeps.config.overrides import override
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.sweep.knob import Fixed, Knob, text_of
from medqa_sweeps.sweep.knob_parsing import parts_of
from medqa_sweeps.sweep.search_space import SearchSpace


def parse_search_space(
    arguments: Sequence[str],
    params: Mapping[str, Any],
    zip_groups: Sequence[Sequence[str]],
    when: Mapping[str, Mapping[str, Any]],
    config_loader: ConfigLoader | None,
    config: DictConfig | None = None,
) -> SearchSpace:
    """The space of a command line, of `hydra.sweeper.params` and of `when`; the command line wins over both.

    Args:
        arguments: Hydra overrides; those without several values are fixed.
        params: key to a value or sweep in the same syntax.
        zip_groups: keys whose lists move together, all of them in one space: this one or a branch's.
        when: "key=value" to params that exist only where the key has that value.
        config_loader: finds what `glob` stands for; without it glob is refused.
        config: whose schema tells which keys hold text, as typed; without it every value is what Hydra reads.

    Raises:
        ConfigError: for words that cannot be parsed, ranges without a value, lists to zip that are not of one length,
            conditions on keys that are not there, keys that would be searched twice at one point.
    """
    read = functools.partial(parts_of, config_loader=config_loader, config=config)
    typed = read(arguments)
    parts = read(_overrides(params)) | typed
    conditions = [_condition(read([text]), text, inner, parts) for text, inner in when.items()]
    inner_groups = [group for group in zip_groups if any(set(group) <= set(inner) for inner in when.values())]
    own = _zipped(parts, [group for group in zip_groups if group not in inner_groups])
    branches = []
    for condition, inner in zip(conditions, when.values(), strict=True):
        there = {key: part for key, part in read(_overrides(inner)).items() if key not in typed}
        there = _zipped(there, [group for group in inner_groups if set(group) <= set(inner)])
        named = [replace(part, where=condition.text) if isinstance(part, Knob) else part for part in there.values()]
        branches.append((condition.key, text_of(condition.value), SearchSpace(tuple(named))))
    space = SearchSpace(tuple(own.values()), tuple(branches))
    _check_searched_once(space)
    return space


def _overrides(params: Mapping[str, Any]) -> list[str]:
    return [f"{key}={value}" if isinstance(value, str) else override(key, value) for key, value in params.items()]


def _condition(read: Mapping[str, Fixed | Knob], text: str, inner: object, parts: Mapping[str, Fixed | Knob]) -> Fixed:
    """The key and value of "key=value", written in the one way that values are written here."""
    for condition in read.values():
        if isinstance(condition, Fixed) and condition.key in parts and isinstance(inner, Mapping):
            return condition
    raise ConfigError(
        f"hydra.sweeper.when: {text!r}: {inner!r} does not depend on this sweep; give KEY=VALUE and its own keys and "
        f"values, KEY one of {', '.join(sorted(parts)) or 'the keys of this sweep, which has none yet'}."
    )


def _check_searched_once(space: SearchSpace) -> None:
    """A key has one knob at each point, or points that differ in its other knob would be the same experiment."""
    spaces = [("", "", replace(space, branches=())), *space.branches]
    for (key, value, one), (other_key, other_value, other) in itertools.combinations(spaces, 2):
        shared = one.keys & other.keys
        if shared and (key != other_key or value == other_value):
            there = f"where {key}={value}, which can hold too" if key else "everywhere"
            raise ConfigError(
                f"hydra.sweeper.when: {', '.join(sorted(shared))} is searched where {other_key}={other_value}, and "
                f"{there}; take it out of one of the two."
            )


def _zipped(parts: Mapping[str, Fixed | Knob], groups: Sequence[Sequence[str]]) -> dict[str, Fixed | Knob]:
    """By name; the parts of a group made one, at the place of the first of them."""
    for group in groups:
        if isinstance(group, str) or len(set(group)) < max(2, len(group)):
            raise ConfigError(
                f"hydra.sweeper.zip: {group!r} is no group; give lists of two or more keys, each once: "
                "[[lora.r,lora.alpha]]."
            )
        members = [part for key in group if isinstance(part := parts.get(key), Knob)]
        if len(members) < len(group):
            missing = ", ".join(key for key in group if key not in {member.name for member in members})
            raise ConfigError(
                f"hydra.sweeper.zip: {missing} has no list of values here; give it one, or take it out of "
                f"the group {', '.join(group)}."
            )
        lengths = [len(member.typed) for member in members]
        if len(set(lengths)) > 1 or 0 in lengths:
            told = ", ".join(f"{one.name} has {len(one.typed) or 'no end of'} values" for one in members)
            raise ConfigError(f"hydra.sweeper.zip: {told}; give lists of one length to keys that move together.")
        rows = {", ".join(map(text_of, row)): row for row in zip(*(member.typed for member in members), strict=True)}
        together = Knob(tuple(group), CategoricalDistribution(list(rows)), together=tuple(rows.values()))
        named = [(together.name, together) if key in group else (key, part) for key, part in parts.items()]
        parts = dict(named)
    return dict(parts)
