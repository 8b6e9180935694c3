"""Checkpoints: what goes in comes out, old ones go, a torn one is never seen."""

from pathlib import Path

import pytest
import torch

from medqa_sweeps.worker import checkpoint
from medqa_sweeps.worker.checkpoint import Progress


def one_step(optimizer: torch.optim.Optimizer, parameters: list[torch.nn.Parameter], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in parameters:
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    optimizer.step()


def parameters() -> list[torch.nn.Parameter]:
    return [torch.nn.Parameter(torch.ones(3, 2)), torch.nn.Parameter(torch.zeros(2))]


@pytest.mark.parametrize("fused", [False, True])
def test_an_optimizer_that_was_restored_goes_on_as_if_nothing_had_been(tmp_path: Path, fused: bool) -> None:
    names = ["a", "b"]
    first = parameters()
    optimizer = torch.optim.AdamW(first, lr=0.1, fused=fused)
    one_step(optimizer, first, seed=1)
    state = {name: tensor.detach().clone() for name, tensor in zip(names, first, strict=True)}
    tensors = checkpoint.optimizer_tensors(optimizer, names)
    checkpoint.save(tmp_path, Progress(step=1), state, tensors, keep=1, keep_best=False)
    one_step(optimizer, first, seed=2)

    read = checkpoint.newest(tmp_path)
    assert read is not None and read.progress == Progress(step=1)
    second = [torch.nn.Parameter(read.adapter[name]) for name in names]
    resumed = torch.optim.AdamW(second, lr=0.1, fused=fused)
    checkpoint.restore_optimizer(resumed, names, read.optimizer)
    one_step(resumed, second, seed=2)
    assert all(torch.equal(left, right) for left, right in zip(first, second, strict=True))


def save(folder: Path, step: int, **keywords: object) -> None:
    progress = Progress(step=step, best_step=3)
    checkpoint.save(folder, progress, {"a": torch.ones(1)}, {}, **{"keep": 2, "keep_best": False, **keywords})  # type: ignore[arg-type]


def test_the_newest_are_kept_and_the_best_where_it_is_wanted(tmp_path: Path) -> None:
    for step in (3, 6, 9, 12):
        save(tmp_path / "newest", step)
        save(tmp_path / "best", step, keep_best=True)
    kept = {
        folder: sorted(int(path.name[5:]) for path in (tmp_path / folder).glob("step-*"))
        for folder in ("newest", "best")
    }
    assert kept == {"newest": [9, 12], "best": [3, 9, 12]}


def test_a_checkpoint_that_was_being_written_is_not_one(tmp_path: Path) -> None:
    save(tmp_path, 6)
    (tmp_path / ".writing-1").mkdir()
    (tmp_path / ".writing-1" / "state.json").write_text('{"step": 99}')
    found = checkpoint.newest(tmp_path)
    assert found is not None and found.progress.step == 6


def test_without_a_checkpoint_there_is_none(tmp_path: Path) -> None:
    assert checkpoint.newest(tmp_path / "nowhere") is None
