"""Locates the base model's files: a folder, or a snapshot from the hub at an exact commit. Loads no weights.

The parent calls `locate` before it starts a trial, so that missing, gated or unsuitable files are reported before
anything heavy is imported. The trial then loads a local folder, so the revision cannot change in between.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from medqa_sweeps import hub
from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.base.files import FILES, SMALL_FILES, VOCABULARIES, hashes
from medqa_sweeps.config import ModelConfig, short_hash
from medqa_sweeps.errors import ConfigError


@dataclass(frozen=True)
class BaseModel:
    """A base model on this machine's disk."""

    folder: Path
    label: str  # for users: "unsloth/gemma-3-1b-it at 1a2b3c4", or the folder
    revision: str | None  # commit on the hub; None for a folder
    files: Mapping[str, str]  # hex SHA-256 of each file that can change a result, by name

    @property
    def fingerprint(self) -> str:
        """12 hex digits of all files that can change a result, by content."""
        return short_hash(self.files)


def locate(config: ModelConfig) -> BaseModel:
    """The base model of `config`, fetched from the hub if it is not cached.

    Raises:
        ConfigError: if the folder is not a model folder, one of its files is damaged or a Git-LFS pointer, the hub
            cannot be reached and nothing is cached, access needs a licence, or the config asks for 4-bit and the
            weights are quantized in another way.
    """
    if config.path is not None:
        folder, revision = resolve_bundled(config.path), None
        label = config.path
    else:
        assert config.hub_id is not None, "checked() requires exactly one of path and hub_id"
        folder = hub.snapshot("model", config.hub_id, config.revision, FILES)
        revision = folder.name
        label = f"{config.hub_id} at {revision[:7]}"
    if not folder.is_dir():
        raise ConfigError(
            f"model.path={folder}: there is no such folder. Name the folder that contains the model's config.json."
        )
    base = BaseModel(folder, label, revision, hashes(folder))
    _refuse_what_cannot_load(base, config)
    return base


def tokenizer_folder(config: ModelConfig) -> Path:
    """The folder with the tokenizer of `config`; only small files, a few megabytes, are fetched from the hub.

    Raises:
        ConfigError: if the hub cannot be reached and nothing is cached.
    """
    if config.path is not None:
        return resolve_bundled(config.path)
    assert config.hub_id is not None, "a model has a path or an id"
    return hub.snapshot("model", config.hub_id, config.revision, SMALL_FILES)


def refuse_unknown_token(base: BaseModel, highest_id: int) -> None:
    """Check that the base has an embedding for every token up to `highest_id`.

    Raises:
        ConfigError: if it has not: the tokenizer's files belong to another model.
    """
    described = _json_object(base.folder / "config.json")
    vocabulary = (described.get("text_config") or described).get("vocab_size")
    if vocabulary is not None and highest_id >= vocabulary:
        raise ConfigError(
            f"the tokenizer in {base.folder} produces token {highest_id:,}, but the model has only {vocabulary:,} "
            "tokens (vocab_size in config.json). The tokenizer's files belong to another model, or "
            "tokenizer_config.json names a token that its vocabulary lacks. Fetch them again."
        )


def _refuse_what_cannot_load(base: BaseModel, config: ModelConfig) -> None:
    shown = f"model.path={base.folder}"
    if "config.json" not in base.files:
        raise ConfigError(f"{shown}: it has no config.json; a model folder contains one beside its safetensors.")
    described = _json_object(base.folder / "config.json")
    _refuse_other_files(base, shown)
    quantization = described.get("quantization_config") or {}
    method = quantization.get("quant_method", "bitsandbytes")
    four_bit = method == "bitsandbytes" and quantization.get("load_in_4bit", quantization.get("_load_in_4bit", True))
    if quantization and config.load_in_4bit and not four_bit:
        raise ConfigError(
            f"model.load_in_4bit=true, but the weights in {base.folder} are already quantized ({method}) and have no "
            "4-bit NF4 form. Use the unquantized model, or model.load_in_4bit=false."
        )


def _refuse_other_files(base: BaseModel, shown: str) -> None:
    """Check that the libraries will load the fingerprinted weights, and find a tokenizer."""
    if "adapter_config.json" in base.files:
        raise ConfigError(
            f"{shown}: it contains adapter_config.json, so the libraries would load the base that this file names and "
            "its adapter on top. Merge the adapter into the weights, or move its files elsewhere."
        )
    if not {"model.safetensors", "model.safetensors.index.json"} & base.files.keys():
        raise ConfigError(
            f"{shown}: it has no *.safetensors that the libraries load (model.safetensors, or shards with "
            "model.safetensors.index.json). Save the model with save_pretrained (safe serialization)."
        )
    if not any(fnmatch(name, pattern) for name in base.files for pattern in VOCABULARIES):
        raise ConfigError(f"{shown}: it has no tokenizer (tokenizer.json, or tokenizer.model). Copy or fetch that too.")
    if missing := _missing_shards(base.folder):
        raise ConfigError(
            f"{shown}: its index names {', '.join(missing)}, which it does not contain. Copy or fetch it again."
        )


def _missing_shards(folder: Path) -> list[str]:
    named: set[str] = set()
    for index in folder.glob("*.safetensors.index.json"):
        named.update(_json_object(index).get("weight_map", {}).values())
    return sorted(name for name in named if not (folder / name).exists())


def _json_object(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text())
    except ValueError as error:
        raise ConfigError(f"{file} is not JSON ({error}). Copy or fetch it again.") from None
    if not isinstance(found, dict):
        raise ConfigError(f"{file} is not a JSON object. Copy or fetch it again.")
    return found
