r"""What a sweep searches: Hydra's words read as an Optuna search space, and points of it written as Hydra's words.

    lora.r=8,16  lora.r='choice(8,16)'  lora.r='range(8,17,8)'  model='glob(gemma3*)'      finite: enumerable
    optimizer.lr='interval(1e-5,1e-3)'  optimizer.lr='tag(log,interval(1e-5,1e-3))'        intervals: sampled
    hydra.sweeper.zip='[[lora.r,lora.alpha]]'                                              lists that move together
    hydra.sweeper.when='{lora\=dora: {optimizer.lr: "interval(1e-5,1e-4)"}}'               spaces that depend

The syntax is upstream's (hydra-optuna-sweeper); zip and when are ours. Pure: no study, no file, no composing.
"""

import functools
import itertools
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.object_type import ObjectType
from hydra.core.override_parser import types as parsed
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial

from medqa_sweeps.compose.refusals import GRAMMAR
from medqa_sweeps.config.overrides import override, with_typed_texts, written
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.randomness import shuffled

# What Optuna and Hydra's command line both take. A str is in Hydra's words: quoted where it must be; null is "null".
Value = str | int | float | bool | None

_SHOWN_VALUES = 12
_LOOKED_THROUGH = 1000  # values of a list


@dataclass(frozen=True)
class Fixed:
    """One value of one key."""

    key: str
    value: Value
    text: str  # as it goes to Hydra: "key=value", "~key"


@dataclass(frozen=True)
class _Steps:
    """A range of floats without the drift of adding: 0.3, not 0.30000000000000004."""

    start: Decimal
    step: Decimal
    count: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> float:
        return float(self.start + range(self.count)[index] * self.step)

    def __iter__(self) -> Iterator[float]:
        return (self[index] for index in range(self.count))

    def nearest(self, value: float) -> float:
        return float(self.start + round((Decimal(value) - self.start) / self.step) * self.step)


@dataclass(frozen=True)
class Knob:
    """What Optuna calls a parameter: one key, or several that move together."""

    keys: tuple[str, ...]
    distribution: BaseDistribution
    typed: tuple[Value, ...] | range | _Steps = ()  # values in the order typed, twice if typed twice; none: an interval
    together: tuple[tuple[Value, ...], ...] = ()  # zip: a row of values, one a key, for each choice
    where: str = ""  # its branch's condition: branches may differ, and Optuna knows one distribution a name

    @property
    def name(self) -> str:
        return ",".join(self.keys) + (f" where {self.where}" if self.where else "")

    @property
    def size(self) -> int | None:
        """Number of values; None: an interval."""
        if isinstance(self.distribution, CategoricalDistribution):
            return len(self.distribution.choices)
        return len(self.typed) or None

    @property
    def interval(self) -> tuple[float, float, bool] | None:
        """Both ends, and whether it is logarithmic; None: it has values of its own."""
        match self.distribution:
            case IntDistribution(low=low, high=high, log=log) | FloatDistribution(low=low, high=high, log=log):
                return None if self.typed else (low, high, log)
        return None

    def values(self) -> Iterable[Value]:
        """Every value once, in the order typed; of a finite knob only, and only as many at once as are asked for."""
        return self.distribution.choices if isinstance(self.distribution, CategoricalDistribution) else self.typed

    def by_key(self, value: Value) -> dict[str, Value]:
        """The value of each key."""
        if self.together:
            assert isinstance(self.distribution, CategoricalDistribution)
            return dict(zip(self.keys, self.together[self.distribution.choices.index(value)], strict=True))
        if isinstance(self.typed, _Steps):  # what Optuna samples has drifted
            assert isinstance(value, float)
            value = self.typed.nearest(value)
        return {self.keys[0]: value}


