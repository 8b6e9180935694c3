"""Divides leased devices into slots, and again when the peak memory of a process is known."""

import contextlib
import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import psutil

from medqa_sweeps import hardware
from medqa_sweeps.durable.writable_folders import cache_folder
from medqa_sweeps.errors import ConfigError, DeviceFailed
from medqa_sweeps.hardware import CARD_VARIABLE
from medqa_sweeps.pool.contract import Slot
from medqa_sweeps.pool.devices import Device
from medqa_sweeps.wording import counted, sentences

GIB = 1 << 30
MAX_SLOTS = 16  # per GPU, with `auto`
_SLOT_BYTES = GIB  # GPU memory per slot beyond its process's peak: the CUDA contexts of the process and of its spare
_UNKNOWN_PEAK = 4 * GIB  # assumed peak of a process on the CPU until one has ended
_GPU_SHARE, _CPU_SHARE = 0.9, 0.8  # of the free memory; the rest is a reserve
_STAGGER_SECONDS = 10.0  # chosen, not measured


@dataclass(frozen=True)
class SlotPlan:
    """Devices divided into slots."""

    devices: tuple[Device, ...]  # GPUs, or the CPU alone
    slots_per_device: int | str  # a number, or "auto"
    at_most: int | None  # maximum number of slots; None: no limit
    threads: int  # per slot
    slots: tuple[Slot, ...]  # at least one

    @property
    def waits_for_a_peak(self) -> bool:
        """Whether slots may be added once the peak memory of a process is known."""
        return self.slots_per_device == "auto" and not self.devices[0].is_cpu


@dataclass(frozen=True)
class FreeResources:
    """Resources for processes of this pool, including what they already use."""

    cores: int
    memory_bytes: int  # of the machine
    gpu_bytes: Mapping[str, int]  # by id of the GPU


def free_resources(devices: Sequence[Device]) -> FreeResources:
    """What is free now, plus what this process's descendants hold.

    In a container, whose process ids differ from NVML's, GPU memory of descendants counts as taken: this gives fewer
    slots, never too many. A GPU that does not respond has no free memory.
    """
    ours = psutil.Process().children(recursive=True)
    resident = 0
    for process in ours:
        with contextlib.suppress(psutil.Error):  # it has just ended, so its memory is free
            resident += process.memory_full_info().uss
    pids = {process.pid for process in ours}
    of_gpus = {device.id: _free_gpu_bytes(device.id, pids) for device in devices if not device.is_cpu}
    return FreeResources(hardware.usable_cores(), hardware.available_memory() + resident, of_gpus)


def _free_gpu_bytes(uuid: str, pids: Collection[int]) -> int:
    try:
        use = hardware.gpu_use(uuid)
    except DeviceFailed:
        return 0
    return use.free_bytes + sum(held or 0 for pid, held in use.processes.items() if pid in pids)


