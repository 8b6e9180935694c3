"""This machine's hardware and how much of it is free, from NVML, psutil and the kernel: no torch, no CUDA context."""

import contextlib
import math
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
import pynvml

from medqa_sweeps.errors import DeviceFailed

# Set by pools for their processes: the cluster's name of the node, and the name of the card on it.
NODE_VARIABLE, CARD_VARIABLE = "MEDQA_SWEEPS_NODE", "MEDQA_SWEEPS_CARD"
_NO_DRIVER = (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED)
_CONTROL_GROUPS = Path("/sys/fs/cgroup")
_OWN_CONTROL_GROUPS = Path("/proc/self/cgroup")
_KERNEL_COUNTERS = Path("/proc/vmstat")


@dataclass(frozen=True)
class Gpu:
    """One NVIDIA GPU that this process may use, or one MIG instance of such a GPU."""

    uuid: str
    name: str
    memory_bytes: int
    index: int = 0  # nvidia-smi's number; the MIG instances of one card share it
    instance: int | None = None  # number of the MIG instance, from 0; None: the whole card


@dataclass(frozen=True)
class GpuUse:
    """How much memory of a GPU is in use, and by which processes, at one moment."""

    free_bytes: int
    used_bytes: int  # by all processes, without the driver's own reserve
    processes: dict[int, int | None]  # bytes held, by id of each compute process; None: NVML does not know


def place_of(environment: Mapping[str, str]) -> dict[str, str | None]:
    """`node` and `card` of a process with this environment, as its pool named them; None: it did not."""
    return {"node": environment.get(NODE_VARIABLE), "card": environment.get(CARD_VARIABLE)}


def gpus() -> list[Gpu]:
    """The GPUs that `CUDA_VISIBLE_DEVICES` leaves visible, in that order; empty without a driver or a GPU.

    A card that does not respond is left out; `survey` says why.
    """
    return survey()[0]


def own_gpu() -> str | None:
    """UUID of the first GPU that this process may use; a trial's process sees only one. None: NVML reports no GPU."""
    return next((gpu.uuid for gpu in gpus()), None)


def survey() -> tuple[list[Gpu], list[str]]:
    """The GPUs of `gpus`, and a clause for each card, or for the driver, that exists but does not respond.

    Numbers in `CUDA_VISIBLE_DEVICES` count as nvidia-smi does (`CUDA_DEVICE_ORDER=PCI_BUS_ID`).
    """
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
    if wanted is not None and not wanted.strip():
        return [], []
    found: list[Gpu] = []
    silent: list[str] = []
    try:
        with _nvml():
            for index in range(pynvml.nvmlDeviceGetCount()):
                try:
                    found += _whole_or_instances(index)
                except pynvml.NVMLError as error:
                    silent.append(f"GPU {index} does not respond ({error})")
    except pynvml.NVMLError as error:
        if error.value not in _NO_DRIVER:
            silent.append(f"the GPU driver does not respond ({error})")
    return _visible(found, wanted), silent


def gpu_use(uuid: str) -> GpuUse:
    """How much memory of the GPU is in use now, and by which processes.

    Raises:
        DeviceFailed: if the GPU does not respond.
    """
    try:
        with _nvml():
            handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
            memory = pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2)
            processes = pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
            return GpuUse(memory.free, memory.used, {one.pid: one.usedGpuMemory for one in processes})
    except pynvml.NVMLError as error:
        raise DeviceFailed(f"{uuid} does not respond ({error}); `nvidia-smi` may show why") from None


def cuda_of_driver() -> tuple[int, int] | None:
    """The newest CUDA version that the GPU driver supports, as (13, 0); None if no driver responds."""
    try:
        with _nvml():
            version = pynvml.nvmlSystemGetCudaDriverVersion_v2()
    except pynvml.NVMLError:
        return None
    return version // 1000, version % 1000 // 10


def usable_cores() -> int:
    """Number of cores that this process may use: its affinity, limited by its control groups' quota; at least 1.

    A container with a quota of 2 of 64 cores still sees 64.
    """
    return max(1, int(min([len(os.sched_getaffinity(0)), *map(_core_quota, _control_groups("cpu"))])))


def available_memory() -> int:
    """Bytes that processes can still allocate without swapping, within the limits of this process's control groups."""
    return max(0, int(min([psutil.virtual_memory().available, *map(_memory_left, _control_groups("memory"))])))


