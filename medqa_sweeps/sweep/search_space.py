"""What a sweep searches: Hydra's words read as an Optuna search space, and points of it written as Hydra's words.

    lora.r=8,16  lora.r='choice(8,16)'  lora.r='range(8,17,8)'  model='glob(gemma3*)'      finite: enumerable
    optimizer.lr='interval(1e-5,1e-3)'  optimizer.lr='tag(log,interval(1e-5,1e-3))'        intervals: sampled
    hydra.sweeper.zip='[[lora.r,lora.alpha]]'                                              lists that move together
    hydra.sweeper.when='{lora=dora: {optimizer.lr: "interval(1e-5,1e-4)"}}'                spaces that depend

The syntax is upstream's (hydra-optuna-sweeper); zip and when are ours. Pure: no study, no file, no composing.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep, Transformer
from hydra.errors import HydraException
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.randomness import shuffled

# What Optuna and Hydra's command line both take; null is a value of Optuna's too, and the text "null" here.
Value = str | int | float | bool | None

_SHOWN_VALUES = 12


@dataclass(frozen=True)
class Fixed:
    """One value of one key, in Hydra's words."""

    key: str
    value: str
    word: str  # as it goes to Hydra: "key=value", "~key"


@dataclass(frozen=True)
class Knob:
    """What Optuna calls a parameter: one key, or several that move together."""

    keys: tuple[str, ...]
    distribution: BaseDistribution
    together: tuple[tuple[Value, ...], ...] = ()  # zip: a row of values, one a key, for each choice
    is_interval: bool = False  # to be sampled, also where its whole numbers could be counted

    @property
    def name(self) -> str:
        return ",".join(self.keys)

    @property
    def size(self) -> int | None:
        """Number of values; None: an interval."""
        match self.distribution:
            case CategoricalDistribution():
                return len(self.distribution.choices)
            case IntDistribution() | FloatDistribution() as numbers:
                return None if self.is_interval else round((numbers.high - numbers.low) / (numbers.step or 1)) + 1
        raise AssertionError(f"{type(self.distribution).__name__} is not made here")

    def values(self) -> Iterator[Value]:
        """Every value, in order; of a finite knob only, and only as many at once as are asked for."""
        match self.distribution:
            case CategoricalDistribution(choices=choices):
                yield from choices
            case IntDistribution(low=low, high=high, step=step):
                yield from range(low, high + 1, step)
            case FloatDistribution(low=low, step=step):
                assert self.size is not None and step is not None
                yield from (_rounded(low + place * step, step) for place in range(self.size))

    def by_key(self, value: Value) -> dict[str, Value]:
        """The value of each key."""
        if not self.together:
            return {self.keys[0]: value}
        assert isinstance(self.distribution, CategoricalDistribution)
        return dict(zip(self.keys, self.together[self.distribution.choices.index(value)], strict=True))


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
        return {key for name in self.distributions for key in name.split(",")}

    @property
    def fixed(self) -> list[str]:
        """Words that go to every trial."""
        return [part.word for part in self.parts if isinstance(part, Fixed)]

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
        for values in itertools.product(*(list(knob.values()) for knob in self.knobs)):
            point = {knob.name: value for knob, value in zip(self.knobs, values, strict=True)}
            for inner in itertools.product(*(list(space.points()) for space in self._open(point))):
                yield {name: value for part in (point, *inner) for name, value in part.items()}

    def suggest(self, trial: Trial, only: Mapping[str, Value] | None = None) -> dict[str, Value]:
        """Ask Optuna for every knob that exists in this trial, or for those of `only`; values by knob."""
        point = {knob.name: _suggested(trial, knob) for knob in self.knobs if only is None or knob.name in only}
        for space in self._open(point):
            point |= space.suggest(trial, only)
        return point

    def overrides(self, point: Mapping[str, Value]) -> list[str]:
        """A point in Hydra's words, with what is fixed, in the order typed."""
        words: list[str] = []
        for part in self.parts:
            if isinstance(part, Fixed):
                words.append(part.word)
            elif part.name in point:
                words += [f"{key}={_text(value)}" for key, value in part.by_key(point[part.name]).items()]
        for space in self._open(point):
            words += space.overrides(point)
        return words

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
        given = {part.key: part.value for part in _parts(list(overrides), None) if isinstance(part, Fixed)}
        point: dict[str, Value] = {}
        for knob in self.knobs:
            if all(key in given for key in knob.keys):
                texts = [given[key] for key in knob.keys]
                place = _place(knob, texts)
                if place is not None:
                    point[knob.name] = place
        for space in self._open(point):
            point |= space.point_of(overrides)
        return point

    def describe(self) -> list[str]:
        """A line for people a knob."""
        lines = [f"{' with '.join(knob.keys)}: {_describe(knob)}" for knob in self.knobs]
        for key, value, space in self.branches:
            lines += [f"where {key}={value}, {line}" for line in (*space.describe(), *space.fixed)]
        return lines

    def to_record(self) -> dict[str, Any]:
        """What decides which points there are, for `study.yaml`: equal records, equal spaces."""
        record: dict[str, Any] = {part.key: part.word for part in self.parts if isinstance(part, Fixed)}
        record |= {knob.name: _describe(knob, shown=None) for knob in self.knobs}
        for key, value, space in self.branches:
            record[f"where {key}={value}"] = space.to_record()
        return record

    def _open(self, point: Mapping[str, Value]) -> list["SearchSpace"]:
        """The spaces of the branches whose condition holds at this point."""
        texts = {part.key: part.value for part in self.parts if isinstance(part, Fixed)}
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
) -> SearchSpace:
    """The space of a command line and of `hydra.sweeper.params`; where both name a key, the command line wins.

    Args:
        arguments: Hydra overrides; those without several values are fixed.
        params: key to a value or sweep in the same syntax.
        zip_groups: keys whose lists move together.
        when: "key=value" to params that exist only where the key has that value.
        config_loader: finds what `glob` stands for; without it glob is refused.

    Raises:
        ConfigError: for words that cannot be parsed, ranges without a value, lists to zip that are not of one length,
            conditions on keys that are not there.
    """
    words = [f"{key}={value}" for key, value in params.items()]
    parts = _zipped(_parts([*words, *arguments], config_loader), zip_groups)
    known = {key for part in parts for key in (part.keys if isinstance(part, Knob) else (part.key,))}
    branches = []
    for condition, inner in when.items():
        key, equals, value = condition.partition("=")
        if not equals or key not in known:
            raise ConfigError(
                f"hydra.sweeper.when: {condition!r} is no condition on this sweep; give KEY=VALUE with one of its keys "
                f"({', '.join(sorted(known)) or 'there are none'})."
            )
        branches.append((key, value, parse_search_space([], inner, [], {}, config_loader)))
    return SearchSpace(tuple(parts), tuple(branches))