@dataclass(frozen=True)
class SearchSpace:
    """The knobs, what is fixed beside them, and the spaces that exist only where a key has a value."""

    parts: tuple[Fixed | Knob, ...]  # in the order typed
    branches: tuple[tuple[str, str, "SearchSpace"], ...] = ()  # key, value, what exists then

    @property
    def knobs(self) -> tuple[Knob, ...]:
        return tuple(part for part in self.parts if isinstance(part, Knob))

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """By the knobs' names, those of the branches included."""
        own = {knob.name: knob.distribution for knob in self.knobs}
        return {**own, **{name: one for _, _, space in self.branches for name, one in space.distributions.items()}}

    @property
    def keys(self) -> set[str]:
        """That are searched, somewhere."""
        own = {key for knob in self.knobs for key in knob.keys}
        return own.union(*(space.keys for _, _, space in self.branches))

    @property
    def fixed(self) -> list[str]:
        """Words that go to every trial."""
        return [part.text for part in self.parts if isinstance(part, Fixed)]

    @property
    def size(self) -> int | None:
        """Number of points; None: there are intervals, so there is no end of them."""
        asked = {key for key, _, _ in self.branches}
        deciding = [knob for knob in self.knobs if asked & set(knob.keys)]
        sizes = [knob.size for knob in self.knobs if knob not in deciding]
        if any(knob.size is None for knob in deciding) or None in sizes:
            return None
        total = 0
        for values in itertools.product(*(knob.values() for knob in deciding)):
            point = {knob.name: value for knob, value in zip(deciding, values, strict=True)}
            inner = [space.size for space in self._open(point)]
            if None in inner:
                return None
            total += math.prod(size for size in inner if size is not None)
        return total * math.prod(size for size in sizes if size is not None)

    def points(self) -> Iterator[dict[str, Value]]:
        """Every point of a finite space once: values by knob, of the knobs that exist there."""
        for values in _product([knob.values for knob in self.knobs]):
            point = {knob.name: value for knob, value in zip(self.knobs, values, strict=True)}
            for inner in _product([space.points for space in self._open(point)]):
                yield {name: value for part in (point, *inner) for name, value in part.items()}

    def holds(self, point: Mapping[str, Value]) -> bool:
        """Whether the point is one of this space: a value of each knob that exists there, and no other."""
        known = self.distributions
        if not all(name in known and contains(known[name], value) for name, value in point.items()):
            return False
        knobs = [*self.knobs, *(knob for space in self._open(point) for knob in space.knobs)]
        return point.keys() == {knob.name for knob in knobs}

    def suggest(self, trial: Trial, only: Mapping[str, Value] | None = None) -> dict[str, Value]:
        """Ask Optuna for every knob that exists in this trial, or for those of `only`; values by knob."""
        point = {knob.name: _suggested(trial, knob) for knob in self.knobs if only is None or knob.name in only}
        for space in self._open(point):
            point |= space.suggest(trial, only)
        return point

    def overrides(self, point: Mapping[str, Value]) -> list[str]:
        """A point in Hydra's words, with what is fixed, in the order typed."""
        found: list[str] = []
        for part in self.parts:
            if isinstance(part, Fixed):
                found.append(part.text)
            elif part.name in point:
                found += [f"{key}={_text(value)}" for key, value in part.by_key(point[part.name]).items()]
        for space in self._open(point):
            found += space.overrides(point)
        return found

    def values(self, point: Mapping[str, Value]) -> dict[str, Value]:
        """Values by config key, of the knobs alone."""
        found: dict[str, Value] = {}
        for knob in self.knobs:
            if knob.name in point:
                found |= knob.by_key(point[knob.name])
        for space in self._open(point):
            found |= space.values(point)
        return found

    def point_of(self, overrides: Sequence[str]) -> dict[str, Value]:
        """The knobs whose value, given in Hydra's words, is one of theirs; what else is given is left out."""
        given = {key: part.value for key, part in _parts(overrides, None).items() if isinstance(part, Fixed)}
        point: dict[str, Value] = {}
        for knob in self.knobs:
            if all(key in given for key in knob.keys):
                value = _own_value(knob, [given[key] for key in knob.keys])
                if value is not None:
                    point[knob.name] = value
        for space in self._open(point):
            point |= space.point_of(overrides)
        return point

    def can_hold(self, key: str, value: str) -> bool:
        """Whether `key` has `value`, as it is written here, at some point; of an interval or a long range, it may."""
        for part in self.parts:
            if isinstance(part, Fixed) and part.key == key:
                return _text(part.value) == value
            if isinstance(part, Knob) and key in part.keys:
                listed = part.values() if part.interval is None and len(part.typed) < _LOOKED_THROUGH else None
                return listed is None or any(_text(part.by_key(one)[key]) == value for one in listed)
        return False

    def describe(self) -> list[str]:
        """A line for people a knob."""
        lines = [f"{' with '.join(knob.keys)}: {_describe(knob)}" for knob in self.knobs]
        for key, value, space in self.branches:
            lines += [f"where {key}={value}, {line}" for line in (*space.describe(), *space.fixed)]
        return lines

    def to_record(self) -> dict[str, Any]:
        """What decides which points there are, for `study.yaml`: equal records, equal spaces."""
        record: dict[str, Any] = {part.key: part.text for part in self.parts if isinstance(part, Fixed)}
        record |= {",".join(knob.keys): _describe(knob, shown=None) for knob in self.knobs}
        for key, value, space in self.branches:
            record[f"where {key}={value}"] = space.to_record()
        return record

    def _open(self, point: Mapping[str, Value]) -> list["SearchSpace"]:
        """The spaces of the branches whose condition holds at this point."""
        texts = {part.key: _text(part.value) for part in self.parts if isinstance(part, Fixed)}
        for knob in self.knobs:
            if knob.name in point:
                texts |= {key: _text(value) for key, value in knob.by_key(point[knob.name]).items()}
        return [space for key, value, space in self.branches if texts.get(key) == value]


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
    read = functools.partial(_parts, config_loader=config_loader, config=config)
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
        branches.append((condition.key, _text(condition.value), SearchSpace(tuple(named))))
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


