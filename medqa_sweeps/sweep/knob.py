"""What a sweep varies: a knob is what Optuna calls a parameter, with its values as Hydra's words write them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial

from medqa_sweeps.config.overrides import written

# What Optuna and Hydra's command line both take. A str is in Hydra's words: quoted where it must be; null is "null".
Value = str | int | float | bool | None

_SHOWN_VALUES = 12


@dataclass(frozen=True)
class Fixed:
    """One value of one key."""

    key: str
    value: Value
    text: str  # as it goes to Hydra: "key=value", "~key"


@dataclass(frozen=True)
class Steps:
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
    typed: tuple[Value, ...] | range | Steps = ()  # values in the order typed, twice if typed twice; none: an interval
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
        if isinstance(self.typed, Steps):  # what Optuna samples has drifted
            assert isinstance(value, float)
            value = self.typed.nearest(value)
        return {self.keys[0]: value}


def text_of(value: Value) -> str:
    """The value in Hydra's words."""
    return value if isinstance(value, str) else written(value)


def contains(distribution: BaseDistribution, value: Value) -> bool:
    """Whether the distribution has this value."""
    try:
        return distribution._contains(distribution.to_internal_repr(value))
    except ValueError:  # a category that is not there
        return False


def suggested(trial: Trial, knob: Knob) -> Value:
    """The value that Optuna suggests."""
    match knob.distribution:
        case CategoricalDistribution(choices=choices):
            return trial.suggest_categorical(knob.name, choices)
        case IntDistribution(low=low, high=high, step=step, log=log):
            return trial.suggest_int(knob.name, low, high, step=step, log=log)
        case FloatDistribution(low=low, high=high, step=step, log=log):
            return trial.suggest_float(knob.name, low, high, step=step, log=log)
    raise AssertionError(f"{type(knob.distribution).__name__} is not made here")


def own_value(knob: Knob, given: Sequence[Value]) -> Value | None:
    """The knob's value that is written so; None if it has none."""
    if isinstance(knob.distribution, CategoricalDistribution):
        text = ", ".join(map(text_of, given))
        return next((choice for choice in knob.distribution.choices if text_of(choice) == text), None)
    number = given[0]
    if not isinstance(number, int | float) or isinstance(number, bool) or not knob.distribution._contains(number):
        return None
    if isinstance(knob.distribution, IntDistribution):
        return int(number)
    return knob.by_key(float(number))[knob.keys[0]]


def describe(knob: Knob, shown: int | None = _SHOWN_VALUES) -> str:
    """Its values for people; of more than `shown`, the first."""
    match knob.distribution:
        case CategoricalDistribution(choices=choices):
            more = f", … ({len(choices):,} values)" if shown is not None and len(choices) > shown else ""
            return ("; " if knob.together else ", ").join(map(text_of, choices[: shown if more else None])) + more
        case IntDistribution(low=low, high=high, step=step, log=log):
            told = f"whole numbers from {low} to {high}" + (f" in steps of {step}" if step > 1 else "")
        case FloatDistribution(low=low, high=high, step=step, log=log):
            told = f"{low} to {high}" + (f" in steps of {step}" if step else "")
        case _:
            raise AssertionError(f"{type(knob.distribution).__name__} is not made here")
    return told + ("" if knob.typed else ", sampled") + (", logarithmic" if log else "")
