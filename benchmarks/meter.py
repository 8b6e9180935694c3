"""Time and memory of a process in training, read the same way by ours and by a peer. Imports nothing of ours."""

import json
import time
from pathlib import Path

import torch


class Meter:
    """Made when everything is imported; told when the model is loaded and after each optimizer step."""

    def __init__(self) -> None:
        self.imported_bytes, self.loaded_bytes = resident("VmRSS"), 0
        self.ended: list[float] = []  # seconds on the wall's clock, of each step
        self.ended_cpu: list[float] = []  # seconds of the processor, of all threads
        self.losses: list[float] = []  # nats, of each step

    def loaded(self) -> None:
        self.loaded_bytes = resident("VmRSS")

    def step(self) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.ended.append(time.monotonic())
        self.ended_cpu.append(time.process_time())

    def write(self, file: Path) -> None:
        """As JSON; `peak_bytes` is the most that was resident, `gpu_peak_bytes` the most allocated on the GPU."""
        gpu = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
        file.write_text(json.dumps({**vars(self), "peak_bytes": resident("VmHWM"), "gpu_peak_bytes": gpu}))


def resident(what: str) -> int:
    """Of this process alone: `ru_maxrss` would remember its parent's size before the exec."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith(f"{what}:")))
