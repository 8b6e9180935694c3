"""Where the base model's files are: a folder, or a snapshot from the hub at an exact commit. Loads no weights.

The parent calls `locate` before it starts a trial: what is missing, gated or of the wrong kind is said in a sentence
before anything heavy is imported. The trial then loads a local folder, so that a revision cannot be lost on the way.
"""

import hashlib
import json
import os
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from medqa_sweeps import hub
from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.cache import shared
from medqa_sweeps.config import ModelConfig, short_hash
from medqa_sweeps.errors import ConfigError

_TICK_SECONDS = 2.0  # FAT's; of what disks in use tell the time by, the longest
TOKENIZER_FILES = ("*token*.json", "tokenizer.model", "*.jinja", "*.txt", "vocab.json")
FILES = ("*.json", "*.safetensors", *TOKENIZER_FILES)


@dataclass(frozen=True)
class BaseModel:
    """A base model on this machine's disk."""

    folder: Path
    label: str  # for people: "unsloth/gemma-3-1b-it at 1a2b3c4", or the folder
    revision: str | None  # commit on the hub; None for a folder
    fingerprint: str  # 12 hex digits of its config and weights, by content


def locate(config: ModelConfig) -> BaseModel:
    """The base model of `config`, fetched from the hub when it is not cached yet.

    Raises:
        ConfigError: if the folder is not a model's, the hub cannot be reached and nothing is cached, access needs a
            licence, or 4-bit is asked of weights that are quantized in another way.
    """
    if config.path is not None:
        folder, revision = resolve_bundled(config.path), None
        label = config.path
    else:
        assert config.hub_id is not None, "checked() lets neither or both pass"
        folder = hub.snapshot("model", config.hub_id, config.revision, FILES)
        revision = folder.name
        label = f"{config.hub_id} at {revision[:7]}"
    _refuse_what_cannot_load(folder, config)
    return BaseModel(folder, label, revision, _fingerprint(folder))


def tokenizer_folder(config: ModelConfig) -> Path:
    """The folder with the tokenizer of `config`; from the hub only its files are fetched, a few megabytes.

    Raises:
        ConfigError: if the hub cannot be reached and nothing is cached.
    """
    if config.path is not None:
        return resolve_bundled(config.path)
    assert config.hub_id is not None, "a model has a path or an id"
    return hub.snapshot("model", config.hub_id, config.revision, TOKENIZER_FILES)


def tokenizer_fingerprint(folder: Path) -> str:
    """12 hex digits of all that decides how a text becomes tokens: the tokenizer's files and the libraries."""
    files = {file.name: _file_hash(file) for pattern in TOKENIZER_FILES for file in sorted(folder.glob(pattern))}
    return short_hash([files, version("tokenizers"), version("transformers")])


def _refuse_what_cannot_load(folder: Path, config: ModelConfig) -> None:
    shown = f"model.path={folder}"
    if not folder.is_dir():
        raise ConfigError(f"{shown}: there is no such folder. Give the folder that holds the model's config.json.")
    try:
        described: dict[str, Any] = json.loads((folder / "config.json").read_text())
    except FileNotFoundError:
        raise ConfigError(f"{shown}: no config.json in it; a model folder holds one beside its safetensors.") from None
    except json.JSONDecodeError as error:
        raise ConfigError(f"{shown}/config.json is not JSON ({error}).") from None
    if not any(folder.glob("*.safetensors")):
        raise ConfigError(f"{shown}: no *.safetensors in it; save the model with save_pretrained (safe serialization).")
    if missing := _missing_shards(folder):
        raise ConfigError(f"{shown}: {', '.join(missing)} named in its index, but not there. Copy or fetch it again.")
    quantization = described.get("quantization_config") or {}
    method = quantization.get("quant_method", "bitsandbytes")
    four_bit = method == "bitsandbytes" and quantization.get("load_in_4bit", quantization.get("_load_in_4bit", True))
    if quantization and config.load_in_4bit and not four_bit:
        raise ConfigError(
            f"model.load_in_4bit=true, but the weights in {folder} are already quantized ({method}) and have no 4-bit "
            "NF4 form. Use the unquantized model, or model.load_in_4bit=false."
        )


def _missing_shards(folder: Path) -> list[str]:
    named: set[str] = set()
    for index in folder.glob("*.safetensors.index.json"):
        named.update(json.loads(index.read_text())["weight_map"].values())
    return sorted(name for name in named if not (folder / name).exists())


def _fingerprint(folder: Path) -> str:
    """By content."""
    hashes = {file.name: _file_hash(file) for file in sorted(folder.glob("*.safetensors"))}
    hashes["config.json"] = _file_hash(folder / "config.json")
    return short_hash(hashes)


def _file_hash(file: Path) -> str:
    """Remembered by what the disk says of the file, unless it has just changed: it may do so again within one tick of
    the disk's clock, which is a second on some."""
    stat = file.stat()

    def compute() -> dict[str, str]:
        with open(file, "rb") as stream:
            return {"sha256": hashlib.file_digest(stream, "sha256").hexdigest()}

    if time.time() - max(stat.st_mtime, stat.st_ctime) < _TICK_SECONDS:
        return compute()["sha256"]
    key = short_hash([os.path.realpath(file), stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns])
    return shared("fingerprints", key, compute)[0]["sha256"]
