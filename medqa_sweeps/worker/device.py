"""What a process of this room computes on, a GPU if its slot has one, else as many CPU threads as the slot has; and its
memory."""

import os
import resource

import torch

ON_GPU = torch.cuda.is_available()
DEVICE = torch.device("cuda" if ON_GPU else "cpu")


def use_threads(asked: int | None) -> None:
    """Compute with as many threads as asked; None: as many as the slot has (`OMP_NUM_THREADS`), if it says so.

    A forked process has torch imported already, so the variable alone comes too late. More threads than free cores
    are ruinous: OpenMP's threads wait for each other actively.
    """
    if threads := asked or os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(int(threads))


def threads() -> int:
    """Of the CPU, that torch computes with."""
    return torch.get_num_threads()


def room_bytes() -> int:
    """GPU memory that this process may hold: its slot's share, or less if others hold it already."""
    free, total = torch.cuda.mem_get_info()
    return min(total // slots_on_device(), free + torch.cuda.memory_reserved())


def slots_on_device() -> int:
    """Trials that share this one's GPU, as the pool says; 1: it has not said so."""
    return int(os.environ.get("MEDQA_SWEEPS_SLOTS", "1"))


def forget_peak() -> None:
    """`peak_memory_bytes` counts from here, on a GPU."""
    if ON_GPU:
        torch.cuda.reset_peak_memory_stats()


def finish_computing() -> None:
    """Return when the GPU has computed what was asked of it."""
    if ON_GPU:
        torch.cuda.synchronize()


def peak_memory_bytes() -> int:
    """Most GPU memory held so far; without a GPU, most resident memory of this process."""
    if ON_GPU:
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
