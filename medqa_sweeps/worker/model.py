"""The 4-bit base and its LoRA adapter: loading, initialising, saving. The only file that imports unsloth.

Names of shapes: D in-features, R rank.
"""

import contextlib
import hashlib
import json
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("UNSLOTH_DISABLE_STATISTICS", "1")  # no telemetry; read when unsloth is imported

import unsloth  # isort: skip  # must come before trl, transformers and peft, which it patches
import torch
from peft import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer
from unsloth_zoo.peft_utils import SKIP_QUANTIZATION_MODULES

from medqa_sweeps.base import BaseModel
from medqa_sweeps.base.errors import reads_base
from medqa_sweeps.base.files import refuse_broken_weights
from medqa_sweeps.config import LoraConfig, ModelConfig, TrainingConfig
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.randomness import draw
from medqa_sweeps.worker import language_model
from medqa_sweeps.worker.device import DEVICE, ON_GPU
from medqa_sweeps.worker.weights import refuse_misfits, refuse_other_adapter

# Unsloth keeps vision and audio towers out of 4-bit by this list, with and without a GPU. Transformers matches its
# names at the start of a path, so that `vision_tower` misses `model.vision_tower.…`; these patterns match anywhere.
SKIP_QUANTIZATION_MODULES.extend([rf".*\.{re.escape(name)}\." for name in SKIP_QUANTIZATION_MODULES])


def seed_dropout(seed: int) -> None:
    """Seed the generators that dropout draws from, 0 ≤ seed < 2⁶³.

    `torch.manual_seed` does so too, and formats a stack trace for each kind of accelerator that is not there: 2 ms.
    """
    torch.default_generator.manual_seed(seed)
    if ON_GPU:
        torch.cuda.manual_seed_all(seed)


def resolved_dtype(asked: str) -> torch.dtype:
    """The compute dtype: what was asked; for auto, bfloat16 or float16 as the GPU has it, float32 without one."""
    if asked != "auto":
        return getattr(torch, asked)
    if not ON_GPU:
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


@reads_base
def load_tokenizer(base: BaseModel) -> Any:
    """The base's own tokenizer, as its files say, padding on the right.

    Raises:
        ConfigError: if it cannot be read, or has no token to pad with.
    """
    tokenizer = AutoTokenizer.from_pretrained(base.folder, padding_side="right")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token  # padding is masked everywhere, so any token serves
    if tokenizer.pad_token is None:
        raise ConfigError(
            f"{base.folder / 'tokenizer_config.json'} names neither pad_token nor eos_token, and questions in a batch "
            'are padded to one length. Name one, such as "pad_token": "<pad>"; it must be in the vocabulary.'
        )
    return tokenizer


@reads_base
def load_base(base: BaseModel, config: ModelConfig, training: TrainingConfig) -> Any:
    """The frozen base through `FastLanguageModel`, without an adapter.

    Raises:
        ConfigError: if it cannot be loaded, its weights do not fit the architecture, or what was loaded is not what was
            asked for: libraries fall back from 4-bit to 16-bit, and from one dtype to another, without an error.
    """
    dtype = resolved_dtype(config.dtype)
    with refuse_misfits(base.label):
        model, _ = unsloth.FastLanguageModel.from_pretrained(
            str(base.folder),
            max_seq_length=training.max_length_tokens,
            dtype=dtype,
            load_in_4bit=config.load_in_4bit,
            use_gradient_checkpointing=_recomputation(training),
            use_exact_model_name=True,  # else a name may be mapped to another repository, and the revision is dropped
        )
    layers = len(language_model.four_bit_layers(model))
    if config.load_in_4bit and not layers:
        raise ConfigError(
            f"model.load_in_4bit=true, but {base.label} was loaded without a single 4-bit layer (layers narrower than "
            "64 cannot be packed, and some CPUs lack the kernels). Use model.load_in_4bit=false."
        )
    if not config.load_in_4bit and layers:
        raise ConfigError(f"model.load_in_4bit=false, but {base.label} holds {layers} 4-bit layers; set it to true.")
    if config.load_in_4bit and not _saved_in_4bit(base):  # such a base says itself which layers are
        language_model.refuse_other_four_bit(model, base.label)
    if model.dtype != dtype:
        raise ConfigError(
            f"model.dtype={config.dtype}: this machine loaded {base.label} in {model.dtype} instead of {dtype}. "
            "Use model.dtype=auto, or a machine that has it."
        )
    return model


def _recomputation(training: TrainingConfig) -> str | bool:
    """Unsloth's word for it. With `auto` it is set up, as it can be switched off later and not on."""
    return "unsloth" if training.gradient_checkpointing else False


def _saved_in_4bit(base: BaseModel) -> bool:
    return "quantization_config" in json.loads((base.folder / "config.json").read_text())


