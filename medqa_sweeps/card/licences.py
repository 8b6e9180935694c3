"""Whose terms apply to a base model and to questions.

A model's own card (README.md beside its weights) comes first, then the list below, which holds what the publishers of
the models and data sets in `conf/` say. Anything else is unknown, and the card says whom to ask.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml

from medqa_sweeps import hub
from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.config import DataConfig, ModelConfig, texts_of
from medqa_sweeps.damage import YAML_LOADER
from medqa_sweeps.errors import ConfigError

_OURS = "apache-2.0"  # of this package, with the tiny base and the sample
_BUNDLED = "bundled:"
_FRONT = re.compile(r"\A---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)
# The hub's identifiers that occur here; the hub refuses a card with one that it does not know.
_IDENTIFIERS = {
    *("apache-2.0", "mit", "gemma", "llama2", "llama3", "llama3.1", "llama3.2", "llama3.3", "openrail", "cc0-1.0"),
    *("bigscience-bloom-rail-1.0", "bsd-3-clause", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0"),
}
_LINKS = {
    "gemma": "https://ai.google.dev/gemma/terms",
    "llama3.2": "https://www.llama.com/llama3_2/license/",
}
_MODELS = {
    "unsloth/gemma-3-*": "gemma",
    "google/gemma-3-*": "gemma",
    "unsloth/Llama-3.2-*": "llama3.2",
    "meta-llama/Llama-3.2-*": "llama3.2",
    "unsloth/Qwen3-0.6B*": "apache-2.0",
    "Qwen/Qwen3-0.6B*": "apache-2.0",
    "HuggingFaceTB/SmolLM2-*": "apache-2.0",
}
_MEDQA = "MIT, by the authors' repository (github.com/jind11/MedQA)"
_DATA_SETS = {
    "GBaker/MedQA-USMLE-4-options-hf": f"{_MEDQA}; this copy on the hub is labelled cc-by-sa-4.0",
    "bigbio/med_qa": f"{_MEDQA}; this copy on the hub is labelled unknown",
    "openlifescienceai/medmcqa": "apache-2.0, as this copy on the hub is labelled",
}


@dataclass(frozen=True)
class Licence:
    """The terms of a base model."""

    name: str  # of the hub's identifiers where `is_identifier`, else as its publisher writes it; "": unknown
    link: str = ""

    @property
    def is_identifier(self) -> bool:
        return self.name in _IDENTIFIERS

    def text(self, publisher: str) -> str:
        """For users; `publisher`: whom to ask where it is unknown."""
        if not self.name:
            return f"unknown: ask {publisher} before you use or pass on this model"
        return f"{self.name} ({self.link})" if self.link else self.name


def of_model(config: ModelConfig) -> Licence:
    """The base model's licence, without asking a network."""
    if config.path is not None and config.path.startswith(_BUNDLED):
        return Licence(_OURS)
    stated = _stated(_model_folder(config))
    name = str(stated.get("license") or _known(_MODELS, config.hub_id) or "")
    if name == "other" and stated.get("license_name"):
        name = str(stated["license_name"])
    return Licence(name, str(stated.get("license_link") or _LINKS.get(name, "")))


def of_data(config: DataConfig) -> str:
    """The licence of the questions, for users."""
    if config.hub_id is not None:
        known = _known(_DATA_SETS, config.hub_id)
        stated = _stated(hub.cached("dataset", config.hub_id, config.revision, ("README.md",))).get("license")
        label = f"{', '.join(map(str, texts_of(stated)))}, as its page on the hub is labelled" if stated else ""
        return known or label or f"unknown: ask {config.hub_id}'s publisher before you pass on this model"
    if all(str(path).startswith(_BUNDLED) for path in texts_of(config.train)):
        return f"{_OURS} (part of medqa_sweeps)"
    return "unknown: ask the owner of the questions before you pass on this model"


def _known(listed: Mapping[str, str], hub_id: str | None) -> str | None:
    return next((licence for pattern, licence in listed.items() if hub_id and fnmatch(hub_id, pattern)), None)


def _model_folder(config: ModelConfig) -> Path | None:
    if config.path is None:
        assert config.hub_id is not None, "a model has a path or an id"
        return hub.cached("model", config.hub_id, config.revision, ("README.md",))
    try:
        return resolve_bundled(config.path)
    except ConfigError:
        return None


def _stated(folder: Path | None) -> dict[str, Any]:
    """The metadata of the card in a folder; empty without a card that can be read."""
    try:
        front = _FRONT.match((folder / "README.md").read_text(encoding="utf-8")) if folder else None
        found = yaml.load(front[1], YAML_LOADER) if front else None
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}
