"""Whole trials of the tiny model in real child processes; Unsloth is imported once, by the forkserver."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

import launch
from medqa_sweeps.config import TrialConfig, from_hydra
from medqa_sweeps.plan import plan_trial
from medqa_sweeps.provenance import collect
from medqa_sweeps.sweep.children import Children, ForkedChildren
from medqa_sweeps.sweep.supervise import child_environment
from medqa_sweeps.trial_dir import TrialDir

# 12 steps of 16 questions, 3 reports on 40 questions: a few seconds.
SMALL = (
    "experiment=quickstart", "tracking=none", "split.max_validation=40", "training.max_steps=12",
    "evaluation.reports=3", "training.log_every_steps=1", "lora.r=8", "lora.dropout=0.1",
    "training.effective_batch_size=16", "training.micro_batch_size=8",
)  # fmt: skip


@pytest.fixture(scope="session")
def children() -> Iterator[Children]:
    with ForkedChildren(preload=["medqa_sweeps.run"]) as made:
        yield made


@pytest.fixture(scope="session")
def composed() -> Callable[..., TrialConfig]:
    """The small config with overrides, as Hydra composes it."""

    def compose_small(*overrides: str) -> TrialConfig:
        with initialize_config_dir(str(Path(launch.__file__).parent / "conf"), version_base="1.3"):
            return from_hydra(compose("config", overrides=[*SMALL, *overrides]))

    return compose_small


@pytest.fixture
def submitted(composed: Callable[..., TrialConfig], tmp_path: Path) -> Callable[..., TrialDir]:
    """A trial folder of the small config, ready to be worked on."""

    def submit(name: str, *overrides: str) -> TrialDir:
        plan = plan_trial(composed(*overrides))
        trial = TrialDir(tmp_path / name)
        trial.submit(plan.config, collect(plan, ["a test"]))
        return trial

    return submit


@pytest.fixture(scope="session")
def environment(own_cache: Path) -> dict[str, str]:
    return child_environment()
