"""What Hydra or we refuse, as one sentence for people: the word, what is allowed, the next step.

Hydra's own sentences end with advice that leads astray here: "To append to your config use +lora.rank=8" makes a
misspelt key train, and "Set the environment variable HYDRA_FULL_ERROR=1" shows its insides.
"""

import contextlib
import functools
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from hydra.conf import HydraConf
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import CompactHydraException, HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from medqa_sweeps.compose.ending import FULL_ERROR
from medqa_sweeps.compose.unreadable import another_sweeper, unreadable, unreadable_file
from medqa_sweeps.config import TrialConfig
from medqa_sweeps.config.known_keys import keys_of, nearest, not_a_setting, said, unknown_keys
from medqa_sweeps.errors import ConfigError

GRAMMAR = "https://hydra.cc/docs/advanced/override_grammar/extended"
_EXPERIMENT = "experiment"  # the one group of conf/ that is no part of a trial's config
_GROUPS_OF_HYDRA = (
    *("hydra/sweeper", "hydra/sweeper/sampler", "hydra/sweeper/pruner", "hydra/launcher", "hydra/job_logging"),
    *("hydra/hydra_logging", "hydra/help", "hydra/hydra_help", "hydra/output", "hydra/env"),
)
# Where the part of a sentence of Hydra's begins that is of no help.
_UNKNOWN_PLUGIN = re.compile("(?:Unknown plugin class :|Invalid plugin) '(.+?)'")
_ADVICE = re.compile(r"\n(?:To append to|Either remove|Config search path|See http|1\. To use it)| To override a value")


@contextlib.contextmanager
def in_sentences(overrides: Sequence[str]) -> Iterator[None]:
    """Within, what is refused ends the program: a sentence on stderr, and exit code 1.

    With HYDRA_FULL_ERROR=1 in the environment it ends with a stack trace, as for any Hydra program.

    Args:
        overrides: the command line's.
    """
    if os.environ.get(FULL_ERROR) == "1":
        yield
        return
    os.environ[FULL_ERROR] = "1"  # Hydra then hands its errors on; it would print them with its advice
    try:
        yield
    except Exception as error:
        if (sentence := refusal(error, overrides)) is None:
            raise
        sys.exit(sentence)
    finally:
        del os.environ[FULL_ERROR]


def refusal(error: Exception, overrides: Sequence[str] = ()) -> str | None:
    """What an error that Hydra raised says, without Hydra's advice; None: it is no refusal, but a defect.

    Args:
        overrides: of a trial, to name the wrong one; none for another program's.
    """
    if type(error) is CompactHydraException:  # ours: Hydra itself raises its subclasses
        return str(error)
    if wrong := wrong_overrides(overrides):
        return "\n".join(wrong)
    match error:
        case OverrideParseException():
            return f"{error.override!r} cannot be read: {unreadable(error)} What can be written: {GRAMMAR}"
        case MissingConfigException() if error.options and error.missing_cfg_file:
            return _no_such_option(error.missing_cfg_file, error.options)
        case YAMLError():
            return unreadable_file(error)
        case HydraException():
            return another_sweeper(error, overrides) or _in_a_file(error) + _said_by_hydra(error)
        case RuntimeError() if plugin := _UNKNOWN_PLUGIN.search(str(error)):
            return (
                f"_target_={plugin[1]}: there is no such plugin of Hydra's here. Leave the _target_ out: "
                "hydra/sweeper=async_optuna takes the keys of Hydra's own Optuna sweeper."
            )
    return None


def refuse_overrides(overrides: Sequence[str]) -> None:
    """Nothing if a trial can have all of them.

    Raises:
        ConfigError: naming those that name no setting, take one away, or give a group no option.
    """
    if wrong := wrong_overrides(overrides):
        raise ConfigError("\n".join(wrong))


