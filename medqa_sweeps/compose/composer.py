"""Overrides to Hydra's composed config, trial after trial: composed anew where it must be, a changed copy where it may.

Composing anew reads every file and merges every group for each trial: 70 ms with eight groups, longer than some jobs
take. Trials of a sweep mostly differ in plain values of the same keys. So the first of a kind is composed by Hydra and
kept; the second is made both ways and compared; the rest are copies with their own values, unless the two differed.
"""

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import cloudpickle
from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import setup_globals
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from medqa_sweeps.compose.refusals import refusal
from medqa_sweeps.compose.snapshot import kept, loader_of, present_path
from medqa_sweeps.config import TrialConfig
from medqa_sweeps.config.overrides import with_typed_texts
from medqa_sweeps.errors import ConfigError

_KINDS = 64  # kept at a time
Kind = tuple[object, ...]  # what trials have in common that differ in plain values alone


def register_schema() -> None:
    """Make `schema`, from which conf/config.yaml starts, known to Hydra."""
    schema = OmegaConf.structured(TrialConfig)
    OmegaConf.set_struct(schema.tracking.notes, False)  # Hydra closes every mapping: new names would need a +
    ConfigStore.instance().store(name="schema", node=schema)


def composer_again(composed: DictConfig, study: Path, found: Callable[[str], str]) -> "Composer":
    """Composes the trials of a sweep in another process than the sweep's, of the files that the sweep has.

    Args:
        composed: what Hydra composed there without the swept values, its own node included.
        study: its folder.
        found: where a folder that Hydra composed from is now, for an earlier version's study, which kept no files.
    """
    Plugins.instance()
    setup_globals()
    register_schema()
    if kept(study):
        return Composer(loader_of(study), composed)
    path = ConfigSearchPathImpl()
    sources = OmegaConf.to_container(composed.hydra.runtime.config_sources, resolve=False)  # a folder may be `${x}`
    for source in cast(list[dict[str, str]], sources):  # the schema's is the last, as Hydra wants it
        path.append(
            source["provider"], present_path(source["provider"], f"{source['schema']}://{found(source['path'])}")
        )
    return Composer(ConfigLoaderImpl(path), composed)


@dataclass
class _Template:
    config: bytes  # the first of its kind, whose plain values are to be replaced; pickled: six times as fast as a copy
    serves: bool | None = None  # None: it has not been held against Hydra's own composing


class Composer:
    """Composes the trials of one sweep. For one thread, like Hydra.

    Args:
        config: what Hydra composed without the swept values, its own node included.
    """

    def __init__(self, loader: ConfigLoader, config: DictConfig) -> None:
        self.loader, self._config, self._parser = loader, config, OverridesParser.create()
        self._templates: dict[Kind, _Template] = {}
        self._are_groups: dict[str, bool] = {}  # by key

    def compose(self, overrides: Sequence[str], number: int) -> DictConfig:
        """The config of trial `number`, as Hydra composes it.

        Raises:
            ConfigError: if it cannot be composed: one trial's words, and `add` may bring any; the others go on.
        """
        try:
            composed = self._composed(list(overrides))
        except (HydraException, ValueError) as error:
            of_a_trial = OmegaConf.get_type(self._config) is TrialConfig
            raise ConfigError(refusal(error, overrides if of_a_trial else ()) or str(error)) from error
        with open_dict(composed):
            composed.hydra.job.id = composed.hydra.job.num = number
        return composed

    def _composed(self, overrides: list[str]) -> DictConfig:
        parsed = self._parser.parse_overrides(overrides)
        plain = [one for one in parsed if self._is_plain(one)]
        kind = tuple(
            (one.type, one.key_or_group, type(one.value())) if one in plain else one.input_line for one in parsed
        )
        template = self._templates.get(kind)
        if template is not None and template.serves:
            copied = _copied(template.config, parsed, plain)
            if copied is not None:
                return copied
        composed = self.loader.load_sweep_config(self._config, overrides)
        if template is None:
            self._keep(kind, composed)
        elif template.serves is None:
            copied = _copied(template.config, parsed, plain)
            template.serves = copied is not None and OmegaConf.to_yaml(copied) == OmegaConf.to_yaml(composed)
        return composed

    def _keep(self, kind: Kind, composed: DictConfig) -> None:
        if len(self._templates) == _KINDS:
            del self._templates[next(iter(self._templates))]
        self._templates[kind] = _Template(cloudpickle.dumps(composed))

    def _is_plain(self, override: Override) -> bool:
        """Whether it gives a key of the composed config a value, and decides nothing of how it is composed."""
        key, value = override.key_or_group, override.value()
        if override.is_delete() or override.package is not None or key.startswith("hydra."):
            return False
        if not isinstance(value, int | float | str | None) or (isinstance(value, str) and "${" in value):
            return False
        if key not in self._are_groups:  # a name with a dot is a key's; to ask costs as much as a third of a composing
            self._are_groups[key] = "." not in key and bool(self.loader.get_group_options(key, results_filter=None))
        return not self._are_groups[key]


def _copied(config: bytes, parsed: list[Override], plain: list[Override]) -> DictConfig | None:
    """The config with other values, and with what Hydra notes of the words that gave them.

    None if a value does not fit: what is wrong with it, Hydra says better.
    """
    copied: DictConfig = pickle.loads(config)
    try:
        for one in plain:
            OmegaConf.update(copied, one.key_or_group, with_typed_texts(one, copied).value())
    except OmegaConfBaseException:
        return None
    tasks = [one for one in parsed if not one.is_hydra_override()]
    copied.hydra.overrides.task = [one.input_line for one in tasks]
    wanted: Any = copied.hydra.job.config.override_dirname
    copied.hydra.job.override_dirname = get_overrides_dirname(
        tasks, list(wanted.exclude_keys), wanted.item_sep, wanted.kv_sep
    )
    return copied