def plan_slots(
    devices: Sequence[Device],
    slots_per_device: int | str,
    at_most: int | None = None,
    peak_bytes: int | None = None,
    free: FreeResources | None = None,
) -> SlotPlan:
    """At least one slot; each device gets its first slot before any gets a second.

    All slots together have at most as many threads as there are cores, but at least one each: OpenMP threads wait for
    each other actively, so too many are very slow.

    Args:
        devices: GPUs, or the CPU alone.
        slots_per_device: a number from 1 up, or "auto": on a GPU 1 until a peak is known, then as many as fit into 90%
            of its free memory, at most 16 and at most one per core; on the CPU one per core, if they fit into 80% of
            the free memory.
        at_most: maximum number of slots, 1 or more; None: no limit.
        peak_bytes: largest peak memory of a process; None: none has ended.
        free: None: what is free now.

    Raises:
        ConfigError: if `slots_per_device` is neither.
    """
    if slots_per_device != "auto" and (not isinstance(slots_per_device, int) or slots_per_device < 1):
        raise ConfigError(f"hydra.launcher.slots_per_device={slots_per_device}: give a number from 1 up, or auto.")
    free = free or free_resources(devices)
    counts = _counts(devices, slots_per_device, peak_bytes, free, threads=1)
    # On a GPU slots may be added later, and threads cannot be taken from existing slots.
    ceilings = counts
    if slots_per_device == "auto":
        by_cores = _by_cores(devices, free, threads=1)
        ceilings = {device: n if device.is_cpu else min(by_cores, MAX_SLOTS) for device, n in counts.items()}
    threads = max(1, free.cores // min(sum(ceilings.values()), at_most or sys.maxsize))
    return _filled(SlotPlan(tuple(devices), slots_per_device, at_most, threads, ()), counts)


def with_more_slots(plan: SlotPlan, peak_bytes: int | None, free: FreeResources | None = None) -> SlotPlan:
    """The plan with its slots, and the slots that are added now that a peak is known; arguments as of `plan_slots`."""
    free = free or free_resources(plan.devices)
    return _filled(plan, _counts(plan.devices, plan.slots_per_device, peak_bytes, free, plan.threads))


def _counts(
    devices: Sequence[Device], slots_per_device: int | str, peak_bytes: int | None, free: FreeResources, threads: int
) -> dict[Device, int]:
    """How many slots each device should have."""
    if isinstance(slots_per_device, int):
        return dict.fromkeys(devices, slots_per_device)
    by_cores = _by_cores(devices, free, threads)
    return {device: max(1, min(by_cores, _fitting_in_memory(device, peak_bytes, free))) for device in devices}


def _by_cores(devices: Sequence[Device], free: FreeResources, threads: int) -> int:
    return max(1, free.cores // (threads * len(devices)))


def _fitting_in_memory(device: Device, peak_bytes: int | None, free: FreeResources) -> int:
    """Number of processes that fit into the memory, as far as is known."""
    if device.is_cpu:
        return int(_CPU_SHARE * free.memory_bytes / (peak_bytes or _UNKNOWN_PEAK))
    if peak_bytes is None:
        return 1
    return min(MAX_SLOTS, int(_GPU_SHARE * free.gpu_bytes[device.id] / (peak_bytes + _SLOT_BYTES)))


def _filled(plan: SlotPlan, counts: Mapping[Device, int]) -> SlotPlan:
    there = {slot.name for slot in plan.slots}
    wanted = [
        slot_on(device, index, plan.threads, plan.slots_per_device if isinstance(plan.slots_per_device, int) else 1)
        for index in range(max(counts.values()))
        for device in plan.devices
        if index < counts[device]
    ]
    fresh = [slot for slot in wanted if slot.name not in there]
    left = max(0, (plan.at_most or sys.maxsize) - len(plan.slots))
    return replace(plan, slots=(*plan.slots, *fresh[:left]))


def slot_on(device: Device, index: int, threads: int, share: int = 1) -> Slot:
    """A slot; `index` is its number among the device's slots, from 0.

    Args:
        share: slots that are to share the device's memory, as the user said; with "auto" the peak of the first
            process decides how many follow, so that it may take what it needs.

    A forked child has already imported torch, so the worker passes `OMP_NUM_THREADS` to `torch.set_num_threads`.
    Unsloth writes generated trainers into `UNSLOTH_COMPILE_LOCATION`, imports them from there and adds the folder to
    `sys.path`: it must be absolute and different for each running process.
    """
    generated = cache_folder() / "unsloth" / f"{device.id}.{device.lease_index}.{index}"
    environment = {
        "CUDA_VISIBLE_DEVICES": "" if device.is_cpu else device.id,
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "UNSLOTH_COMPILE_LOCATION": str(generated),
        "MEDQA_SWEEPS_SLOTS": str(share),
        **({} if device.is_cpu else {CARD_VARIABLE: device.label}),
    }
    return Slot(f"{device.label}.{index}", device.id, environment)


def stagger_seconds(devices: Sequence[Device]) -> float:
    """Seconds between two starts on one device: on a GPU, loading peaks must not coincide; on the CPU they may."""
    return 0.0 if devices[0].is_cpu else _STAGGER_SECONDS


def describe(plan: SlotPlan, skipped: Sequence[str] = ()) -> list[str]:
    """Sentences for users: how many trials run on which devices, and which devices were skipped."""
    devices = plan.devices
    on_each = sorted(Counter(slot.device_id for slot in plan.slots).values())
    trials = counted(on_each[-1], "trial") if on_each[0] == on_each[-1] else f"{on_each[0]} to {on_each[-1]} trials"
    if devices[0].is_cpu:
        why = "".join(f"{clause}: " for clause in skipped)
        return [sentences(f"{why}the CPU, {trials} at a time, {counted(plan.threads, 'thread')} each")]
    names = ", ".join(dict.fromkeys(device.name for device in devices))
    each = " on each" if len(devices) > 1 else ""
    until = " until the first has finished" if plan.waits_for_a_peak else ""
    where = f"{counted(len(devices), 'GPU')} ({names})"
    return [f"{where}: {trials} at a time{each}{until}.", *(sentences(clause) for clause in skipped)]
