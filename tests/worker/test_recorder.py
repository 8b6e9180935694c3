"""What an attempt leaves in the folder of where it ran."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import AttemptLine
from tests.analysis.trial_folders import trial_config
from tests.pool.fake_nvml import Card, FakeNvml


@pytest.mark.parametrize(("on_gpu", "gpu"), [(True, "GPU-bbbb"), (False, None)])
def test_an_attempt_names_the_gpu_that_its_process_sees(
    on_gpu: bool, gpu: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fakes: the cards (NVML), torch's having CUDA, and a plan that is its config alone."""
    from medqa_sweeps.worker import model, recorder  # unsloth takes seconds to import
    from medqa_sweeps.worker.phases import Phases

    FakeNvml(Card("GPU-aaaa"), Card("GPU-bbbb")).install(monkeypatch.setattr)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-bbbb")
    monkeypatch.setattr(model, "ON_GPU", on_gpu)
    trial = TrialDir(tmp_path)
    trial.submit(trial_config(training__micro_batch_size=4), {})
    split = SimpleNamespace(validation=[])
    plan: Any = SimpleNamespace(config=trial.config(), steps=0, report_steps=[], split=split)
    recorder.TrialRecorder(trial, plan, None, 0.0, Phases(trial)).begin()
    (line,) = trial.lines()
    assert isinstance(line, AttemptLine) and line.gpu == gpu
