"""Enough of a trial to go on, in a form that no engine owns: adapter, optimizer moments, and how far it is.

    checkpoint/step-00000120/adapter.safetensors     the adapter under PEFT's names
                             optimizer.safetensors   every tensor of the optimizer's state, "<parameter>|<key>"
                             state.json              counts, best score so far, reports without a better one

Data order, option order and dropout are functions of the seed and the step, so no generator state is stored. A
checkpoint is written under another name and renamed: a folder called step-… is complete.
"""

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file


@dataclass
class Progress:
    """How far a trial is, and what it has seen so far."""

    step: int = 0  # optimizer steps done
    samples_seen: int = 0
    seconds: float = 0.0  # working time so far, over all attempts
    best_accuracy: float | None = None
    best_step: int | None = None
    reports_without_better: int = 0


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint read into memory."""

    progress: Progress
    adapter: dict[str, torch.Tensor]
    optimizer: dict[str, torch.Tensor]


def save(
    folder: Path,
    progress: Progress,
    adapter: dict[str, torch.Tensor],
    optimizer: dict[str, torch.Tensor],
    keep: int,
    keep_best: bool,
) -> None:
    """Write a checkpoint, then remove all but the newest `keep` and, if asked, the one of `progress.best_step`."""
    final = _folder_of(folder, progress.step)
    if not final.exists():
        temporary = folder / f".writing-{os.getpid()}"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        save_file(adapter, temporary / "adapter.safetensors")
        save_file(optimizer, temporary / "optimizer.safetensors")
        (temporary / "state.json").write_text(json.dumps(asdict(progress), indent=2) + "\n")
        os.rename(temporary, final)
    kept = {*_steps(folder)[-keep:], *([progress.best_step] if keep_best else [])}
    for step in _steps(folder):
        if step not in kept:
            shutil.rmtree(_folder_of(folder, step))


def newest(folder: Path) -> Checkpoint | None:
    """The checkpoint to go on from; None if there is none."""
    steps = _steps(folder)
    return load(folder, steps[-1]) if steps else None


def load(folder: Path, step: int) -> Checkpoint:
    """The checkpoint of one step.

    Raises:
        FileNotFoundError: if there is none.
    """
    source = _folder_of(folder, step)
    return Checkpoint(
        Progress(**json.loads((source / "state.json").read_text())),
        load_file(source / "adapter.safetensors"),
        load_file(source / "optimizer.safetensors"),
    )


def optimizer_tensors(optimizer: torch.optim.Optimizer, names: list[str]) -> dict[str, torch.Tensor]:
    """The optimizer's state as flat tensors; `names` are its parameters', in order."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    tensors = {}
    for name, parameter in zip(names, parameters, strict=True):
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"{name}|{key}"] = torch.as_tensor(value).detach().cpu().contiguous().clone()
    return tensors


def restore_optimizer(optimizer: torch.optim.Optimizer, names: list[str], tensors: dict[str, torch.Tensor]) -> None:
    """Put what `optimizer_tensors` gave back into a fresh optimizer over the same parameters."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    by_name = dict(zip(names, parameters, strict=True))
    for entry, tensor in tensors.items():
        name, _, key = entry.partition("|")
        state: dict[str, Any] = optimizer.state[by_name[name]]
        # AdamW keeps its step count where it was made; moments live beside their parameter.
        state[key] = tensor.clone() if key == "step" else tensor.to(by_name[name].device)


def _steps(folder: Path) -> list[int]:
    return sorted(int(path.name.removeprefix("step-")) for path in folder.glob("step-*"))


def _folder_of(folder: Path, step: int) -> Path:
    return folder / f"step-{step:08d}"
