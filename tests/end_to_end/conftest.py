"""Whole trials of the tiny model in real child processes; Unsloth is imported once, by the forkserver."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

import launch
from medqa_sweeps.config import TrialConfig, from_hydra
from medqa_sweeps.jobs.child_process import TRAINING, WORKER
from medqa_sweeps.jobs.contract import Job
from medqa_sweeps.jobs.preparing import Prepared
from medqa_sweeps.jobs.trials import TrialJobs
from medqa_sweeps.pool.contract import Pool
from medqa_sweeps.pool.local import local_pool
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import plan_trial
from medqa_sweeps.trial.provenance import collect
from medqa_sweeps.trial.records import Result

# 12 steps of 16 questions, 3 reports on 40 questions: a few seconds.
SMALL = (
    "experiment=quickstart", "tracking=none", "split.max_validation=40", "training.max_steps=12",
    "evaluation.reports=3", "training.log_every_steps=1", "lora.r=8", "lora.dropout=0.1",
    "training.effective_batch_size=16", "training.micro_batch_size=8",
)  # fmt: skip


Run = Callable[..., Result | None]


@pytest.fixture(scope="session")
def pool(own_cache: Path) -> Iterator[Pool]:
    """One slot with both cores."""
    with local_pool(own_cache, TRAINING, at_most=1) as made:
        yield made


@pytest.fixture(scope="session")
def run(pool: Pool) -> Run:
    """Bring a submitted trial to its end; `look` is called while it runs, `say` is told what a person would be."""

    def run_trial(
        trial: TrialDir,
        look: Callable[[], None] = lambda: None,
        say: Callable[[str], None] = print,
        worker: str = WORKER,
    ) -> Result | None:
        with TrialJobs(pool, trial.path.parent, ["a test"], say=say, worker=worker) as jobs:
            jobs.start(Job(0, (), None, Prepared(trial, plan_trial(trial.config()))))
            while jobs.running:
                jobs.poll(0.1)
                look()
        return trial.result()

    return run_trial


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
