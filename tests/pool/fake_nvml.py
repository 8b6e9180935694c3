"""A stand-in for NVML, NVIDIA's management library: cards that exist only here, behind pynvml's own functions.

A fake, since the machines that run these tests need not have a GPU. It answers what `hardware.py` asks, in pynvml's
types and with pynvml's errors, and refuses whatever is asked before `nvmlInit` or after `nvmlShutdown`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pynvml

GIB = 1 << 30
STRANGER = 1  # a process that is there and is not ours
LOST = pynvml.NVML_ERROR_GPU_IS_LOST


@dataclass
class Card:
    """A GPU, or with `parts` one that MIG divides."""

    uuid: str
    total: int = 80 * GIB
    used: int = 0
    processes: Mapping[int, int | None] = field(default_factory=dict)  # bytes held, by process
    name: str = "NVIDIA H100"
    parts: Mapping[int, "Card"] | None = None  # by their place; None: MIG is off
    most_parts: int = 7  # that MIG could cut it into
    error: int | None = None  # answers nothing else


class FakeNvml:
    """Cards, a driver that answers or does not, and whether what was opened was closed again."""

    def __init__(self, *cards: Card, driver_error: int | None = None) -> None:
        self.cards, self.driver_error, self.opened = list(cards), driver_error, 0

    def install(self, setattr: Callable[[Any, str, Any], None] = setattr) -> "FakeNvml":
        """Put its answers in the place of pynvml's: `monkeypatch.setattr` takes them back after a test."""
        for name in filter(lambda name: name.startswith("nvml"), dir(self)):
            setattr(pynvml, name, getattr(self, name))
        return self

    def nvmlInit(self) -> None:
        if self.driver_error is not None:
            raise pynvml.NVMLError(self.driver_error)
        self.opened += 1

    def nvmlShutdown(self) -> None:
        self._opened().opened -= 1

    def nvmlDeviceGetCount(self) -> int:
        return len(self._opened().cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Card:
        return self._answering(self._opened().cards[index])

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> Card:
        for card in self._opened().cards:
            for one in (card, *(card.parts or {}).values()):
                if one.uuid == uuid:
                    return self._answering(one)
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)

    def nvmlDeviceGetMigMode(self, card: Card) -> list[int]:
        self._answering(card)
        if "GeForce" in card.name:  # has none
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return [pynvml.NVML_DEVICE_MIG_DISABLE if card.parts is None else pynvml.NVML_DEVICE_MIG_ENABLE] * 2

    def nvmlDeviceGetMaxMigDeviceCount(self, card: Card) -> int:
        return self._answering(card).most_parts

    def nvmlDeviceGetMigDeviceHandleByIndex(self, card: Card, place: int) -> Card:
        parts = self._answering(card).parts or {}
        if place not in parts:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return parts[place]

    def nvmlDeviceGetName(self, card: Card) -> str:
        return self._answering(card).name

    def nvmlDeviceGetUUID(self, card: Card) -> str:
        return self._answering(card).uuid

    def nvmlDeviceGetMemoryInfo(self, card: Card, version: int | None = None) -> SimpleNamespace:
        """Without a version the driver's own share counts as used, as in NVML."""
        self._answering(card)
        reserved = card.total // 128
        used = card.used if version == pynvml.nvmlMemory_v2 else card.used + reserved
        free = card.total - card.used - reserved
        return SimpleNamespace(total=card.total, free=free, used=used, reserved=reserved)

    def nvmlDeviceGetComputeRunningProcesses(self, card: Card) -> list[SimpleNamespace]:
        self._answering(card)
        return [SimpleNamespace(pid=pid, usedGpuMemory=held) for pid, held in card.processes.items()]

    def _opened(self) -> "FakeNvml":
        if not self.opened:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_UNINITIALIZED)
        return self

    def _answering(self, card: Card) -> Card:
        self._opened()
        if card.error is not None:
            raise pynvml.NVMLError(card.error)
        return card
