"""What a sweep searches: its points, and each point as the words of Hydra. Pure: no study, no file, no composing."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import Trial

from medqa_sweeps.sweep.knob import Fixed, Knob, Value, contains, describe, own_value, suggested, text_of
from medqa_sweeps.sweep.knob_parsing import parts_of

_LOOKED_THROUGH = 1000  # values of a list


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
        point = {knob.name: suggested(trial, knob) for knob in self.knobs if only is None or knob.name in only}
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
                found += [f"{key}={text_of(value)}" for key, value in part.by_key(point[part.name]).items()]
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
        given = {key: part.value for key, part in parts_of(overrides, None).items() if isinstance(part, Fixed)}
        point: dict[str, Value] = {}
        for knob in self.knobs:
            if all(key in given for key in knob.keys):
                value = own_value(knob, [given[key] for key in knob.keys])
                if value is not None:
                    point[knob.name] = value
        for space in self._open(point):
            point |= space.point_of(overrides)
        return point

    def can_hold(self, key: str, value: str) -> bool:
        """Whether `key` has `value`, as it is written here, at some point; of an interval or a long range, it may."""
        for part in self.parts:
            if isinstance(part, Fixed) and part.key == key:
                return text_of(part.value) == value
            if isinstance(part, Knob) and key in part.keys:
                listed = part.values() if part.interval is None and len(part.typed) < _LOOKED_THROUGH else None
                return listed is None or any(text_of(part.by_key(one)[key]) == value for one in listed)
        return False

    def describe(self) -> list[str]:
        """A line for people a knob."""
        lines = [f"{' with '.join(knob.keys)}: {describe(knob)}" for knob in self.knobs]
        for key, value, space in self.branches:
            lines += [f"where {key}={value}, {line}" for line in (*space.describe(), *space.fixed)]
        return lines

    def to_record(self) -> dict[str, Any]:
        """What decides which points there are, for `study.yaml`: equal records, equal spaces."""
        record: dict[str, Any] = {part.key: part.text for part in self.parts if isinstance(part, Fixed)}
        record |= {",".join(knob.keys): describe(knob, shown=None) for knob in self.knobs}
        for key, value, space in self.branches:
            record[f"where {key}={value}"] = space.to_record()
        return record

    def _open(self, point: Mapping[str, Value]) -> list["SearchSpace"]:
        """The spaces of the branches whose condition holds at this point."""
        texts = {part.key: text_of(part.value) for part in self.parts if isinstance(part, Fixed)}
        for knob in self.knobs:
            if knob.name in point:
                texts |= {key: text_of(value) for key, value in knob.by_key(point[knob.name]).items()}
        return [space for key, value, space in self.branches if texts.get(key) == value]


def _product(each: Sequence[Callable[[], Iterable[Any]]]) -> Iterator[tuple[Any, ...]]:
    """As `itertools.product`, which would first put every value of each in memory."""
    if not each:
        yield ()
        return
    for first in each[0]():
        for others in _product(each[1:]):
            yield (first, *others)
