"""A child process: writes the weights of a trial's model, its adapter merged into its base, as safetensors.

    python -m medqa_sweeps.worker.merging TRIAL FOLDER DTYPE BASE_WEIGHTS PROGRESS

BASE_WEIGHTS is `trained` or `original`: the adapter is added to the weights that it was trained on, which for a 4-bit
trial are the dequantized ones, or to those in the base's files. The weights, and the index of several files, are
written into FOLDER, which exists.

The model is loaded as the trial loaded it. Each tensor is then made and written in turn, so that no more than one file
of them is in memory beside the model.
"""

import errno
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from medqa_sweeps.worker import model as model_module  # isort: skip  # unsloth comes before peft and transformers
import bitsandbytes
import torch
from peft.tuners.lora import LoraLayer
from safetensors import SafetensorError
from safetensors.torch import save_file
from transformers.core_model_loading import revert_weight_conversion

from medqa_sweeps.base import BaseModel, locate
from medqa_sweeps.durable.progress import ProgressFile
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.export.forms import BaseWeights
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.worker import device
from medqa_sweeps.worker.refusal import done_or_refused
from medqa_sweeps.worker.trained import exported_adapter, with_adapter

_FILE_BYTES = 1_000_000_000  # of tensors; a larger tensor has a file to itself
_EVEN = 12
_ADAPTER = "default"  # PEFT's name for the only one


@dataclass(frozen=True)
class MergedTensor:
    """One tensor of the merged model, not made yet."""

    name: str  # in transformers' model; `_names_in_files` has its name in files
    shape: torch.Size
    make: Callable[[], torch.Tensor]  # its values, in float32 or the base's dtype


def main(arguments: list[str]) -> ExitCode:
    trial, folder, dtype, weights, progress = arguments
    return done_or_refused(
        lambda: merge(
            TrialDir(Path(trial)),
            Path(folder),
            getattr(torch, dtype),
            BaseWeights(weights),
            ProgressFile(Path(progress)),
        )
    )


def merge(trial: TrialDir, folder: Path, dtype: torch.dtype, weights: BaseWeights, progress: ProgressFile) -> None:
    """Write the merged weights of `trial` into `folder`, in `dtype`.

    Raises:
        TrialError: if trial or base are not what they should be, a value does not fit into `dtype`, or the architecture
            keeps several tensors of its files in one.
    """
    device.use_threads(None)
    model = _load(trial, weights).get_base_model()
    tensors = list(_merged_tensors(model))
    names = _names_in_files(model, [one.name for one in tensors])
    files = list(_files(tensors, dtype.itemsize))
    index: dict[str, str] = {}
    for number, part in enumerate(files, start=1):
        file = "model.safetensors" if len(files) == 1 else f"model-{number:05}-of-{len(files):05}.safetensors"
        made = {}
        for one in part:
            made[names[one.name]] = _rounded(one, dtype)
            progress.show(len(index) + len(made), len(tensors))
        _save(made, folder / file)
        index.update(dict.fromkeys(made, file))
    if len(files) > 1:
        total = sum(one.shape.numel() for one in tensors) * dtype.itemsize
        described = {"metadata": {"total_size": total}, "weight_map": index}
        (folder / "model.safetensors.index.json").write_text(json.dumps(described, indent=2, sort_keys=True) + "\n")


def _save(tensors: dict[str, torch.Tensor], file: Path) -> None:
    try:
        save_file(tensors, file, metadata={"format": "pt"})
    except SafetensorError as error:  # its text alone says which error of the disk it was
        if f"os error {errno.ENOSPC}" in str(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file)) from None
        raise


def _load(trial: TrialDir, weights: BaseWeights) -> Any:
    """The trial's model with its adapter, in the dtype in which it was trained."""
    config, result, adapter = trial.config(), trial.result(), exported_adapter(trial)
    base = locate(config.model)
    if weights is BaseWeights.ORIGINAL:
        loading = replace(config.model, load_in_4bit=False, dtype=_own_dtype(base))
    else:
        trained_in = result.effective.get("base_dtype") if result else None
        loading = replace(config.model, dtype=trained_in or config.model.dtype)
    return with_adapter(model_module.load_base(base, loading, config.training), config, adapter)