def _parts(
    texts: Iterable[str], config_loader: ConfigLoader | None, config: DictConfig | None = None
) -> dict[str, Fixed | Knob]:
    """By key; the last of a key wins."""
    parser = OverridesParser.create(config_loader=config_loader)
    parts: dict[str, Fixed | Knob] = {}
    for text in texts:
        try:
            (override,) = parser.parse_overrides([text])
            override = with_typed_texts(override, config) if config is not None else override
            parts[override.get_key_element()] = _part(override)
        except HydraException as error:
            told = " ".join(str(error).partition("\nSee ")[0].split())
            raise ConfigError(f"{text!r} cannot be read: {told}. What can be written: {GRAMMAR}") from None
        except ValueError as error:
            raise ConfigError(f"{text}: {error}.") from None
    return parts


def _part(override: Override) -> Fixed | Knob:
    """
    Raises:
        ValueError: if it holds no value, or what cannot be a value; what is wrong, and what to do.
    """
    key = override.get_key_element()
    if override.is_delete():
        assert override.input_line is not None
        return Fixed(key, "", override.input_line)
    match override.value():
        case parsed.IntervalSweep() as sweep:
            return Knob((key,), _interval(sweep))
        case parsed.RangeSweep() as sweep:
            distribution, steps = _range(sweep)
            return _choice(key, shuffled(steps, key)) if sweep.shuffle else Knob((key,), distribution, steps)
        case parsed.ChoiceSweep() as sweep:
            values = [_value(element) for element in sweep.list]
            # Hydra's own order would be another one when the sweep is resumed.
            return _choice(key, shuffled(values, key) if sweep.shuffle else values)
        case parsed.Glob() as glob:
            return _choice(key, _options(override, glob))
        case element:
            value = _value(element)
            return Fixed(key, value, f"{key}={_text(value)}")


def _choice(key: str, values: Sequence[Value]) -> Knob:
    by_text = {_text(value): value for value in values}
    # For Python, and so for Optuna, 1, 1.0 and true are one value.
    choices = by_text.values() if len(set(by_text.values())) == len(by_text) else by_text
    return Knob((key,), CategoricalDistribution(list(choices)), tuple(values))


def _options(override: Override, glob: parsed.Glob) -> list[Value]:
    if override.config_loader is None:
        raise ValueError("glob cannot be looked up here; name the options")
    options = override.config_loader.get_group_options(override.key_or_group, results_filter=ObjectType.CONFIG)
    found = glob.filter(options)
    if not found:
        raise ValueError(f"nothing matches; the options are {', '.join(options) or 'none: this is no config group'}")
    return [_value(name) for name in found]


def _interval(sweep: parsed.IntervalSweep) -> BaseDistribution:
    low, high, log = sweep.start, sweep.end, "log" in sweep.tags
    assert low is not None and high is not None
    if not -math.inf < low <= high < math.inf:
        raise ValueError("an interval goes from one finite number up to another; change its ends")
    if log and low <= 0:
        raise ValueError(f"a logarithmic interval begins above 0, not at {low}; raise it, or leave tag(log, …) out")
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, log=log)
    return FloatDistribution(float(low), float(high), log=log)


