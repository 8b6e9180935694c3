"""Parses a request for devices, from `hydra.launcher.devices` or a command's `--devices`.

    auto            all free GPUs, or the CPU if there is no GPU
    cpu             the CPU
    0,2  [0,2]      GPUs, by nvidia-smi's number or the beginning of their UUID

`devices.find_devices` finds out which of them exist and are free.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from medqa_sweeps.config.overrides import key_of, override
from medqa_sweeps.errors import ConfigError

CPU = "cpu"
_AUTO = "auto"
_SETTING, _SHARE_SETTING = "hydra.launcher.devices", "hydra.launcher.share_devices"


@dataclass(frozen=True)
class DeviceRequest:
    """The requested devices, and how to request others in the same way."""

    names: tuple[str, ...] = ()  # `cpu`, or GPUs by number or the beginning of their UUID; empty: auto
    share: bool = False  # also use GPUs that others use
    by_option: bool = False  # requested by --devices; else by hydra.launcher.devices

    def spelled(self, *names: str) -> str:
        """How to request `names`: `hydra.launcher.devices=[0,2]` or `--devices 0,2`."""
        return f"--devices {','.join(names)}" if self.by_option else _override(names)

    def spelled_share(self) -> str:
        """How to request GPUs that others use too."""
        return "--share-devices" if self.by_option else f"{_SHARE_SETTING}=true"

    def overrides(self) -> list[str]:
        """The request as Hydra overrides."""
        return [_override(self.names or (_AUTO,)), *([f"{_SHARE_SETTING}=true"] if self.share else [])]


ANY_DEVICE = DeviceRequest()


def requested(wanted: object = None, share: bool = False, by_option: bool = False) -> DeviceRequest:
    """The request in a setting or an option.

    Args:
        wanted: None for auto; one name or number; several in a list, or in a text separated by commas.

    Raises:
        ConfigError: if it is empty, or combines cpu or auto with other names.
    """
    names = _names(wanted)
    if names == [_AUTO]:
        return DeviceRequest((), share, by_option)
    request = DeviceRequest(tuple(names), share, by_option)
    if not names or not all(names) or _AUTO in names or (CPU in names and len(names) > 1):
        raise ConfigError(
            f"{request.spelled(*names)}: give only auto, only cpu, or only GPUs, as in {request.spelled('0', '2')}. A "
            "trial on the CPU would delay all trials on GPUs."
        )
    return request


def requested_of_launcher(settings: Mapping[str, Any]) -> DeviceRequest:
    """The request in the settings of a Hydra launcher; auto if the launcher has no such settings.

    Raises:
        ConfigError: as `requested`.
    """
    return requested(settings.get("devices"), bool(settings.get("share_devices")))


def with_devices(overrides: Sequence[str], request: DeviceRequest) -> list[str]:
    """A Hydra program's overrides, with this request instead of any other.

    Raises:
        ConfigError: if they choose a launcher without devices.
    """
    other = [one for one in overrides if one.startswith("hydra/launcher=") and not one.endswith("=local_gpus")]
    if other:
        raise ConfigError(
            f"The study was started with {other[0]}, which has no devices to choose. Leave the option out, or repeat "
            f"the study's command with hydra/launcher=local_gpus."
        )
    kept = [one for one in overrides if key_of(one) not in (_SETTING, _SHARE_SETTING)]
    return [*kept, *request.overrides()]


def _names(wanted: object) -> list[str]:
    if wanted is None:
        return [_AUTO]
    entries = [wanted] if isinstance(wanted, str | int) or not isinstance(wanted, Sequence) else wanted
    if len(entries) == 1 and isinstance(entries[0], str):
        entries = entries[0].strip().removeprefix("[").removesuffix("]").split(",")
    return [str(entry).strip() for entry in entries]


def _override(names: Sequence[str]) -> str:
    alone = tuple(names) in ((_AUTO,), (CPU,))
    return override(_SETTING, names[0] if alone else [int(name) if name.isdecimal() else name for name in names])
