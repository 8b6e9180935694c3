"""This machine as a pool: its free devices, leased and divided into slots, and the children that work on them."""

from collections.abc import Sequence
from pathlib import Path

from medqa_sweeps.pool.children import ForkedChildren, SparedChildren
from medqa_sweeps.pool.contract import LocalPool
from medqa_sweeps.pool.devices import Device, describe, find_devices, lease, plan_slots, stagger_seconds
from medqa_sweeps.pool.request import ANY_DEVICE, DeviceRequest

TRAINING = ("medqa_sweeps.worker.run",)  # imports torch, unsloth and trl: about 15 s, paid ahead of the trials


class Machine(LocalPool):
    """Slots on this machine's devices, which no other sweep takes until this is closed.

    Args:
        study: folder, told to whoever asks for a device that is taken.
        slots_per_device: a number, or "auto".
        trials: so many slots at most; None: without end.
        preload: modules that children find imported.

    Raises:
        ConfigError: if the devices that were asked for are not there, or none is free.
    """

    def __init__(
        self,
        study: Path,
        devices: DeviceRequest = ANY_DEVICE,
        slots_per_device: int | str = "auto",
        trials: int | None = None,
        preload: Sequence[str] = TRAINING,
    ) -> None:
        self._slots_per_device, self._trials = slots_per_device, trials
        self._peak_bytes = 0  # of the largest trial so far: its like may come again
        self._lease = lease(find_devices(devices), study, at_most=trials)
        slots = plan_slots(self._lease.devices, slots_per_device, trials)
        on_cpu = self._lease.devices[0].is_cpu
        children = ForkedChildren(list(preload)) if on_cpu else SparedChildren(list(preload))
        super().__init__(children, slots, stagger_seconds(self._lease.devices))

    @property
    def devices(self) -> tuple[Device, ...]:
        """The leased devices, at least one."""
        return self._lease.devices

    def describe(self) -> list[str]:
        """Sentences for people: what runs where, and which devices were left out."""
        growing = self._slots_per_device == "auto" and not self._lease.devices[0].is_cpu
        return describe(self.slots, self._lease.skipped, growing)  # type: ignore[arg-type]

    def learn(self, peak_bytes: int) -> None:
        """Take more slots if the devices have room for them, now that a trial has shown how much it needs."""
        if self._slots_per_device == "auto":
            self._peak_bytes = max(self._peak_bytes, peak_bytes)
            planned = plan_slots(self._lease.devices, "auto", self._trials, self._peak_bytes, planned=self.slots)  # type: ignore[arg-type]
            self.add(planned[len(self.slots) :])

    def close(self) -> None:
        super().close()
        self._lease.close()
