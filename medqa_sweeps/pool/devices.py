"""Where this sweep may run: devices it finds free, leases so that no other sweep takes them, and divides into slots.

    find_devices → lease → plan_slots, and again with what a finished trial has shown that one needs

Never creates a CUDA context: what is known of a GPU is what NVML says.
"""

import contextlib
import itertools
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from medqa_sweeps import hardware
from medqa_sweeps.durable.files import write_atomically
from medqa_sweeps.durable.places import cache_folder
from medqa_sweeps.errors import ConfigError, DeviceFailed
from medqa_sweeps.hardware import Gpu
from medqa_sweeps.pool.request import ANY_DEVICE, CPU, DeviceRequest

GIB = 1 << 30
MAX_SLOTS = 16  # on one GPU, where `auto` chooses
_BUSY_BYTES = GIB  # in use on a GPU before we come: a desktop stays below it, a loaded model does not
_SLOT_BYTES = GIB  # that a slot takes of a GPU beyond a trial's peak: the CUDA contexts of its trial and of its spare
_UNKNOWN_PEAK = 4 * GIB  # assumed of a trial on the CPU until one has finished
_GPU_SHARE, _CPU_SHARE = 0.9, 0.8  # of the memory there is room in; the rest is for what no peak shows
_STAGGER_SECONDS = 10.0  # chosen, not measured


@dataclass(frozen=True)
class Device:
    """A GPU, an instance of one that MIG divides, or the CPU."""

    id: str  # "cpu", or the UUID that CUDA knows it by
    name: str  # of the product
    memory_bytes: int  # in all
    label: str  # for people: cpu, gpu0, gpu0-mig1; numbered as nvidia-smi does
    seat: int = 0  # of this sweep, among those that share the device; see `lease`

    @property
    def is_cpu(self) -> bool:
        return self.id == CPU

    def __str__(self) -> str:
        return f"{self.label} ({self.name})"


@dataclass(frozen=True)
class Slot:
    """A place on a device where one process works at a time."""

    device: Device
    index: int  # among the device's slots, from 0
    threads: int

    @property
    def name(self) -> str:
        return f"{self.device.label}.{self.index}"

    @property
    def device_id(self) -> str:
        return self.device.id

    def environment(self) -> dict[str, str]:
        """What a process on this slot finds in its environment besides what its job gives it.

        `OMP_NUM_THREADS` reaches a forked child too, which has torch imported already: the run half gives it to
        `torch.set_num_threads`. Unsloth writes the trainers it generates into `UNSLOTH_COMPILE_LOCATION`, imports them
        from there and puts the folder on `sys.path`: absolute, and no two living processes have the same.
        """
        generated = cache_folder() / "unsloth" / f"{self.device.id}.{self.device.seat}.{self.index}"
        return {
            "CUDA_VISIBLE_DEVICES": "" if self.device.is_cpu else self.device.id,
            "OMP_NUM_THREADS": str(self.threads),
            "MKL_NUM_THREADS": str(self.threads),
            "UNSLOTH_COMPILE_LOCATION": str(generated),
        }


@dataclass(frozen=True)
class Found:
    """Devices that may be leased."""

    devices: tuple[Device, ...]  # at least one
    skipped: tuple[str, ...] = ()  # a clause for each that may not, or why there is none
    request: DeviceRequest = ANY_DEVICE  # what they were found for


# Finding


def find_devices(request: DeviceRequest = ANY_DEVICE) -> Found:
    """The GPUs that `CUDA_VISIBLE_DEVICES` leaves and nobody else computes on; where there is no GPU, the CPU.

    A GPU is somebody else's while a process has a CUDA context on it, or more than 1 GiB of it is in use (processes of
    other containers are invisible, their memory is not).

    Raises:
        ConfigError: if a device is named that is not there, or none is free, or the driver does not answer.
    """
    if request.names == (CPU,):
        return Found((_cpu(),))
    gpus, silent = hardware.survey()
    if not gpus and silent:
        raise ConfigError(f"{_sentence(silent)} Mend that, or compute without a GPU: {request.spelled(CPU)}.")
    if not gpus and not request.names:
        return Found((_cpu(),), ("no GPU found",))
    free: list[Device] = []
    skipped = list(silent)
    for gpu in dict.fromkeys(gpu for name in request.names for gpu in _called(name, gpus, request)) or gpus:
        device = _device(gpu)
        reason = _unusable(device, request.share)
        if reason:
            skipped.append(f"{device} {reason}")
        else:
            free.append(device)
    if not free:
        raise ConfigError(_none_left(skipped, request))
    return Found(tuple(free), tuple(skipped), request)


