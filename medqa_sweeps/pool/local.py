"""This machine as a pool: its free devices, leased and divided into slots, and the child processes on them."""

import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from medqa_sweeps.pool.children import Children, ForkedChildren, SparedChildren
from medqa_sweeps.pool.contract import Pool, ProcessExit, ProcessHandle, Slot
from medqa_sweeps.pool.devices import Device, find_devices
from medqa_sweeps.pool.failing_devices import FailingDevices
from medqa_sweeps.pool.leases import Lease, lease
from medqa_sweeps.pool.request import ANY_DEVICE, DeviceRequest
from medqa_sweeps.pool.slots import SlotPlan, describe, plan_slots, stagger_seconds, with_more_slots


def local_pool(
    folder: Path,
    preload: Sequence[str],
    devices: DeviceRequest = ANY_DEVICE,
    slots_per_device: int | str = "auto",
    at_most: int | None = None,
    say: Callable[[str], None] = lambda sentence: None,
) -> "LocalPool":
    """A pool on this machine's devices, which no other sweep uses until the pool is closed.

    Args:
        folder: the folder of this sweep, named in messages to other sweeps.
        preload: modules that are imported before children start.
        slots_per_device: a number, or "auto".
        at_most: maximum number of slots; None: no limit.
        say: tells users which devices are taken out of service.

    Raises:
        ConfigError: if the requested devices do not exist, or none is free.
    """
    leased = lease(find_devices(devices), folder, at_most)
    plan = plan_slots(leased.devices, slots_per_device, at_most)
    # A fork cannot share the driver of a GPU.
    children = ForkedChildren(list(preload)) if leased.devices[0].is_cpu else SparedChildren(list(preload))
    return LocalPool(children, leased, plan, stagger_seconds(leased.devices), say)


class LocalPool(Pool):
    """Child processes on the slots of leased devices; `close` also closes the lease. Processes start without a queue.

    Args:
        stagger_seconds: minimum time between two starts on one device, so that their loading peaks do not coincide.
        say: tells users which devices are taken out of service.
    """

    def __init__(
        self,
        children: Children,
        leased: Lease,
        plan: SlotPlan,
        stagger_seconds: float = 0.0,
        say: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self._children, self._lease, self._plan, self._stagger = children, leased, plan, stagger_seconds
        names = {device.id: str(device) for device in leased.devices}
        self._failing = FailingDevices(self._runs_without, say, "nvidia-smi -q -i {}".format, names.__getitem__)
        self._peak_bytes = 0  # of the largest process so far
        self._running: dict[int, ProcessHandle] = {}  # by process id
        self._last_start: dict[str, float] = {}  # by device

    @property
    def devices(self) -> tuple[Device, ...]:
        """The leased devices, at least one."""
        return self._lease.devices

    @property
    def slots(self) -> Sequence[Slot]:
        return [slot for slot in self._plan.slots if slot.device_id not in self._failing.out]

    @property
    def free(self) -> int:
        return sum(map(self._stagger_passed, self._free_slots())) if self._children.ready else 0

    def describe(self) -> Sequence[str]:
        """How many processes run on which devices, and which devices were skipped."""
        return describe(self._plan, self._lease.skipped)

    def note_peak_memory(self, peak_bytes: int) -> None:
        if self._plan.slots_per_device == "auto":
            self._peak_bytes = max(self._peak_bytes, peak_bytes)
            self._plan = with_more_slots(self._plan, self._peak_bytes)

    def note_waiting(self, processes: int) -> None:
        """Nothing: the devices are leased until the pool is closed."""

    def note_outcome(self, slot: Slot, log: Path, device_failed: bool) -> None:
        self._failing.note(slot, str(log), device_failed)

    def start(
        self,
        module: str,
        arguments: list[str],
        environment: dict[str, str],
        log: Path,
        avoid: Collection[str] = (),
    ) -> ProcessHandle:
        # Prefers an idle device to a busy one; a device to avoid comes last.
        busy = [process.slot.device_id for process in self._running.values()]
        slot = min(
            self._free_slots(),
            key=lambda slot: (slot.device_id in avoid, not self._stagger_passed(slot), busy.count(slot.device_id)),
        )
        pid = self._children.start(module, arguments, {**environment, **slot.environment}, log)
        now = time.monotonic()
        self._running[pid] = process = ProcessHandle(str(pid), slot, began_at=now)
        self._last_start[slot.device_id] = now
        return process

    def wait(self, timeout: float) -> list[ProcessExit]:
        if not self._running and self._children.ready:
            time.sleep(timeout)
            return []
        exits = self._children.wait(timeout)
        return [ProcessExit(self._running.pop(child.pid), child.code, child.cause) for child in exits]

    def kill(self, process: ProcessHandle) -> None:
        for pid, running in self._running.items():
            if running is process:
                self._children.kill(pid)

    def close(self) -> None:
        self._children.close()
        self._running.clear()
        self._lease.close()

    def _runs_without(self, out: Collection[str]) -> bool:
        return any(device.id not in out for device in self.devices)

    def _free_slots(self) -> list[Slot]:
        taken = [process.slot for process in self._running.values()]
        return [slot for slot in self.slots if slot not in taken]

    def _stagger_passed(self, slot: Slot) -> bool:
        """Whether the stagger time since the last start on its device has passed."""
        last = self._last_start.get(slot.device_id)
        return last is None or time.monotonic() - last >= self._stagger