def attach_adapter(model: Any, config: LoraConfig, training: TrainingConfig, seed: int) -> Any:
    """The base with a fresh LoRA adapter, not yet initialised from the seed (see `initialise_adapter`).

    Raises:
        ConfigError: if a target module is not in the model's language model, or other layers were adapted.
    """
    expected = [name for name in language_model.linear_layers(model) if _last(name) in config.target_modules]
    if missing := set(config.target_modules) - {_last(name) for name in expected}:
        raise ConfigError(f"lora.target_modules: {', '.join(sorted(missing))} not in {type(model).__name__}.")
    extra = {"use_dora": True} if config.use_dora else {}
    adapted = unsloth.FastLanguageModel.get_peft_model(
        model,
        r=config.r,
        target_modules=language_model.pattern_of(model, config.target_modules),
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        bias="none",
        use_rslora=config.use_rslora,
        use_gradient_checkpointing=_recomputation(training),
        random_state=seed % 2**31,
        max_seq_length=training.max_length_tokens,
        **extra,
    )
    language_model.refuse_other_adapted(adapted, expected)
    return adapted


def _last(name: str) -> str:
    """The last part of a layer's full name."""
    return name.rpartition(".")[2]


@torch.no_grad()
def initialise_adapter(model: Any, seed: int, dtype: torch.dtype) -> None:
    """Write A ~ U(-1/sqrt(D), 1/sqrt(D)) and B = 0 in `dtype`, each A drawn from the seed and the layer's name.

    PEFT's distribution (Kaiming uniform with a = sqrt 5), but neither the global generator nor the order of layers
    matters. Called after the trainer is built: TRL casts the adapters of a 4-bit model to bfloat16, which rounds A
    and then loses small updates of AdamW.
    """
    for name, parameter in adapter_parameters(model):
        parameter.data = parameter.data.to(dtype)
        if "lora_A" in name:
            generator = torch.Generator().manual_seed(draw(seed, "adapter", _portable(name)))
            bound = 1 / math.sqrt(parameter.shape[1])
            a_RxD = torch.empty(parameter.shape, dtype=torch.float32).uniform_(-bound, bound, generator=generator)
            parameter.data.copy_(a_RxD)
        elif "lora_B" in name:
            parameter.data.zero_()


def adapter_parameters(model: Any) -> list[tuple[str, torch.nn.Parameter]]:
    """The trained parameters by name, in the model's order."""
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]


def adapter_state(model: Any) -> dict[str, torch.Tensor]:
    """Copies of the adapter's tensors under PEFT's names, on the CPU."""
    return {
        name: tensor.detach().to("cpu", copy=True).contiguous()
        for name, tensor in get_peft_model_state_dict(model).items()
    }


def load_adapter_state(model: Any, state: dict[str, torch.Tensor]) -> None:
    """Write `state` (of `adapter_state`) into the model's adapter, which keeps its dtype.

    Raises:
        ConfigError: if `state` is not of this adapter; PEFT leaves out what does not fit.
    """
    refuse_other_adapter(state, get_peft_model_state_dict(model))
    set_peft_model_state_dict(model, state)


def adapter_sha256(state: dict[str, torch.Tensor]) -> str:
    """Hex digest over the names and the bits of the adapter's tensors; equal adapters have equal digests."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def save_adapter(model: Any, state: dict[str, torch.Tensor], folder: Path, base: BaseModel, card: str) -> None:
    """Write a PEFT folder: adapter_model.safetensors, adapter_config.json and the model card."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(state, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    peft_config = model.peft_config["default"]
    recorded = peft_config.base_model_name_or_path
    peft_config.base_model_name_or_path = base.label.partition(" at ")[0]  # never a path of this machine's cache
    peft_config.revision = base.revision
    peft_config.inference_mode = True
    peft_config.save_pretrained(folder)
    peft_config.base_model_name_or_path, peft_config.inference_mode = recorded, False
    (folder / "README.md").write_text(card)


def load_adapter(folder: Path) -> dict[str, torch.Tensor]:
    """The tensors that `save_adapter` wrote.

    Raises:
        FileNotFoundError: if there are none.
        ConfigError: if their file is broken, or a Git-LFS pointer.
    """
    file = folder / "adapter_model.safetensors"
    refuse_broken_weights(file)
    return load_file(file)


def recompute_activations(model: Any, on: bool) -> None:
    """Whether the backward pass computes activations again instead of keeping them; the model is ready to train."""
    unsloth.FastLanguageModel.for_training(model, use_gradient_checkpointing=on)


@contextlib.contextmanager
def inference(model: Any) -> Iterator[None]:
    """Within: no gradients, dropout off, the trial's compute dtype. Afterwards: ready to train again."""
    was_training, was_recomputing = model.training, model.is_gradient_checkpointing
    unsloth.FastLanguageModel.for_inference(model)
    autocast = torch.autocast(DEVICE.type, dtype=model.dtype, enabled=model.dtype != torch.float32)
    try:
        with torch.no_grad(), autocast:
            yield
    finally:
        if was_training:
            recompute_activations(model, was_recomputing)


def _portable(parameter_name: str) -> str:
    """The layer's name without the wrappers that Unsloth, PEFT or a compiler put around it."""
    return re.sub(r"^(base_model\.model\.)+|\.default|_orig_mod\.", "", parameter_name)
