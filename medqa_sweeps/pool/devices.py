"""The devices that may be used: the GPUs of this machine on which nobody else computes, or its CPU.

    find_devices → leases.lease → slots.plan_slots

Never creates a CUDA context: what is known of a GPU is what NVML says.
"""

import contextlib
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import psutil

from medqa_sweeps import hardware
from medqa_sweeps.errors import ConfigError, DeviceFailed
from medqa_sweeps.hardware import Gpu
from medqa_sweeps.pool.holders import holders
from medqa_sweeps.pool.request import ANY_DEVICE, CPU, DeviceRequest
from medqa_sweeps.wording import sentences

GIB = 1 << 30
_BUSY_BYTES = GIB  # in use on a GPU before we come: a desktop stays below it, a loaded model does not


@dataclass(frozen=True)
class Device:
    """A GPU, an instance of one that MIG divides, or the CPU."""

    id: str  # "cpu", or the UUID that CUDA knows it by
    name: str  # of the product
    memory_bytes: int  # in all
    label: str  # for people: cpu, gpu0, gpu0-mig1; numbered as nvidia-smi does
    lease_index: int = 0  # ours, among the leases of those who share the device; see `leases.lease`

    @property
    def is_cpu(self) -> bool:
        return self.id == CPU

    def __str__(self) -> str:
        return f"{self.label} ({self.name})"


@dataclass(frozen=True)
class DeviceSearch:
    """Devices that may be leased."""

    devices: tuple[Device, ...]  # at least one
    skipped: tuple[str, ...] = ()  # a clause for each that may not, or why there is none
    request: DeviceRequest = ANY_DEVICE  # what they were found for


def find_devices(request: DeviceRequest = ANY_DEVICE) -> DeviceSearch:
    """The GPUs that `CUDA_VISIBLE_DEVICES` leaves and nobody else computes on; where there is no GPU, the CPU.

    A GPU is somebody else's while a process has a CUDA context on it, or more than 1 GiB of it is in use (processes of
    other containers are invisible, their memory is not).

    Raises:
        ConfigError: if a device is named that is not there, or none is free, or the driver does not answer.
    """
    if request.names == (CPU,):
        return DeviceSearch((_cpu(),))
    gpus, silent = hardware.survey()
    if not gpus and silent:
        reason = sentences("; ".join(silent))
        raise ConfigError(f"{reason} Mend that, or compute without a GPU: {request.spelled(CPU)}.")
    if not gpus and not request.names:
        return DeviceSearch((_cpu(),), ("no GPU found",))
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
        raise ConfigError(none_free(skipped, request))
    return DeviceSearch(tuple(free), tuple(skipped), request)


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
    """Why this process should keep off the GPU; empty: nothing speaks against it."""
    try:
        use = hardware.gpu_use(device.id)
    except DeviceFailed as error:
        return f"is left out: {error}"
    strangers = [shown for pid in use.processes if (shown := _process(pid))]
    if share or (not strangers and use.used_bytes <= _BUSY_BYTES):
        return ""
    who = holders(device.id) or strangers or ["somebody who cannot be seen from here"]
    return f"is in use by {' and '.join(who)}: {use.used_bytes / GIB:.1f} GiB are taken"


def _process(pid: int) -> str:
    """A process for people; empty if it is the server of NVIDIA's multi-process service, which computes for others."""
    with contextlib.suppress(psutil.Error):
        name = psutil.Process(pid).name()
        return "" if name.startswith("nvidia-cuda-mps") else f"process {pid} ({name})"
    return f"process {pid}"


def none_free(skipped: Collection[str], request: DeviceRequest) -> str:
    """What to say where no GPU is left; `skipped`: a clause for each that may not be used."""
    reasons = sentences("; ".join(skipped))
    return (
        f"No GPU is free. {reasons} Wait, choose others ({request.spelled('0', '2')}), share them if their "
        f"memory has room for both ({request.spelled_share()}), or compute without: {request.spelled(CPU)}."
    )
