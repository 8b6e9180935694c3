"""What a process of this room computes on: a GPU if its slot has one, else as many CPU threads as the slot has."""

import os

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
