"""A step that is cut into forward passes is the same step, and a device's memory can decide how it is cut.

There is no GPU here: its memory is a number, and what a pass takes is the memory of this process.
"""

from dataclasses import replace

import pytest

from medqa_sweeps.config import TrainingConfig
from medqa_sweeps.worker import device
from medqa_sweeps.worker.engines import trainer as trainer_module
from medqa_sweeps.worker.engines.contract import TrainingRun
from tests.contracts.test_engine import Heard, run_of, same, unsloth


def trained(heard: Heard, *overrides: str, steps: int, **training: object) -> Heard:
    run: TrainingRun = run_of(heard, *overrides, steps=steps)
    asked: TrainingConfig = replace(run.training, **training)  # type: ignore[arg-type]
    unsloth().train([replace(run, training=asked)])
    assert heard.error is None, heard.error
    return heard


@pytest.mark.variant
def test_passes_change_a_loss_by_less_than_a_hundred_thousandth() -> None:
    settings = ("lora.dropout=0", "training.max_steps=50", "optimizer.lr=3e-4", "training.log_every_steps=1")
    whole = trained(Heard(reads=False), *settings, steps=50, micro_batch_tokens=4096, micro_batch_size=None)
    parts = trained(Heard(reads=False), *settings, steps=50, micro_batch_tokens=100, micro_batch_size=None)
    gaps = [abs((a.loss or 0) - (b.loss or 0)) for a, b in zip(whole.lines, parts.lines, strict=True)]
    assert len(gaps) == 50 and 0 < max(gaps) < 1e-5, "other passes, the same step"


def test_memory_decides_where_the_config_does_not(own_cache: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "room_bytes", lambda: 64 << 30)
    auto = {"micro_batch_tokens": "auto", "gradient_checkpointing": "auto", "micro_batch_size": None}
    probed = trained(Heard(reads=False), steps=3, **auto)
    tokens, recompute = probed.events[0][1:]
    assert probed.events[0][0] == "cut" and tokens >= 4 * 60 and recompute is False, "a whole step fits"
    decided = {"micro_batch_tokens": tokens, "gradient_checkpointing": False, "micro_batch_size": None}
    assert same(probed.final, trained(Heard(reads=False), steps=3, **decided).final), "the probe leaves nothing behind"
    monkeypatch.setattr(trainer_module, "fitted", None)
    again = trained(Heard(reads=False), steps=3, **auto)
    assert again.events[0] == probed.events[0] and same(probed.final, again.final), "found once for trials like it"


@pytest.mark.gpu
def test_the_memory_of_this_gpu_decides() -> None:
    """Has not run yet: no GPU was at hand."""
    auto = {"micro_batch_tokens": "auto", "gradient_checkpointing": "auto", "micro_batch_size": None}
    probed = trained(Heard(reads=False), steps=3, **auto)
    assert probed.events[0][1] >= 4 * 60 and probed.events[0][2] is False, "a tiny base: a whole step fits"
    assert device.peak_memory_bytes() < device.room_bytes()


def test_a_probe_that_runs_out_of_memory_leaves_a_trial_that_trains(
    own_cache: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "room_bytes", lambda: 1)
    heard = trained(Heard(reads=False), steps=3, micro_batch_tokens="auto", gradient_checkpointing="auto")
    assert heard.events[-1] == "ended" and heard.events[0][2] is True, "one question at a time, recomputed"
