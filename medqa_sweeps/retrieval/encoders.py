"""Encoders of texts: located in a folder or on the hub, checked and fingerprinted before a library reads them.

Folders of model2vec (vectors of tokens, averaged) and of sentence-transformers, and plain folders of transformers are
read. Weights are read from safetensors alone, and code in a folder never runs.
"""

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from medqa_sweeps import hub
from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.base.files import FILES, checked_hash, why_irrelevant
from medqa_sweeps.config import is_hub_id, short_hash
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.installation import install_extra
from medqa_sweeps.versions import EMBEDDING, STATIC_EMBEDDING, versions_of

EXTRA = "dense"
Role = Literal["query", "passage"]
_MODULES, _CONFIG = "modules.json", "config.json"
_OTHER_FORMATS = ("onnx", "openvino")  # folders of the same model for other software


@dataclass(frozen=True)
class Encoder:
    """An encoder on this machine's disk."""

    folder: Path
    label: str  # for users: "intfloat/e5-small-v2 at 1a2b3c4", or the folder
    revision: str | None  # commit on the hub; None for a folder
    files: Mapping[str, str]  # hex SHA-256 of each file that can change a vector, by name
    is_static: bool  # of model2vec

    @property
    def fingerprint(self) -> str:
        """12 hex digits of all files that can change a vector, by content."""
        return short_hash(self.files)

    @property
    def is_plain(self) -> bool:
        """Whether its folder does not say how the vectors of tokens become one."""
        return not self.is_static and _MODULES not in self.files

    @property
    def similarity(self) -> str | None:
        """How its folder says that two vectors are compared; None: it does not say."""
        settings = self.folder / "config_sentence_transformers.json"
        return _json(settings).get("similarity_fn_name") if settings.exists() else None

    def description(self) -> dict[str, Any]:
        return {"label": self.label, "revision": self.revision, "fingerprint": self.fingerprint}


@dataclass(frozen=True)
class TextEncoder:
    """An encoder with what is done to a text: all that decides a vector beside the text itself."""

    encoder: Encoder
    role: Role
    pooling: str | None = None  # cls or mean; None: as the folder says
    prefix: str | None = None  # stands before the text; None: as the folder says

    def identity(self) -> list[Any]:
        """What the key of embeddings holds, with the versions of libraries."""
        versions = versions_of(STATIC_EMBEDDING if self.encoder.is_static else EMBEDDING)
        return [_RULE, self.encoder.fingerprint, self.role, self.pooling, self.prefix, versions]


_RULE = 1  # changes with what `worker/embed.py` does


def locate_encoder(name: str) -> Encoder:
    """The encoder in a folder, or ID or ID@REVISION of the hub, fetched if it is not cached.

    Raises:
        ConfigError: if there is none, a file is damaged or a Git-LFS pointer, its weights are in no safetensors, the
            hub cannot be reached and nothing is cached, or the library that reads it is not installed.
    """
    if is_hub_id(name):
        hub_id, _, asked = name.partition("@")
        folder = hub.snapshot("encoder", hub_id, asked or None, FILES)
        revision = folder.name
        label = f"{hub_id} at {revision[:7]}"
    else:
        folder, revision, label = resolve_bundled(name), None, name
    if not folder.is_dir():
        raise ConfigError(
            f"The encoder {name}: there is no such folder. Name one that contains the config.json and safetensors of "
            "an encoder, or an ID of the hub (ORGANISATION/NAME)."
        )
    files = {one: checked_hash(folder / one) for one in _names(folder)}
    _refuse_what_cannot_load(folder, files, name)
    encoder = Encoder(folder, label, revision, files, _is_static(folder, files))
    _refuse_missing("model2vec" if encoder.is_static else "sentence_transformers", name)
    return encoder


def pinned(name: str) -> str:
    """The encoder's name with the hub's commit in place of a branch or tag; a folder's as it is.

    Raises:
        ConfigError: as `locate_encoder`.
    """
    revision = locate_encoder(name).revision
    return name if revision is None else f"{name.partition('@')[0]}@{revision}"


def _names(folder: Path) -> list[str]:
    """The files that can change a vector; those of a folder's modules stand in subfolders."""
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.is_symlink() or path.is_file()]
    return sorted(path.as_posix() for path in paths if _counts(path))


def _counts(path: Path) -> bool:
    inside = path.parts[:-1]
    hidden = any(part.startswith(".") or part in _OTHER_FORMATS for part in inside)
    return not hidden and why_irrelevant(path.name) is None


def _refuse_what_cannot_load(folder: Path, files: Mapping[str, str], name: str) -> None:
    if not {_MODULES, _CONFIG} & files.keys():
        raise ConfigError(
            f"The encoder {name}: its folder has no config.json. Name the folder that contains it beside the "
            "safetensors."
        )
    if "adapter_config.json" in files:
        raise ConfigError(f"The encoder {name} is an adapter. Merge it into its base, and name the result.")
    pickled = {path.parent for path in folder.rglob("pytorch_model*.bin")}
    complete = {(folder / one).parent for one in files if one.endswith(".safetensors")}
    if not complete or pickled - complete:
        raise ConfigError(
            f"The encoder {name}: it has weights in no *.safetensors, and none are read from other files. Load it once "
            "and save it with save_pretrained, or use another revision that has them."
        )
    foreign = [one["type"] for one in _modules(folder) if not str(one.get("type")).startswith("sentence_transformers.")]
    if foreign:
        raise ConfigError(f"The encoder {name} needs its own code ({foreign[0]}), which never runs. Use another.")


def _modules(folder: Path) -> list[dict[str, Any]]:
    """The modules that a folder of sentence-transformers names; none for another folder."""
    file = folder / _MODULES
    found = _json(file) if file.exists() else []
    if not isinstance(found, list) or not all(isinstance(one, dict) and "type" in one for one in found):
        raise ConfigError(f"{file} does not name modules. Copy or fetch it again.")
    return found


def _is_static(folder: Path, files: Mapping[str, str]) -> bool:
    """Whether it is a folder of model2vec: one matrix, `embeddings`."""
    from safetensors import safe_open

    if not {"model.safetensors", "tokenizer.json", _CONFIG} <= files.keys():
        return False
    with safe_open(folder / "model.safetensors", framework="numpy") as weights:
        return "embeddings" in weights.keys()  # noqa: SIM118  (no mapping)


def _refuse_missing(module: str, name: str) -> None:
    if importlib.util.find_spec(module) is None:
        package = module.replace("_", "-")
        raise ConfigError(
            f"The encoder {name} is read by {package}, which is not installed: {install_extra(EXTRA)} installs it. "
            "retrieval=bm25 needs no encoder."
        )


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text())
    except ValueError as error:
        raise ConfigError(f"{file} is not JSON ({error}). Copy or fetch it again.") from None