def _range(sweep: parsed.RangeSweep) -> tuple[BaseDistribution, range | _Steps]:
    """A range without its stop, as in Hydra and Python; Optuna's includes its last point, and rises."""
    assert sweep.start is not None and sweep.stop is not None
    start, stop, step = (Decimal(str(one)) for one in (sweep.start, sweep.stop, sweep.step))
    if not (start.is_finite() and stop.is_finite() and step.is_finite() and step):
        raise ValueError("a range has a finite start and stop and a step that is not 0; change it, or give an interval")
    count = math.ceil((stop - start) / step)
    if not 0 < count <= sys.maxsize:
        raise ValueError(
            f"the range has {max(count, 0):,} values, 1 or more are allowed; its stop is excluded, and the step must "
            "lead towards it"
        )
    if isinstance(sweep.start, int) and isinstance(sweep.stop, int) and isinstance(sweep.step, int):
        grid = range(sweep.start, sweep.stop, sweep.step)
        low, high = sorted((grid[0], grid[-1]))
        return IntDistribution(low, high, step=abs(sweep.step)), grid
    ends = sorted((start, start + (count - 1) * step))
    return FloatDistribution(float(ends[0]), float(ends[1]), step=float(abs(step))), _Steps(start, step, count)


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
        rows = {", ".join(map(_text, row)): row for row in zip(*(member.typed for member in members), strict=True)}
        together = Knob(tuple(group), CategoricalDistribution(list(rows)), together=tuple(rows.values()))
        named = [(together.name, together) if key in group else (key, part) for key, part in parts.items()]
        parts = dict(named)
    return dict(parts)


def contains(distribution: BaseDistribution, value: Value) -> bool:
    """Whether the distribution has this value."""
    try:
        return distribution._contains(distribution.to_internal_repr(value))
    except ValueError:  # a category that is not there
        return False


def _suggested(trial: Trial, knob: Knob) -> Value:
    match knob.distribution:
        case CategoricalDistribution(choices=choices):
            return trial.suggest_categorical(knob.name, choices)
        case IntDistribution(low=low, high=high, step=step, log=log):
            return trial.suggest_int(knob.name, low, high, step=step, log=log)
        case FloatDistribution(low=low, high=high, step=step, log=log):
            return trial.suggest_float(knob.name, low, high, step=step, log=log)
    raise AssertionError(f"{type(knob.distribution).__name__} is not made here")


def _own_value(knob: Knob, given: Sequence[Value]) -> Value | None:
    """The knob's value that is written so; None if it has none."""
    if isinstance(knob.distribution, CategoricalDistribution):
        text = ", ".join(map(_text, given))
        return next((choice for choice in knob.distribution.choices if _text(choice) == text), None)
    number = given[0]
    if not isinstance(number, int | float) or isinstance(number, bool) or not knob.distribution._contains(number):
        return None
    if isinstance(knob.distribution, IntDistribution):
        return int(number)
    return knob.by_key(float(number))[knob.keys[0]]


def _product(each: Sequence[Callable[[], Iterable[Any]]]) -> Iterator[tuple[Any, ...]]:
    """As `itertools.product`, which would first put every value of each in memory."""
    if not each:
        yield ()
        return
    for first in each[0]():
        for others in _product(each[1:]):
            yield (first, *others)


def _value(element: Any) -> Value:
    """What Hydra has parsed, as one value, equal for all ways of writing it.

    Raises:
        ValueError: for a sweep.
    """
    if _holds_sweep(element):
        raise ValueError("a sweep cannot be within a value; write it around all values of the key")
    return element if isinstance(element, bool | int | float) else written(element)


def _holds_sweep(element: Any) -> bool:
    inner = element.values() if isinstance(element, dict) else element if isinstance(element, list) else ()
    return isinstance(element, parsed.Sweep | parsed.Glob) or any(map(_holds_sweep, inner))


def _text(value: Value) -> str:
    return value if isinstance(value, str) else written(value)


def _describe(knob: Knob, shown: int | None = _SHOWN_VALUES) -> str:
    match knob.distribution:
        case CategoricalDistribution(choices=choices):
            more = f", … ({len(choices):,} values)" if shown is not None and len(choices) > shown else ""
            return ("; " if knob.together else ", ").join(map(_text, choices[: shown if more else None])) + more
        case IntDistribution(low=low, high=high, step=step, log=log):
            told = f"whole numbers from {low} to {high}" + (f" in steps of {step}" if step > 1 else "")
        case FloatDistribution(low=low, high=high, step=step, log=log):
            told = f"{low} to {high}" + (f" in steps of {step}" if step else "")
        case _:
            raise AssertionError(f"{type(knob.distribution).__name__} is not made here")
    return told + ("" if knob.typed else ", sampled") + (", logarithmic" if log else "")
