"""Hydra's words read as knobs and fixed values, each by itself."""

import math
import sys
from collections.abc import Iterable, Sequence
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

from medqa_sweeps.compose.refusals import GRAMMAR
from medqa_sweeps.config.overrides import with_typed_texts, written
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.randomness import shuffled
from medqa_sweeps.sweep.knob import Fixed, Knob, Steps, Value, text_of


def parts_of(
    texts: Iterable[str], config_loader: ConfigLoader | None, config: DictConfig | None = None
) -> dict[str, Fixed | Knob]:
    """The parts of a search space by key; the last of a key wins.

    Args:
        config_loader: finds what `glob` stands for; without it glob is refused.
        config: whose schema tells which keys hold text, as typed; without it every value is what Hydra reads.

    Raises:
        ConfigError: for words that cannot be parsed, and ranges without a value.
    """
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
            return Fixed(key, value, f"{key}={text_of(value)}")


def _choice(key: str, values: Sequence[Value]) -> Knob:
    by_text = {text_of(value): value for value in values}
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


def _range(sweep: parsed.RangeSweep) -> tuple[BaseDistribution, range | Steps]:
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
    return FloatDistribution(float(ends[0]), float(ends[1]), step=float(abs(step))), Steps(start, step, count)


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