def _parts(words: list[str], config_loader: ConfigLoader | None) -> list[Fixed | Knob]:
    try:
        parsed = OverridesParser.create(config_loader=config_loader).parse_overrides(words)
        parts = [_part(override) for override in parsed]
    except HydraException as error:
        raise ConfigError(" ".join(str(error).split())) from None
    newest = {part.key if isinstance(part, Fixed) else part.name: part for part in parts}  # the last of a key wins
    return list(newest.values())


def _part(override: Override) -> Fixed | Knob:
    key = override.get_key_element()
    assert override.input_line is not None
    if override.is_delete():
        return Fixed(key, "", override.input_line)
    if not override.is_sweep_override():
        value = override.get_value_element_as_str()
        return Fixed(key, value, f"{key}={value}")
    sweep = override.value()
    try:
        if isinstance(sweep, IntervalSweep):
            return Knob((key,), _interval(sweep), is_interval=True)
        if isinstance(sweep, RangeSweep) and not sweep.shuffle:
            return Knob((key,), _range(sweep))
        choices: list[Any] = list(dict.fromkeys(override.sweep_iterator(transformer=Transformer.encode)))
        if getattr(sweep, "shuffle", False):  # in an order that a resumed sweep finds again
            choices = shuffled(choices, key)
        return Knob((key,), CategoricalDistribution(choices))
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{override.input_line}: {error}") from None


def _interval(sweep: IntervalSweep) -> BaseDistribution:
    low, high, log = sweep.start, sweep.end, "log" in sweep.tags
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, log=log)
    assert low is not None and high is not None
    return FloatDistribution(float(low), float(high), log=log)


