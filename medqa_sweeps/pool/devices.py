"""Finds usable devices: the GPUs of this machine that nobody else uses, or its CPU.

    find_devices → leases.lease → slots.plan_slots

Never creates a CUDA context: all information about GPUs comes from NVML.
"""

import contextlib
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import psutil

from medqa_sweeps import hardware
from medqa_sweeps.errors import ConfigError, DeviceFailed
from medqa_sweeps.hardware import Gpu
from medqa_sweeps.pool.lease_holders import lease_holders
from medqa_sweeps.pool.request import ANY_DEVICE, CPU, DeviceRequest
from medqa_sweeps.wording import sentences

GIB = 1 << 30
_BUSY_BYTES = GIB  # in use by others; a desktop uses less, a loaded model more


@dataclass(frozen=True)
class Device:
    """A GPU, a MIG instance of a GPU, or the CPU."""

    id: str  # "cpu", or the GPU's UUID in CUDA
    name: str  # product name
    memory_bytes: int  # total
    label: str  # for users: cpu, gpu0, gpu0-mig1; with nvidia-smi's number
    lease_index: int = 0  # number of our lease among those that share the device; see `leases.lease`

    @property
    def is_cpu(self) -> bool:
        return self.id == CPU

    def __str__(self) -> str:
        return f"{self.label} ({self.name})"


@dataclass(frozen=True)
class DeviceSearch:
    """The result of a search for devices."""

    devices: tuple[Device, ...]  # usable; at least one
    skipped: tuple[str, ...] = ()  # a clause for each unusable device, or why there is no GPU
    request: DeviceRequest = ANY_DEVICE  # the request of this search


def find_devices(request: DeviceRequest = ANY_DEVICE) -> DeviceSearch:
    """The GPUs in `CUDA_VISIBLE_DEVICES` that nobody else uses; without any GPU, the CPU.

    A GPU is in use while another process has a CUDA context on it, or more than 1 GiB of its memory is taken (processes
    of other containers are invisible, their memory is not).

    Raises:
        ConfigError: if a requested device does not exist, no GPU is free, or the driver does not respond.
    """
    if request.names == (CPU,):
        return DeviceSearch((_cpu(),))
    gpus, silent = hardware.survey()
    if not gpus and silent:
        reason = sentences("; ".join(silent))
        raise ConfigError(f"{reason} Fix that, or run without a GPU: {request.spelled(CPU)}.")
    if not gpus and not request.names:
        return DeviceSearch((_cpu(),), ("no GPU found",))
    free: list[Device] = []
    skipped = list(silent)
    for gpu in dict.fromkeys(gpu for name in request.names for gpu in _gpus_named(name, gpus, request)) or gpus:
        device = _device(gpu)
        reason = _unusable(device, request.share)
        if reason:
            skipped.append(f"{device} {reason}")
        else:
            free.append(device)
    if not free:
        raise ConfigError(no_free_gpu(skipped, request))
    return DeviceSearch(tuple(free), tuple(skipped), request)


def _gpus_named(name: str, gpus: Sequence[Gpu], request: DeviceRequest) -> list[Gpu]:
    """The GPU with that number or UUID; for a card with MIG, all its instances."""
    of_number = [gpu for gpu in gpus if name == str(gpu.index)]
    of_uuid = [gpu for gpu in gpus if gpu.uuid.lower().startswith(name.lower())]
    if not of_number and len(of_uuid) != 1:
        there = ", ".join(f"{gpu.index} {gpu.name} {gpu.uuid}" for gpu in gpus) or "none"
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        among = "" if hidden is None else f" (CUDA_VISIBLE_DEVICES={hidden} hides the others)"
        problem = "matches several UUIDs" if of_uuid else "does not exist"
        raise ConfigError(
            f"{request.spelled(*request.names)}: GPU {name} {problem}. Available: {there}{among}. Give a number "
            "or a UUID, or auto or cpu."
        )
    return of_number or of_uuid


def _cpu() -> Device:
    return Device(CPU, hardware.processor_name(), psutil.virtual_memory().total, CPU)


def _device(gpu: Gpu) -> Device:
    part = "" if gpu.instance is None else f"-mig{gpu.instance}"
    return Device(gpu.uuid, gpu.name, gpu.memory_bytes, f"gpu{gpu.index}{part}")


def _unusable(device: Device, share: bool) -> str:
    """Why this process must not use the GPU; empty: it may."""
    try:
        use = hardware.gpu_use(device.id)
    except DeviceFailed as error:
        return f"is left out: {error}"
    other_processes = [shown for pid in use.processes if (shown := _process(pid))]
    if share or (not other_processes and use.used_bytes <= _BUSY_BYTES):
        return ""
    who = lease_holders(device.id) or other_processes or ["a process that is invisible from here"]
    return f"is in use by {' and '.join(who)}: {use.used_bytes / GIB:.1f} GiB are used"


def _process(pid: int) -> str:
    """A process as text; empty for the server of NVIDIA's multi-process service, which works for other processes."""
    with contextlib.suppress(psutil.Error):
        name = psutil.Process(pid).name()
        return "" if name.startswith("nvidia-cuda-mps") else f"process {pid} ({name})"
    return f"process {pid}"


def no_free_gpu(skipped: Collection[str], request: DeviceRequest) -> str:
    """The error message if no GPU is usable; `skipped`: a clause for each GPU."""
    reasons = sentences("; ".join(skipped))
    return (
        f"No GPU is free. {reasons} Wait, choose other GPUs ({request.spelled('0', '2')}), share a GPU with enough "
        f"free memory ({request.spelled_share()}), or run without a GPU: {request.spelled(CPU)}."
    )
