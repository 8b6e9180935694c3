"""What this machine has, asked of NVML, psutil and the kernel: no torch, no CUDA context."""

import os
import platform
from dataclasses import asdict, dataclass
from typing import Any

import psutil
import pynvml


@dataclass(frozen=True)
class Gpu:
    """One NVIDIA GPU that this process may use."""

    uuid: str
    name: str
    memory_bytes: int


def gpus() -> list[Gpu]:
    """The GPUs that `CUDA_VISIBLE_DEVICES` leaves visible, in its order; empty without a driver or a GPU."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        found = [_gpu(pynvml.nvmlDeviceGetHandleByIndex(i)) for i in range(pynvml.nvmlDeviceGetCount())]
    finally:
        pynvml.nvmlShutdown()
    return _visible(found, os.environ.get("CUDA_VISIBLE_DEVICES"))


def description() -> dict[str, Any]:
    """Host, processor, memory and GPUs, for the record."""
    return {
        "host": platform.node(),
        "system": platform.platform(),
        "processor": _processor_name(),
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "gpus": [asdict(gpu) for gpu in gpus()],
    }


def _gpu(handle: Any) -> Gpu:
    name = pynvml.nvmlDeviceGetName(handle)
    return Gpu(pynvml.nvmlDeviceGetUUID(handle), name, pynvml.nvmlDeviceGetMemoryInfo(handle).total)


def _visible(found: list[Gpu], wanted: str | None) -> list[Gpu]:
    """CUDA's rule: entries are indices or the beginning of a UUID, and the first unknown one hides the rest."""
    if wanted is None:
        return found
    chosen: list[Gpu] = []
    for entry in filter(None, map(str.strip, wanted.split(","))):
        match = [gpu for i, gpu in enumerate(found) if entry == str(i) or gpu.uuid.startswith(entry)]
        if not match:
            break
        chosen.append(match[0])
    return chosen


def _processor_name() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