def _range(sweep: RangeSweep) -> BaseDistribution:
    """A range without its stop; Optuna's includes its last point, and rises."""
    start, stop, step = sweep.start, sweep.stop, sweep.step
    assert start is not None and stop is not None
    if not step:
        raise ValueError("a range with a step of 0 never ends; give a step, or an interval")
    steps = math.ceil((stop - start) / step - 1e-9)
    if steps < 1:
        raise ValueError("the range holds no value; the stop is excluded, and the step must lead towards it")
    if all(isinstance(one, int) for one in (start, stop, step)):
        points = range(int(start), int(stop), int(step))
        return IntDistribution(min(points[0], points[-1]), max(points[0], points[-1]), step=abs(int(step)))
    last = _rounded(start + (steps - 1) * step, step)
    return FloatDistribution(float(min(start, last)), float(max(start, last)), step=abs(float(step)))


def _zipped(parts: list[Fixed | Knob], groups: Sequence[Sequence[str]]) -> list[Fixed | Knob]:
    knobs = {part.name: part for part in parts if isinstance(part, Knob)}
    for group in groups:
        missing = [key for key in group if key not in knobs]
        if missing or len(group) < 2:
            raise ConfigError(
                f"hydra.sweeper.zip: {list(group)} cannot move together"
                + (f"; {', '.join(missing)} has no list of values here." if missing else "; name two keys or more.")
            )
        members = [knobs.pop(key) for key in group]
        sizes = [member.size for member in members]
        if None in sizes or len(set(sizes)) > 1:
            told = ", ".join(f"{m.name} has {'no end of' if m.size is None else m.size} values" for m in members)
            raise ConfigError(f"hydra.sweeper.zip: {told}; lists that move together are of one length.")
        rows = list(dict.fromkeys(zip(*(member.values() for member in members), strict=True)))
        labels = [", ".join(map(_text, row)) for row in rows]
        together = Knob(tuple(group), CategoricalDistribution(labels), tuple(rows))
        parts = [together if part is members[0] else part for part in parts if part not in members[1:]]
    return parts


def _suggested(trial: Trial, knob: Knob) -> Value:
    match knob.distribution:
        case CategoricalDistribution(choices=choices):
            return trial.suggest_categorical(knob.name, choices)
        case IntDistribution(low=low, high=high, step=step, log=log):
            return trial.suggest_int(knob.name, low, high, step=step, log=log)
        case FloatDistribution(low=low, high=high, step=step, log=log):
            return trial.suggest_float(knob.name, low, high, step=step, log=log)
    raise AssertionError(f"{type(knob.distribution).__name__} is not made here")


def _place(knob: Knob, texts: list[str]) -> Value | None:
    """The knob's value that is written so; None if it has none."""
    match knob.distribution:
        case CategoricalDistribution(choices=choices):
            written = (", ".join(map(_text, knob.by_key(choice).values())) for choice in choices)
            return next(
                (choice for choice, text in zip(choices, written, strict=True) if text == ", ".join(texts)), None
            )
        case IntDistribution() | FloatDistribution():
            try:
                number = float(texts[0])
            except ValueError:
                return None
            whole = isinstance(knob.distribution, IntDistribution)
            if not knob.distribution._contains(number) or (whole and number != int(number)):
                return None
            return int(number) if whole else number
    return None


def _rounded(value: float, step: float) -> float:
    """`value` without the drift of adding `step` many times: 0.3, not 0.30000000000000004."""
    digits = max(0, 12 - math.floor(math.log10(max(abs(value), abs(step)))))
    return round(float(value), digits)


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _describe(knob: Knob, shown: int | None = _SHOWN_VALUES) -> str:
    match knob.distribution:
        case CategoricalDistribution(choices=choices):
            texts = [_text(choice) for choice in choices]
            joined = "; ".join(texts) if knob.together else ", ".join(texts)
            if shown is not None and len(texts) > shown:
                return ", ".join(texts[:shown]) + f", … ({len(texts):,} values)"
            return joined
        case IntDistribution(low=low, high=high, step=step, log=log):
            return f"whole numbers from {low} to {high}" + (f" in steps of {step}" if step > 1 else "") + _log(log)
        case FloatDistribution(low=low, high=high, step=step, log=log):
            return f"{low:g} to {high:g}" + (f" in steps of {step:g}" if step else "") + _log(log)
    raise AssertionError(f"{type(knob.distribution).__name__} is not made here")


def _log(log: bool) -> str:
    return ", logarithmic" if log else ""
