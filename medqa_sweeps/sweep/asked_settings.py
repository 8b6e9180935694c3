"""What the settings of `hydra/sweeper=async_optuna` must be, its sampler's and pruner's too, before anything starts.

Hydra checks the types of the sweeper's own keys. Everything else is checked here: their ranges, the storage's URL, and
the arguments of what a `_target_` names, of which Hydra would find the wrong ones only in the first trial, or never.
"""

import importlib.util
import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import optuna
import yaml
from hydra.utils import get_object
from omegaconf import DictConfig

from medqa_sweeps.compose.settings import CONF
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.sweep.search_space import SearchSpace
from medqa_sweeps.wording import listed

_TYPES: Mapping[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "str": (str,),
    "None": (type(None),),
}
_DEFAULTS = {"hydra.sweeper.sampler": "tpe"}  # options whose settings are there although nobody asked for them
# Smallest and largest value of arguments that Optuna looks at only when it draws.
_RANGES = {
    "seed": (0, 2**32 - 1),
    "n_startup_trials": (0, math.inf),
    "n_ei_candidates": (1, math.inf),
    "prior_weight": (0, math.inf),
    "popsize": (2, math.inf),
    "inc_popsize": (1, math.inf),
    "dividing_parameter": (1, math.inf),
}


def refuse_settings(settings: DictConfig) -> None:
    """Nothing if a sweep can have these settings.

    Raises:
        ConfigError: naming every one that it cannot have.
    """
    problems = [
        *_ranges(settings),
        *_storage(settings.storage),
        *_node("sampler", settings.sampler, optuna.samplers.BaseSampler),
        *_node("pruner", settings.pruner, optuna.pruners.BasePruner),
    ]
    if problems:
        raise ConfigError("\n".join(problems))


def refuse_no_grid(config: DictConfig, space: SearchSpace) -> None:
    """Nothing unless `hydra/sweeper/sampler=grid` was chosen and the space has intervals.

    Raises:
        ConfigError: naming the keys whose intervals have no grid points.
    """
    chosen = config.hydra.runtime.choices.get("hydra/sweeper/sampler")
    spaces = (space, *(inner for _, _, inner in space.branches))
    intervals = [knob.keys[0] for one in spaces for knob in one.knobs if knob.interval is not None]
    if chosen == "grid" and intervals:
        have = "has" if len(intervals) == 1 else "have"
        raise ConfigError(
            f"hydra/sweeper/sampler=grid: {listed(intervals)} {have} an interval, which has no grid points. "
            "Give a list, KEY=A,B,C, or a range with a step, 'KEY=range(LOW,HIGH,STEP)'; "
            "or draw from it with another sampler, such as hydra/sweeper/sampler=random or tpe."
        )


def custom_search_space(path: str) -> Callable[[Any, optuna.Trial], None]:
    """The function that `hydra.sweeper.custom_search_space` names.

    Raises:
        ConfigError: if there is none there, or it does not take a config and a trial.
    """
    key = f"hydra.sweeper.custom_search_space={path}"
    wanted = "Give the dotted path of a function of the config and Optuna's trial: package.module.function."
    found = _found(path)
    if isinstance(found, Exception):
        raise ConfigError(f"{key}: {_first_line(found)}. {wanted}")
    try:
        inspect.signature(found).bind(None, None)
    except (TypeError, ValueError):
        raise ConfigError(f"{key}: it cannot be called with two arguments. {wanted}") from None
    function: Callable[[Any, optuna.Trial], None] = found
    return function


def _ranges(settings: DictConfig) -> Iterator[str]:
    for key in ("n_trials", "n_jobs"):
        if settings[key] is not None and settings[key] < 1:
            yield f"hydra.sweeper.{key}={settings[key]}: 1 or more, or null."
    for key in ("timeout", "max_device_hours"):
        if settings[key] is not None and not settings[key] > 0:
            yield f"hydra.sweeper.{key}={settings[key]}: must be above 0, or null for no limit."
    if not 0 <= settings.max_failure_rate <= 1:
        yield f"hydra.sweeper.max_failure_rate={settings.max_failure_rate}: a share from 0 to 1."


