"""A trained trial's model: its exported adapter over its base, as it was when it was scored."""

from typing import Any

import torch

from medqa_sweeps.config import TrialConfig
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.worker import model as model_module


def exported_adapter(trial: TrialDir) -> dict[str, torch.Tensor]:
    """The adapter's tensors, which are those that the trial's result speaks of.

    Raises:
        ConfigError: if the trial has no result, or its adapter is gone, broken, or another one than was scored.
    """
    result = trial.result()
    if result is None:
        raise ConfigError(f"{trial.path} has no result yet: let the trial finish first.")
    try:
        adapter = model_module.load_adapter(trial.adapter_folder)
    except FileNotFoundError:
        raise ConfigError(f"{trial.adapter_folder} is gone; `reproduce {trial.path}` makes it again.") from None
    if model_module.adapter_sha256(adapter) != result.adapter_sha256:
        raise ConfigError(f"{trial.adapter_folder} is not the adapter that was scored: its weights have changed.")
    return adapter


def with_adapter(model: Any, config: TrialConfig, adapter: dict[str, torch.Tensor]) -> Any:
    """The base of a trial with an adapter of it, in the dtype in which the adapter was trained and scored.

    Args:
        model: of `model.load_base`; it is changed.
        config: the trial's.

    Raises:
        ConfigError: if the adapter does not fit.
    """
    adapted = model_module.attach_adapter(model, config.lora, config.training, config.seed)
    model_module.initialise_adapter(adapted, config.seed, getattr(torch, config.training.adapter_dtype))
    model_module.load_adapter_state(adapted, adapter)
    return adapted
