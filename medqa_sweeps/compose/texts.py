"""Keys of text hold the text that was typed, wherever Hydra composes: `hydra.sweeper.study_name=1_1_1` is no 111.

Hydra applies overrides in one function, where the types of all keys are known. It is wrapped here, for every program
that has our sweeper or launcher or is a trial's: `hydra.run.dir` is used before any code of a task runs.
"""

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from medqa_sweeps.config import TrialConfig
from medqa_sweeps.config.overrides import with_typed_texts

_PLUGINS = "hydra_plugins.medqa_sweeps."
_apply_overrides = ConfigLoaderImpl._apply_overrides_to_config


def keep_typed_texts() -> None:
    """From now on Hydra composes so, in this process. To call it again is harmless."""
    setattr(ConfigLoaderImpl, _apply_overrides.__name__, staticmethod(_apply_with_texts))


def _apply_with_texts(overrides: list[Override], config: DictConfig) -> None:
    if not _is_ours(config):
        _apply_overrides(overrides, config)
        return
    for override in overrides:  # one after the other: an earlier one may add the key of a later one
        _apply_overrides([with_typed_texts(override, config)], config)


def _is_ours(config: DictConfig) -> bool:
    targets = (OmegaConf.select(config, f"hydra.{plugin}._target_") for plugin in ("sweeper", "launcher"))
    return OmegaConf.get_type(config) is TrialConfig or any(str(one).startswith(_PLUGINS) for one in targets)