def refuse_unknown_of_hydra(node: HydraConf | DictConfig) -> None:
    """Nothing if every key of Hydra's own node is Hydra's, the sweeper's or the launcher's.

    Raises:
        ConfigError: naming those that are not. Hydra's `+` puts them there.
    """
    assert isinstance(node, DictConfig), "for a type checker it looks like its schema"
    if unknown := [key for key in unknown_keys(node, "hydra.") if key != "hydra.env"]:  # Hydra forgot it in its schema
        known = list(keys_of(node, "hydra."))
        raise ConfigError("\n".join(not_a_setting(key, known) for key in unknown))


def wrong_overrides(overrides: Sequence[str]) -> list[str]:
    """A sentence for each override that is wrong for every trial, whatever the others are."""
    with contextlib.suppress(HydraException):  # of one that cannot be read: Hydra names it when it composes
        parsed = OverridesParser.create().parse_overrides(list(overrides))
        return [sentence for one in parsed if (sentence := _wrong(one))]
    return []


def _wrong(override: Override) -> str | None:
    key, word = override.key_or_group, override.input_line
    if re.match("hydra[./]", key) or _is_in_a_container(key):
        return None
    if not key:
        return f"{word}: the name of a setting is missing, KEY=VALUE."
    if key not in _known():
        return not_a_setting(key, _known()) if key != _EXPERIMENT else None
    if override.is_delete():
        return f"{word}: a trial needs every setting. Give {key}={'OPTION' if key in _groups() else 'VALUE'}."
    return _wrong_option(override) if key in _groups() else None


def _wrong_option(override: Override) -> str | None:
    """Of a group, whose value is the name of one option; or a mapping of its settings."""
    key, value = override.key_or_group, override.value()
    if isinstance(value, dict) or override.is_sweep_override():
        return None
    if override.is_add() or override.is_force_add() or override.package is not None or not isinstance(value, str):
        return f"{override.input_line}: write {key}=OPTION, with the name of one option."
    return None


@functools.cache
def _known() -> list[str]:
    return list(keys_of(OmegaConf.structured(TrialConfig)))


@functools.cache
def _groups() -> set[str]:
    return {key.partition(".")[0] for key in _known() if "." in key}


def _is_in_a_container(key: str) -> bool:
    """Whether it is an item of a list or mapping: tracking.notes.why, lora.target_modules.0."""
    group = key.rpartition(".")[0]
    return (
        group in _known()
        and group not in _groups()
        and OmegaConf.is_config(OmegaConf.select(OmegaConf.structured(TrialConfig), group))
    )


def _no_such_option(file: str, options: Sequence[str]) -> str:
    group, _, name = file.rpartition("/")
    near = nearest(name, options)
    meant = f" Did you mean {group}={near}?" if near else ""
    here = f" {Path('conf', group, name)}.yaml exists here: add --config-dir conf." if _is_in_own_conf(file) else ""
    return f"{group}={name}: there is no such option.{here or meant} Options are {', '.join(options)}."


def _is_in_own_conf(file: str) -> bool:
    """Whether the user's folder has a `conf/` with the option, which was not named."""
    return Path("conf", f"{file}.yaml").is_file()


def _in_a_file(error: HydraException) -> str:
    """`conf/experiment/mine.yaml: ` for an error in that file, else nothing."""
    file = re.match(r"In '(.+?)': \w+ raised", str(error))
    return f"conf/{file[1]}.yaml: " if file else ""


def _said_by_hydra(error: HydraException) -> str:
    cause, text = error.__cause__ or error.__context__, str(error)
    if isinstance(cause, OmegaConfBaseException):
        key = cause.full_key or ""
        return not_a_setting(key, _GROUPS_OF_HYDRA) if key.startswith("hydra/") else said(cause)
    quoted = re.search("'(.+?)'", text)
    if text.startswith("Ambiguous value") and quoted:
        return f"{quoted[1]}: several values are a sweep, which needs -m. Add it, or give one value."
    if re.search("^Could not append|^Multiple values for|appears more than once", text):
        return f"{_without_advice(error)} Leave the + out."
    return _without_advice(error)


def _without_advice(error: Exception) -> str:
    told = " ".join(_ADVICE.split(re.sub(r"^Error parsing override '.*'\n", "", str(error)))[0].split())
    return told if told.endswith((".", "?")) else f"{told}."