def _own_dtype(base: BaseModel) -> str:
    """Of the base's files; float32 if config.json does not say.

    Raises:
        ConfigError: if the files hold 4-bit weights alone.
    """
    described = json.loads((base.folder / "config.json").read_text())
    if "quantization_config" in described:
        raise ConfigError(
            f"--base-weights original: the files of {base.label} hold quantized weights only. Use --base-weights "
            "trained."
        )
    found = described.get("dtype") or described.get("torch_dtype")
    return found if found in ("float16", "bfloat16") else "float32"


def _merged_tensors(model: Any) -> Iterator[MergedTensor]:
    """What the model's files hold, in its order; a tied tensor once."""
    for name, parameter in model.named_parameters():
        if ".lora_" in name:
            continue
        path, _, last = name.rpartition(".")
        layer = model.get_submodule(path.removesuffix(".base_layer"))
        adapted = path.endswith(".base_layer") and last == "weight" and isinstance(layer, LoraLayer)
        make = partial(_merged_weight, layer) if adapted else partial(_values, parameter)
        yield MergedTensor(name.replace(".base_layer.", "."), _shape(parameter), make)
    kept = model.state_dict().keys()
    for name, buffer in model.named_buffers():
        if name in kept:
            yield MergedTensor(name, buffer.shape, partial(_values, buffer))


def _shape(parameter: torch.Tensor) -> torch.Size:
    state = getattr(parameter, "quant_state", None)
    return parameter.shape if state is None else torch.Size(state.shape)


def _values(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor; a 4-bit one dequantized, in the dtype in which the trial computed with it."""
    state = getattr(tensor, "quant_state", None)
    return tensor.detach() if state is None else bitsandbytes.functional.dequantize_4bit(tensor.data, state)


@torch.no_grad()
def _merged_weight(layer: Any) -> torch.Tensor:
    """W + (alpha / r) B A in float32, or what DoRA makes of them."""
    weight = _values(layer.get_base_layer().weight).float()
    if _ADAPTER in layer.lora_variant:
        return layer.lora_variant[_ADAPTER].merge_safe(layer, _ADAPTER, weight)
    return weight + layer.get_delta_weight(_ADAPTER).float()


def _rounded(one: MergedTensor, dtype: torch.dtype) -> torch.Tensor:
    values = one.make().to(dtype).cpu().contiguous()
    if values.is_floating_point() and not torch.isfinite(values).all():
        raise ConfigError(
            f"--dtype {str(dtype).removeprefix('torch.')}: {one.name} has values that are not finite in it. Use "
            "bfloat16 or float32, whose range is larger; if it fails there too, the training has diverged."
        )
    return values.clone() if values.untyped_storage().nbytes() != values.nbytes else values


def _names_in_files(model: Any, names: list[str]) -> dict[str, str]:
    """For each tensor's name in the model, its name in the files that transformers reads.

    Raises:
        ConfigError: if the architecture joins or splits tensors on loading.
    """
    conversions = getattr(model, "_weight_conversions", None) or []
    # Those of a base that was saved in 4-bit unpack it, and have no way back.
    model._weight_conversions = [one for one in conversions if not _unpacks(one)] or None
    # Renamed, a tensor keeps its numbers: here, that of its name. An even length shows what would be split.
    marked = {name: torch.full((_EVEN,), float(number)) for number, name in enumerate(names)}
    try:
        reverted = revert_weight_conversion(model, marked)
        found = {names[int(one[0])]: name for name, one in reverted.items() if one.shape == (_EVEN,)}
    except Exception as error:  # of whatever operation the architecture has
        raise _cannot_be_split(model) from error
    if found.keys() != set(names):
        raise _cannot_be_split(model)
    return found


def _unpacks(conversion: Any) -> bool:
    operations = getattr(conversion, "operations", None) or []
    return any("bnb" in type(one).__name__.lower() for one in operations)


def _cannot_be_split(model: Any) -> ConfigError:
    return ConfigError(
        f"{type(model).__name__} keeps several tensors of its files in one, and this program writes one by one. Export "
        "it --as adapter."
    )


def _files(tensors: Iterable[MergedTensor], item_bytes: int) -> Iterator[list[MergedTensor]]:
    """The tensors of each file, in order."""
    part: list[MergedTensor] = []
    size = 0
    for one in tensors:
        own = one.shape.numel() * item_bytes
        if part and size + own > _FILE_BYTES:
            yield part
            part, size = [], 0
        part.append(one)
        size += own
    if part:
        yield part


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
