"""The language model inside a base, and its layers by full name: these are trained and in 4-bit, and no others.

A base such as Gemma 3 4B also holds a vision tower, whose layers have the same names (`q_proj`). Libraries choose
layers by name, and differ in which layers a name means: what they chose is compared here with what was asked for.
"""

import re
from collections.abc import Iterable
from typing import Any

import bitsandbytes
import torch
from peft.tuners.lora import LoraLayer
from transformers.quantizers.quantizers_utils import should_convert_module

from medqa_sweeps.errors import ConfigError


def linear_layers(model: Any) -> list[str]:
    """Names of the language model's linear layers; its vocabulary head is not one of them."""
    path, decoder = _language_model(model)
    return [f"{path}.{name}" for name, module in decoder.named_modules() if isinstance(module, torch.nn.Linear)]


def four_bit_layers(model: torch.nn.Module) -> list[str]:
    """Names of bitsandbytes `Linear4bit` layers; PEFT's wrapper around one has the same class name and is left out."""
    return [name for name, module in model.named_modules() if isinstance(module, bitsandbytes.nn.Linear4bit)]


def adapted_layers(model: Any) -> list[str]:
    """Names, in the base, of the layers that the adapter of `model` changes."""
    return [name for name, module in model.get_base_model().named_modules() if isinstance(module, LoraLayer)]


def weights_not_finite(model: torch.nn.Module) -> list[str]:
    """Names of the weights that hold a NaN or an infinity, those in 4-bit dequantized."""

    def values(parameter: torch.nn.Parameter) -> torch.Tensor:
        state = getattr(parameter, "quant_state", None)
        return parameter if state is None else bitsandbytes.functional.dequantize_4bit(parameter.data, state)

    return [name for name, one in model.named_parameters() if not torch.isfinite(values(one)).all()]


def pattern_of(model: Any, modules: Iterable[str]) -> str:
    """A regular expression for PEFT that matches the full names of the language model's layers called `modules`.

    PEFT matches a list of bare names in every part of a model. Read in Unsloth's source, not run: on a GPU it takes
    each entry of a list for a bare name, so that full names match nothing; it hands a regular expression on as it is.
    """
    path, _ = _language_model(model)
    return rf"{re.escape(path)}\..+\.({'|'.join(modules)})"


def refuse_other_four_bit(model: Any, label: str) -> None:
    """Return if the language model's linear layers are in 4-bit, except those that its config skips, and no others.

    Raises:
        ConfigError: naming the two numbers of layers and one that differs.
    """
    settings = model.config.quantization_config  # an object; on a GPU, Unsloth makes a dict of it
    skipped = (settings if isinstance(settings, dict) else settings.to_dict())["llm_int8_skip_modules"]
    expected = [name for name in linear_layers(model) if should_convert_module(name, skipped)]
    found = four_bit_layers(model)
    if different := set(found) ^ set(expected):
        raise ConfigError(
            f"model.load_in_4bit=true: {len(found)} layers of {label} were loaded in 4-bit instead of the "
            f"{len(expected)} linear layers of its language model (one that differs is {min(different)}). Use "
            "model.load_in_4bit=false, or a base without a vision or audio tower."
        )


def refuse_other_adapted(model: Any, expected: list[str]) -> None:
    """Return if the adapter of `model` changes the `expected` layers and no others.

    Raises:
        ConfigError: naming the two numbers of layers and one that differs.
    """
    found = adapted_layers(model)
    if different := set(found) ^ set(expected):
        raise ConfigError(
            f"lora.target_modules: {len(found)} layers were adapted instead of the {len(expected)} that are called so "
            f"in the language model (one that differs is {min(different)}). Use other lora.target_modules, or a base "
            "without a vision or audio tower."
        )


def _language_model(model: Any) -> tuple[str, torch.nn.Module]:
    """Path and module of the transformer without its vocabulary head."""
    decoder = model.get_decoder()
    return next(name for name, module in model.named_modules() if module is decoder), decoder
