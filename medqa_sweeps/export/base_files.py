"""What an export takes over from its base: tokenizer, chat template, settings, licence. No path leaves."""

import json
import math
import re
import shutil
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from medqa_sweeps.base import BaseModel

_WEIGHTS = ("*.safetensors", "*.safetensors.index.json")
_LICENCES = ("LICENSE*", "NOTICE*", "USE_POLICY*")
_PATHS = ("_name_or_path", "name_or_path", "tokenizer_file", "base_model_name_or_path")  # keys that hold one
_OF_QUANTIZATION = ("quantization_config", "_pre_quantization_dtype")


def public_label(base: BaseModel) -> str:
    """The base as strangers know it: its id on the hub, `bundled:NAME`, or the name of its folder."""
    label = base.label.partition(" at ")[0]
    return label if base.revision or label.startswith("bundled:") else base.folder.resolve().name


def plain_name(base: BaseModel) -> str:
    """`gemma-3-1b-it`: for names of files and models."""
    last = re.split("[/:]", public_label(base))[-1]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", last).strip("-.") or "model"


def weights_count(base: BaseModel) -> int:
    """Numbers in the base's files; of packed ones, about."""
    from safetensors import safe_open

    count = 0
    for file in base.folder.glob("*.safetensors"):
        with safe_open(file, framework="numpy") as opened:
            for name in opened.keys():  # noqa: SIM118  no mapping
                part = opened.get_slice(name)
                count += math.prod(part.get_shape()) * (2 if part.get_dtype() == "U8" else 1)
    return count


def own_dtype(base: BaseModel) -> str:
    """The base's 16-bit type by its config.json; bfloat16 if it has none."""
    described = json.loads((base.folder / "config.json").read_text())
    named = described.get("dtype") or described.get("torch_dtype")
    return named if named in ("float16", "bfloat16") else "bfloat16"


def copy_tokenizer(base: BaseModel, folder: Path) -> None:
    """Copy all that loaders read beside config.json and weights, and the licences.

    Files keep their bytes, `tokenizer.model` among them: without it, llama.cpp's converter takes a SentencePiece
    tokenizer for another kind. Only JSON that names a path of a machine is written again without it.
    """
    for name in base.files:
        if name == "config.json" or any(fnmatch(name, pattern) for pattern in _WEIGHTS):
            continue
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(base.folder / name, target)
        if target.suffix == ".json":
            _remove_paths(target)
    for pattern in _LICENCES:
        for file in base.folder.glob(pattern):
            shutil.copyfile(file, folder / file.name)


def write_config(base: BaseModel, folder: Path, dtype: str) -> None:
    """Write the base's config.json as that of unquantized weights in `dtype`."""
    described = json.loads((base.folder / "config.json").read_text())
    _write(
        folder / "config.json", {**_of_dtype(_without(described, (*_PATHS, *_OF_QUANTIZATION)), dtype), "dtype": dtype}
    )


def name_base(adapter_config: Path, base: BaseModel) -> None:
    """Write the base's public label into an adapter's config, in place of a folder's path."""
    described = json.loads(adapter_config.read_text())
    _write(adapter_config, {**described, "base_model_name_or_path": public_label(base)})


def _remove_paths(file: Path) -> None:
    described = json.loads(file.read_text())
    if isinstance(described, dict) and described.keys() & set(_PATHS):
        _write(file, _without(described, _PATHS))


def _without(described: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """A config without these keys, in its parts too."""
    return {
        key: _without(value, keys) if isinstance(value, dict) else value
        for key, value in described.items()
        if key not in keys
    }


def _of_dtype(described: dict[str, Any], dtype: str) -> dict[str, Any]:
    """A config whose parts name `dtype` wherever they name one."""
    return {
        key: dtype if key in ("dtype", "torch_dtype") else _of_dtype(value, dtype) if isinstance(value, dict) else value
        for key, value in described.items()
    }


def _write(file: Path, described: dict[str, Any]) -> None:
    file.write_text(json.dumps(described, indent=2, ensure_ascii=False) + "\n")
