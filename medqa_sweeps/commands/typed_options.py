"""The settings of one config group for a command: a file of `conf/`, overrides as launch.py takes them, typed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.installation import CONF

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hydra.core.override_parser.types import Override


def option(group: str, name: str, or_else: str) -> dict[str, Any]:
    """The settings of a file of `conf/`.

    Raises:
        ConfigError: if there is no such file.
    """
    import yaml

    from medqa_sweeps.config.known_keys import nearest

    file = CONF / group / f"{name}.yaml"
    if not file.is_file():
        names = sorted(path.stem for path in file.parent.glob("*.yaml"))
        meant = f" Did you mean {near}?" if (near := nearest(name, names)) else ""
        told = f"{name}: conf/{group}/ has no such option.{meant} Name {or_else}one of {', '.join(names)}."
        raise ConfigError(told)
    settings: dict[str, Any] = yaml.safe_load(file.read_text())
    return settings


def typed(group: str, schema: type[Any], given: dict[str, Any], overrides: Sequence[str]) -> Any:
    """An object of the group's schema, with the given settings and then the overrides.

    Raises:
        ConfigError: for a key or value that the schema does not have, and for an override of another group.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    from medqa_sweeps.config.known_keys import said
    from medqa_sweeps.config.overrides import with_typed_texts

    try:
        typed = OmegaConf.create({group: OmegaConf.structured(schema)})
        merged: Any = OmegaConf.merge(typed, {group: given})
        for override in _parsed(group, overrides):
            OmegaConf.update(merged, override.key_or_group, with_typed_texts(override, merged).value())
        return OmegaConf.to_object(merged[group])
    except OmegaConfBaseException as error:
        raise ConfigError(said(error)) from None


def _parsed(group: str, overrides: Sequence[str]) -> "Iterator[Override]":
    """Overrides, read as Hydra reads them for launch.py."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    from medqa_sweeps.compose.refusals import refusal

    try:
        for override in OverridesParser.create().parse_overrides(list(overrides)):
            if not override.key_or_group.startswith(f"{group}.") or override.is_sweep_override():
                raise ConfigError(f"{override.input_line}: here only {group}.KEY=VALUE can be set.")
            yield override
    except HydraException as error:
        raise ConfigError(refusal(error) or str(error)) from None
