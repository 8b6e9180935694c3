"""Keys of text hold the text that was typed, wherever Hydra composes: `hydra.sweeper.study_name=1_1_1` is no 111.

Hydra applies overrides in one function, where the types of all keys are known. It is wrapped here, for every program
that has our sweeper or launcher or is a trial's: `hydra.run.dir` is used before any code of a task runs.

In a file YAML has read the text before Hydra sees it: `id: 1_1_1` is 111 in YAML itself. That is refused by name.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from medqa_sweeps.config import TrialConfig
from medqa_sweeps.config.overrides import is_text, with_typed_texts
from medqa_sweeps.damage import YAML_LOADER
from medqa_sweeps.errors import ConfigError

_PLUGINS = "hydra_plugins.medqa_sweeps."
_NUMBERLIKE = re.compile(r"[-+.]?\d|[-+]?\.?(inf|nan)$|(yes|no|on|off|true|false|y|n)$", re.IGNORECASE)
_apply_overrides = ConfigLoaderImpl._apply_overrides_to_config


def keep_typed_texts() -> None:
    """From now on Hydra composes so, in this process. To call it again is harmless."""
    setattr(ConfigLoaderImpl, _apply_overrides.__name__, staticmethod(_apply_with_texts))


def refuse_numbers_for_texts(config: DictConfig) -> None:
    """Nothing if every text in the config files is what stands there.

    Args:
        config: what Hydra composed, its own node included.

    Raises:
        ConfigError: naming each file, key and value that YAML reads as a number or truth value and writes otherwise.
    """
    problems = []
    for file, package in _files_of(config):
        text = file.read_text(encoding="utf-8")
        if header := re.match(r"\s*# *@package +(\S+)", text):
            package = "" if header[1] == "_global_" else header[1].replace("_group_", package)
        for keys, value in _plain_scalars(yaml.compose(text, Loader=YAML_LOADER), ()):
            whole = (*filter(None, package.split(".")), *keys)
            found = OmegaConf.create(f"value: {value}").value if is_text(config, whole) else value
            if isinstance(found, int | float) and str(found) != value:
                problems.append(
                    f"{file}: {'.'.join(map(str, whole))}: {value} is {found} in YAML, and this is a text. "
                    f"Write '{value}' in quotes."
                )
    if problems:
        raise ConfigError("\n".join(problems))


def _files_of(config: DictConfig) -> Iterator[tuple[Path, str]]:
    """The files that were composed, each with the package that its content goes to unless it says otherwise."""
    sources: Any = OmegaConf.to_container(config.hydra.runtime.config_sources, resolve=False)
    folders = [Path(one["path"]) for one in sources if one["schema"] == "file"]
    chosen = {"": config.hydra.job.config_name, **config.hydra.runtime.choices}
    for group, option in chosen.items():
        for name in option if isinstance(option, list) else [option]:
            file = Path(group, f"{str(name).removesuffix('.yaml')}.yaml")
            found = next((folder / file for folder in folders if (folder / file).is_file()), None)
            if found is not None:
                yield found, group.replace("/", ".")


def _plain_scalars(node: Any, keys: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Values without quotes that YAML may read as a number or truth value, each with the keys that lead to it."""
    match node:
        case yaml.MappingNode():
            for key, value in node.value:
                yield from _plain_scalars(value, (*keys, str(key.value)))
        case yaml.SequenceNode():
            for index, value in enumerate(node.value):
                yield from _plain_scalars(value, (*keys, index))
        case yaml.ScalarNode() if not node.style and _NUMBERLIKE.match(node.value):
            yield keys, node.value


def _apply_with_texts(overrides: list[Override], config: DictConfig) -> None:
    if not _is_ours(config):
        _apply_overrides(overrides, config)
        return
    for override in overrides:  # one after the other: an earlier one may add the key of a later one
        _apply_overrides([with_typed_texts(override, config)], config)


def _is_ours(config: DictConfig) -> bool:
    targets = (OmegaConf.select(config, f"hydra.{plugin}._target_") for plugin in ("sweeper", "launcher"))
    return OmegaConf.get_type(config) is TrialConfig or any(str(one).startswith(_PLUGINS) for one in targets)