def description() -> dict[str, Any]:
    """Host, processor, memory and GPUs, for provenance.json."""
    return {
        "host": platform.node(),
        "system": platform.platform(),
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "gpus": [asdict(gpu) for gpu in gpus()],
    }


def processor_name() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def bfloat16_unit() -> str | None:
    """What this CPU computes bfloat16 with, as the kernel calls it; None: nothing, so that bfloat16 is emulated."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text().partition("\nflags")[2].partition("\n")[0].split())
    except OSError:
        return None
    return next((unit for unit in ("amx_bf16", "avx512_bf16") if unit in flags), None)


@contextlib.contextmanager
def _nvml() -> Iterator[None]:
    pynvml.nvmlInit()
    try:
        yield
    finally:
        pynvml.nvmlShutdown()


def _whole_or_instances(index: int) -> list[Gpu]:
    """The whole card or, if MIG divides it, its instances."""
    card = pynvml.nvmlDeviceGetHandleByIndex(index)
    try:
        divided = pynvml.nvmlDeviceGetMigMode(card)[0] == pynvml.NVML_DEVICE_MIG_ENABLE
    except pynvml.NVMLError_NotSupported:
        divided = False
    if not divided:
        return [_gpu(card, index, None)]
    instances = []
    for instance in range(pynvml.nvmlDeviceGetMaxMigDeviceCount(card)):
        with contextlib.suppress(pynvml.NVMLError_NotFound):  # the maximum count can exceed the instances that exist
            instances.append(_gpu(pynvml.nvmlDeviceGetMigDeviceHandleByIndex(card, instance), index, instance))
    return instances


def _gpu(handle: Any, index: int, instance: int | None) -> Gpu:
    name, memory = pynvml.nvmlDeviceGetName(handle), pynvml.nvmlDeviceGetMemoryInfo(handle)
    return Gpu(pynvml.nvmlDeviceGetUUID(handle), name, memory.total, index, instance)


def _visible(found: list[Gpu], wanted: str | None) -> list[Gpu]:
    """CUDA's rule: entries are indices or the beginning of one UUID, and the first unknown entry hides the rest.

    The number of a card with MIG means all its instances. CUDA would use only the first, since a process can have only
    one; our processes can each use another one.
    """
    if wanted is None:
        return found
    chosen: list[Gpu] = []
    for entry in filter(None, map(str.strip, wanted.split(","))):
        match = [gpu for gpu in found if entry == str(gpu.index)]
        match = match or [gpu for gpu in found if gpu.uuid.startswith(entry)][:1]
        if not match:
            break
        chosen += match
    return list(dict.fromkeys(chosen))


def _control_groups(controller: str) -> Iterator[Path]:
    """Folders of this process's control group and its parents, of version 1 or 2. Some may not exist."""
    try:
        lines = _OWN_CONTROL_GROUPS.read_text().splitlines()
    except OSError:
        return
    for _, controllers, path in (line.split(":", 2) for line in lines):
        if not controllers or controller in controllers.split(","):
            top = _CONTROL_GROUPS / controller if controllers else _CONTROL_GROUPS
            own = top / path.lstrip("/")
            yield from (folder for folder in (own, *own.parents) if folder.is_relative_to(top))


def _core_quota(group: Path) -> float:
    fields = _fields(group / "cpu.max") or _fields(group / "cpu.cfs_quota_us") + _fields(group / "cpu.cfs_period_us")
    limited = len(fields) == 2 and fields[0] not in ("max", "-1")
    return int(fields[0]) / int(fields[1]) if limited else math.inf


def _memory_left(group: Path) -> float:
    limit = _fields(group / "memory.max") or _fields(group / "memory.limit_in_bytes")
    used = _fields(group / "memory.current") or _fields(group / "memory.usage_in_bytes")
    if not limit or not used or limit == ["max"]:
        return math.inf
    fields = _fields(group / "memory.stat")
    counters = dict(zip(fields[::2], fields[1::2], strict=False))
    cache = counters.get("total_inactive_file") or counters.get("inactive_file") or 0  # the kernel frees it on demand
    return int(limit[0]) - int(used[0]) + int(cache)


def _fields(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []


def killed_for_memory() -> int | None:
    """How many processes the kernel has killed for lack of memory since boot, containers included; None: unknown."""
    try:
        counters = dict(line.split() for line in _KERNEL_COUNTERS.read_text().splitlines())
        return int(counters["oom_kill"])
    except (OSError, ValueError, KeyError):
        return None