def _called(name: str, gpus: Sequence[Gpu], request: DeviceRequest) -> list[Gpu]:
    """The GPU of that number, as all its instances where it is divided, or of that UUID."""
    of_number = [gpu for gpu in gpus if name == str(gpu.index)]
    of_uuid = [gpu for gpu in gpus if gpu.uuid.lower().startswith(name.lower())]
    if not of_number and len(of_uuid) != 1:
        there = ", ".join(f"{gpu.index} {gpu.name} {gpu.uuid}" for gpu in gpus) or "none"
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        among = "" if hidden is None else f" (CUDA_VISIBLE_DEVICES={hidden} hides the others)"
        problem = "is the beginning of several" if of_uuid else "is not there"
        raise ConfigError(
            f"{request.spelled(*request.names)}: GPU {name} {problem}. There are: {there}{among}. Name one by its "
            "number or its UUID, or say auto or cpu."
        )
    return of_number or of_uuid


def _cpu() -> Device:
    return Device(CPU, hardware.processor_name(), psutil.virtual_memory().total, CPU)


def _device(gpu: Gpu) -> Device:
    part = "" if gpu.instance is None else f"-mig{gpu.instance}"
    return Device(gpu.uuid, gpu.name, gpu.memory_bytes, f"gpu{gpu.index}{part}")


def _unusable(device: Device, share: bool) -> str:
    """Why a sweep should keep off the GPU; empty: nothing speaks against it."""
    try:
        use = hardware.gpu_use(device.id)
    except DeviceFailed as error:
        return f"is left out: {error}"
    strangers = [shown for pid in use.processes if (shown := _process(pid))]
    if share or (not strangers and use.used_bytes <= _BUSY_BYTES):
        return ""
    who = _holders(device.id) or strangers or ["somebody who cannot be seen from here"]
    return f"is in use by {' and '.join(who)}: {use.used_bytes / GIB:.1f} GiB are taken"


def _process(pid: int) -> str:
    """A process for people; empty if it is the server of NVIDIA's multi-process service, which computes for others."""
    with contextlib.suppress(psutil.Error):
        name = psutil.Process(pid).name()
        return "" if name.startswith("nvidia-cuda-mps") else f"process {pid} ({name})"
    return f"process {pid}"


def _none_left(skipped: Collection[str], request: DeviceRequest) -> str:
    return (
        f"No GPU is free. {_sentence(skipped)} Wait, choose others ({request.spelled('0', '2')}), share them if their "
        f"memory has room for both ({request.spelled_share()}), or compute without: {request.spelled(CPU)}."
    )


def _sentence(clauses: Collection[str]) -> str:
    text = "; ".join(clauses)
    return f"{text[:1].upper()}{text[1:]}."


# Leasing


@dataclass(frozen=True)
class Lease:
    """Devices on which no other sweep starts anything while this is open. Close it, or use it as a context manager."""

    devices: tuple[Device, ...]  # at least one
    skipped: tuple[str, ...]  # a clause for each that could not be had, with its reason
    _held: contextlib.ExitStack

    def close(self) -> None:
        self._held.close()

    def __enter__(self) -> "Lease":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def lease(found: Found, study: Path, at_most: int | None = None) -> Lease:
    """Those of the devices that no other sweep of this cache folder holds, now this process's, up to `at_most`.

    The kernel lets go when this process dies, however it dies; a child of it does not hold them. Sweeps that share a
    GPU take a seat each, and one that does not want to share is kept off as long as any seat is taken. The CPU is not
    leased: the system shares it among everybody anyhow, and a slot there takes no more than its threads.

    Args:
        study: folder, told to whoever asks for a device that is taken.

    Raises:
        ConfigError: if there is nothing left, or the cache folder cannot be written.
    """
    devices: list[Device] = []
    skipped = list(found.skipped)
    with contextlib.ExitStack() as held:
        for device in found.devices:
            if len(devices) == at_most:
                break
            try:
                seat = 0 if device.is_cpu else _sit_down(device.id, found.request.share, study, held)
            except OSError as error:
                raise ConfigError(
                    f"{_leases()}: which GPUs are taken cannot be kept there ({error.strerror}). Set "
                    "MEDQA_SWEEPS_CACHE to a folder on a disk of this machine that you may write to."
                ) from None
            if seat is None:
                who = " and ".join(_holders(device.id)) or "a sweep that has just begun"
                skipped.append(f"{device} is taken by {who}")
            else:
                devices.append(replace(device, seat=seat))
        if not devices:
            raise ConfigError(_none_left(skipped, found.request))
        return Lease(tuple(devices), tuple(skipped), held.pop_all())


