"""A trial's config in and out of the program: what Hydra composed, `config.yaml`, and paths that have moved."""

import copy
import dataclasses
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from medqa_sweeps.config.checks import is_hub_id
from medqa_sweeps.config.interpolation import literal
from medqa_sweeps.config.known_keys import keys_of, not_a_setting, said, unknown_keys
from medqa_sweeps.config.schema import TRIAL_KEYS, TrialConfig, checked
from medqa_sweeps.errors import ConfigError


def from_hydra(composed: DictConfig) -> TrialConfig:
    """The typed, checked config of what Hydra composed; its own node may be in it, and is passed over.

    Raises:
        ConfigError: for a key that the schema does not know, and a missing, mistyped or out-of-range value.
    """
    if unknown := [key for key in unknown_keys(composed) if key != "hydra"]:
        known = list(keys_of(composed))
        raise ConfigError("\n".join(not_a_setting(key, known) for key in unknown))
    try:
        parts = {field.name: _plain(composed[field.name]) for field in dataclasses.fields(TrialConfig)}
    except OmegaConfBaseException as error:
        raise ConfigError(said(error)) from error
    return checked(_with_absolute_paths(TrialConfig(**parts)))


def _plain(value: Any) -> Any:
    return OmegaConf.to_object(value) if OmegaConf.is_config(value) else value


def _with_absolute_paths(config: TrialConfig) -> TrialConfig:
    """Paths as typed here mean the same in a child process, and when the trial is run again from another folder."""

    return with_paths(config, lambda path: os.path.abspath(os.path.expanduser(path)))


def with_paths(config: TrialConfig, change: Callable[[str], str]) -> TrialConfig:
    """The config with every path of a file or folder of this machine changed."""

    def changed(path: Any) -> Any:
        if isinstance(path, list):
            return [changed(one) for one in path]
        return change(path) if isinstance(path, str) and not path.startswith("bundled:") else path

    def encoder(name: str | None) -> Any:
        return changed(name) if name is not None and name.strip() and not is_hub_id(name) else name

    data = config.data
    if data.hub_id is None:
        files: dict[str, Any] = {part: changed(getattr(data, part)) for part in ("train", "validation", "test")}
        data = dataclasses.replace(data, **files)
    safety, retrieval = config.safety, config.retrieval
    return dataclasses.replace(
        config,
        data=data,
        model=dataclasses.replace(config.model, path=changed(config.model.path)),
        retrieval=dataclasses.replace(
            retrieval,
            corpus=changed(retrieval.corpus),
            embedder=encoder(retrieval.embedder),
            query_embedder=encoder(retrieval.query_embedder),
        ),
        safety=dataclasses.replace(safety, drug_names=changed(safety.drug_names), requests=changed(safety.requests)),
    )


def save(config: TrialConfig, path: Path) -> None:
    """Write `config` as YAML that `load` reads back to an equal object."""
    texts = literal(dataclasses.asdict(config))
    typed = OmegaConf.merge(OmegaConf.structured(TrialConfig), texts)
    path.write_text(OmegaConf.to_yaml(typed), encoding="utf-8")


def load(path: Path) -> TrialConfig:
    """The config that `save` wrote.

    Raises:
        ConfigError: if the file is missing, is not YAML, or has a key or value that the schema does not know.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); a trial folder holds a config.yaml") from error
    return copy.deepcopy(_loaded(path, status.st_mtime_ns, status.st_size, status.st_ino))


@functools.lru_cache(maxsize=64)  # a sweep asks for each of its trials' configs several times, and each costs 50 ms
def _loaded(path: Path, *version: int) -> TrialConfig:
    try:
        merged = OmegaConf.merge(OmegaConf.structured(TrialConfig), OmegaConf.load(path))
        config = OmegaConf.to_object(merged)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); a trial folder holds a config.yaml") from error
    except OmegaConfBaseException as error:
        raise ConfigError(f"{path}: {said(error)}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error
    assert isinstance(config, TrialConfig)
    return checked(config)


def with_defaults(saved: dict[str, Any]) -> dict[str, Any]:
    """What an earlier version composed, with the default of each setting that it did not have; any other program's
    config as it is."""
    if not saved.keys() >= TRIAL_KEYS:
        return saved
    defaults = OmegaConf.to_container(OmegaConf.structured(TrialConfig))
    assert isinstance(defaults, dict), "the schema is a mapping"
    return {key: {**defaults[key], **value} if key in TRIAL_KEYS - {"seed"} else value for key, value in saved.items()}