def _storage(asked: Any) -> Iterator[str]:
    """What is wrong with an Optuna storage URL, without opening it."""
    if asked is None or isinstance(asked, DictConfig | optuna.storages.BaseStorage):
        return
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    key = "hydra.sweeper.storage"
    try:
        make_url(asked).get_dialect().import_dbapi()
    except (ArgumentError, NoSuchModuleError):
        yield f"{key}={asked} is no URL of a database. Give one, such as sqlite:///FILE; null is a file in the study."
    except ModuleNotFoundError as error:  # without the URL, which may hold a password
        yield f"{key} needs the package {error.name}, which is not installed here. Install it, or use sqlite:///FILE."


def _node(kind: str, asked: Any, base: type) -> Iterator[str]:
    """What is wrong with the sampler or the pruner that was asked for."""
    key = f"hydra.sweeper.{kind}"
    if asked is None or isinstance(asked, base) or (isinstance(asked, DictConfig) and not asked):
        return
    options = sorted(file.stem for file in (CONF / "hydra/sweeper" / kind).glob("*.yaml"))
    if not isinstance(asked, DictConfig):
        name = asked if asked in options else "NAME"
        yield f"{key}={asked}: write hydra/sweeper/{kind}={name}, with a slash. Options are {', '.join(options)}."
    elif "_target_" not in asked:
        yield f"{key} has no _target_. Choose hydra/sweeper/{kind}=NAME first: {', '.join(options)}."
    else:
        yield from _arguments(key, asked, f"Choose one with hydra/sweeper/{kind}=NAME: {', '.join(options)}.")


def _arguments(key: str, node: DictConfig, instead: str) -> Iterator[str]:
    """What is wrong with a `_target_` and its arguments, those of nodes within included."""
    target = _found(node["_target_"])
    if isinstance(target, Exception) or not callable(target):
        why = f": {_first_line(target)}" if isinstance(target, Exception) else " is not callable"
        yield f"{key}._target_={node['_target_']}{why}. {instead}"
        return
    parameters = inspect.signature(target).parameters
    given = {str(name): node[name] for name in node if not str(name).startswith("_") and node[name] is not None}
    unknown = [name for name in given if name not in parameters]
    if unknown and not any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values()):
        takes = ", ".join(parameters) or "nothing"
        told = f"{key}: {target.__name__} takes no {' and no '.join(unknown)}, only {takes}."
        yield f"{told}{_origin(key, unknown)} {instead}"
    for name in given.keys() & parameters.keys():
        yield from _argument(f"{key}.{name}", given[name], str(parameters[name].annotation))


def _origin(key: str, unknown: Sequence[str]) -> str:
    """Where arguments come from that the user need not have written: the default option's file."""
    default = _DEFAULTS.get(key)
    of_default = yaml.safe_load((CONF / f"{key.replace('.', '/')}/{default}.yaml").read_text()) if default else {}
    if found := [name for name in unknown if of_default.get(name) is not None]:
        option = f"{key.replace('.', '/')}={default}"
        nulls = " ".join(f"{key}.{name}=null" for name in found)
        told = f" {listed(found)} come from the default, {option}, into which your fields were merged"
        return f"{told}; {nulls} drops that."
    return ""


def _argument(key: str, value: Any, annotation: str) -> Iterator[str]:
    """What is wrong with one argument, as far as its annotation or its range says."""
    if isinstance(value, DictConfig):
        yield from _arguments(key, value, "Name a class that is there.") if "_target_" in value else ()
        return
    kinds = [one.strip() for one in annotation.replace("<class '", "").replace("'>", "").split("|")]
    if set(kinds) <= _TYPES.keys() and not _is_one_of(value, kinds):
        yield f"{key}={value}: must be {_in_words(kinds)}."
        return
    low, high = _RANGES.get(key.rpartition(".")[2], (-math.inf, math.inf))
    if isinstance(value, int | float) and not low <= value <= high:
        yield f"{key}={value}: must be {low} or more{'' if high == math.inf else f', and at most {high}'}."


def _is_one_of(value: Any, kinds: Sequence[str]) -> bool:
    if isinstance(value, bool):
        return "bool" in kinds
    return isinstance(value, tuple(kind for name in kinds for kind in _TYPES[name]))


def _in_words(kinds: Sequence[str]) -> str:
    words = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text", "None": "null"}
    return " or ".join(words[kind] for kind in kinds)


def _found(path: str) -> Any:
    """What a dotted path names; the exception, if nothing."""
    module = path.split(".")[0]
    try:
        if importlib.util.find_spec(module) is None:
            return ImportError(f"there is no module {module}")
        return get_object(path)
    except (ImportError, AttributeError, ValueError) as error:
        return error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".")