def _leases() -> Path:
    return cache_folder() / "leases"


def _sit_down(uuid: str, share: bool, study: Path, held: contextlib.ExitStack) -> int | None:
    """The seat that is now ours on a GPU, until `held` is closed; None: others are there, and sharing was not asked."""
    _leases().mkdir(parents=True, exist_ok=True)
    seats = itertools.count() if share else [0]
    ours = next(((seat, lock) for seat in seats if (lock := _locked(_seat_file(uuid, seat))) is not None), None)
    if ours is None:
        return None
    seat, lock = ours
    if not share and any(_is_locked(other) for other in _leases().glob(f"{uuid}.*.lock")):
        lock.release()
        return None
    held.callback(lock.release)
    note = _seat_file(uuid, seat).with_suffix(".json")
    since = time.strftime("%Y-%m-%d %H:%M")
    process = psutil.Process()
    holder = {"pid": process.pid, "process_started": process.create_time(), "study": str(study), "since": since}
    write_atomically(note, json.dumps(holder))
    held.callback(note.unlink, missing_ok=True)
    return seat


def _seat_file(uuid: str, seat: int) -> Path:
    return _leases() / (f"{uuid}.{seat}.lock" if seat else f"{uuid}.lock")


def _locked(file: Path) -> FileLock | None:
    """The file's lock, now held by this process; None: another holds it."""
    # Never the kind of lock that is a file's mere existence: it would outlive its process.
    lock = FileLock(file, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    return lock


def _is_locked(file: Path) -> bool:
    lock = _locked(file)
    if lock is not None:
        lock.release()
    return lock is None


def _holders(uuid: str) -> list[str]:
    """The living sweeps that hold a GPU, as they have noted it; for sentences only, the locks decide."""
    return [shown for note in sorted(_leases().glob(f"{uuid}*.json")) if (shown := _holder(note))]


def _holder(note: Path) -> str:
    try:
        holder = json.loads(note.read_text())
        alive = abs(psutil.Process(holder["pid"]).create_time() - holder["process_started"]) < 2
    except (FileNotFoundError, psutil.NoSuchProcess):
        return ""
    return f"the sweep of {holder['study']} (process {holder['pid']}, since {holder['since']})" if alive else ""


# Dividing


@dataclass(frozen=True)
class Room:
    """What trials of this sweep may use, counting what they use already."""

    cores: int
    memory_bytes: int  # of the machine
    gpu_bytes: Mapping[str, int]  # of each GPU, by its id


def measure_room(devices: Sequence[Device]) -> Room:
    """What is free now and what this process's descendants hold.

    Where process numbers are not NVML's (in a container), what they hold of a GPU counts as taken: fewer slots, never
    too many. A GPU that does not answer has no room.
    """
    ours = psutil.Process().children(recursive=True)
    resident = 0
    for process in ours:
        with contextlib.suppress(psutil.Error):  # it has just ended, and its memory is free
            resident += process.memory_full_info().uss
    pids = {process.pid for process in ours}
    of_gpus = {device.id: _gpu_room(device.id, pids) for device in devices if not device.is_cpu}
    return Room(hardware.usable_cores(), hardware.available_memory() + resident, of_gpus)


def _gpu_room(uuid: str, pids: Collection[int]) -> int:
    try:
        use = hardware.gpu_use(uuid)
    except DeviceFailed:
        return 0
    return use.free_bytes + sum(held or 0 for pid, held in use.processes.items() if pid in pids)


def plan_slots(
    devices: Sequence[Device],
    slots_per_device: int | str,
    trials: int | None = None,
    peak_bytes: int | None = None,
    room: Room | None = None,
    planned: Sequence[Slot] = (),
) -> list[Slot]:
    """The slots of `planned`, unchanged, and those that come to them; at least one in all.

    Slots together never have more threads than there are cores, except that each has one: OpenMP's threads wait for
    each other actively, so too many cost far more than their share. The first plan decides how many a slot has.

    Args:
        devices: GPUs, or the CPU alone.
        slots_per_device: a number from 1 up, or "auto": on a GPU 1 until a peak is known, then as many as 90 % of its
            room holds, at most 16, and one a core; on the CPU one a core, if 80 % of the room holds them.
        trials: so many slots at most, 1 or more; None: without end.
        peak_bytes: the most memory that a finished trial has held, as its result says; None: none has finished.
        room: None: as it is now.

    Raises:
        ConfigError: if `slots_per_device` is neither.
    """
    if slots_per_device != "auto" and (not isinstance(slots_per_device, int) or slots_per_device < 1):
        raise ConfigError(f"hydra.launcher.slots_per_device={slots_per_device}: a number from 1 up, or auto.")
    room = room or measure_room(devices)
    most = sys.maxsize if trials is None else trials
    if isinstance(slots_per_device, int):
        counts = ceilings = dict.fromkeys(devices, slots_per_device)
    else:
        cores_each = planned[0].threads if planned else 1
        by_cores = max(1, room.cores // (cores_each * len(devices)))
        counts = {device: max(1, min(by_cores, _held_at_once(device, peak_bytes, room))) for device in devices}
        # On a GPU others may join later, and threads cannot be taken back from the slots that are there.
        ceilings = {device: count if device.is_cpu else min(by_cores, MAX_SLOTS) for device, count in counts.items()}
    threads = planned[0].threads if planned else max(1, room.cores // min(sum(ceilings.values()), most))
    there = {(slot.device_id, slot.index) for slot in planned}
    fresh = [
        Slot(device, index, threads)
        for index in range(max(counts.values()))  # every device has its first slot before any has its second
        for device in devices
        if index < counts[device] and (device.id, index) not in there
    ]
    return [*planned, *fresh[: max(0, most - len(planned))]]


def _held_at_once(device: Device, peak_bytes: int | None, room: Room) -> int:
    """Trials for which there is memory, as far as is known."""
    if device.is_cpu:
        return int(_CPU_SHARE * room.memory_bytes / (peak_bytes or _UNKNOWN_PEAK))
    if peak_bytes is None:
        return 1
    return min(MAX_SLOTS, int(_GPU_SHARE * room.gpu_bytes[device.id] / (peak_bytes + _SLOT_BYTES)))


def stagger_seconds(devices: Sequence[Device]) -> float:
    """Seconds between two starts on one device: on a GPU loading peaks must not coincide, on the CPU they may."""
    return 0.0 if devices[0].is_cpu else _STAGGER_SECONDS


def describe(slots: Sequence[Slot], skipped: Sequence[str] = (), growing: bool = False) -> list[str]:
    """Sentences for people: what runs where, and what was skipped.

    Args:
        growing: slots will be added when a trial has shown how much memory it needs.
    """
    devices = list(dict.fromkeys(slot.device for slot in slots))
    on_each = sorted(Counter(slot.device_id for slot in slots).values())
    trials = _counted(on_each[-1], "trial") if on_each[0] == on_each[-1] else f"{on_each[0]} to {on_each[-1]} trials"
    if devices[0].is_cpu:
        why = "".join(f"{clause}: " for clause in skipped)
        return [_sentence([f"{why}the CPU, {trials} at a time, {_counted(slots[0].threads, 'thread')} each"])]
    names = ", ".join(dict.fromkeys(device.name for device in devices))
    each = " on each" if len(devices) > 1 else ""
    until = " until the first has finished" if growing else ""
    where = f"{_counted(len(devices), 'GPU')} ({names})"
    return [f"{where}: {trials} at a time{each}{until}.", *(_sentence([clause]) for clause in skipped)]


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
