"""The same trial on a CUDA GPU, through Unsloth's own kernels. Skips without one.

uv run pytest -m gpu
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

import launch
from medqa_sweeps import hardware
from medqa_sweeps.config import from_hydra
from medqa_sweeps.jobs.child_process import TRAINING
from medqa_sweeps.jobs.contract import Job
from medqa_sweeps.jobs.preparing import Prepared
from medqa_sweeps.jobs.trials import TrialJobs
from medqa_sweeps.pool.local import local_pool
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import plan_trial
from medqa_sweeps.trial.provenance import collect
from medqa_sweeps.trial.records import AttemptLine, Outcome

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not hardware.gpus(), reason="this machine has no CUDA GPU")]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., TrialDir]:
    def run_trial(name: str, *overrides: str) -> TrialDir:
        with initialize_config_dir(str(Path(launch.__file__).parent / "conf"), version_base="1.3"):
            words = [
                "experiment=quickstart",
                "tracking=none",
                "training.max_steps=20",
                "evaluation.reports=1",
                *overrides,
            ]
            plan = plan_trial(from_hydra(compose("config", overrides=words)))
        trial = TrialDir(tmp_path / name)
        trial.submit(plan.config, collect(plan, ["a test"]))
        with local_pool(tmp_path, TRAINING, at_most=1) as pool, TrialJobs(pool, tmp_path, ["a test"]) as jobs:
            jobs.start(Job(0, (), None, Prepared(trial, plan)))
            while jobs.running:
                jobs.poll(1)
        result = trial.result()
        assert result and result.outcome is Outcome.COMPLETED, result
        return trial

    return run


def test_a_trial_runs_in_4_bit_with_float32_adapters_and_says_where(run: Callable[..., TrialDir]) -> None:
    trial = run("one")
    attempts = [line for line in trial.lines() if isinstance(line, AttemptLine)]
    assert {line.gpu for line in attempts} <= {gpu.uuid for gpu in hardware.gpus()}
    result = trial.result()
    assert result and result.effective["four_bit_layers"] > 0 and result.effective["adapter_dtype"] == "float32"


def test_two_runs_of_one_config_give_the_same_adapter(run: Callable[..., TrialDir]) -> None:
    first, second = run("first").result(), run("second").result()
    assert first and second and first.adapter_sha256 == second.adapter_sha256


def test_the_8_bit_optimizer_is_the_8_bit_optimizer(run: Callable[..., TrialDir]) -> None:
    result = run("eight", "optimizer=adamw_8bit").result()
    assert result and result.effective["optimizer"].startswith("bitsandbytes")
