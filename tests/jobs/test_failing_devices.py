"""A GPU that breaks every trial on it, among others that do not. Pool, processes and folders are real; the GPUs are not
there, and the training is `tests/sweep/stand_in.py`."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

import launch  # noqa: F401  registers the schema
from medqa_sweeps.config import from_hydra
from medqa_sweeps.errors import FailureKind
from medqa_sweeps.jobs.contract import Job, JobEnded
from medqa_sweeps.jobs.preparing import Prepared
from medqa_sweeps.jobs.trials import TrialJobs
from medqa_sweeps.pool.children import ForkedChildren
from medqa_sweeps.pool.devices import Device
from medqa_sweeps.pool.leases import Lease
from medqa_sweeps.pool.local import LocalPool
from medqa_sweeps.pool.slots import FreeResources, plan_slots
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import plan_trial
from medqa_sweeps.trial.records import AttemptEndLine, AttemptLine, Outcome
from tests.conftest import ROOT
from tests.contracts.queueing_pool import QueueingPool
from tests.contracts.test_pool import ready

STAND_IN = "tests.sweep.stand_in"
WORDS = (
    *("experiment=quickstart", "tracking=none", "split.max_validation=16", "training.max_steps=4"),
    *("evaluation.reports=1", "training.effective_batch_size=8", "engine.max_attempts=2"),
)
TRIALS = 4
GPUS = tuple(Device(f"GPU-{label}", "a GPU that is not there", 0, label) for label in "abc")


def test_a_gpu_that_breaks_two_trials_gets_no_third_and_all_complete_on_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULT", "GPU-a device")
    said: list[str] = []
    ends: list[JobEnded] = []
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = from_hydra(compose("config", overrides=list(WORDS)))
    slots = plan_slots(GPUS, 1, free=FreeResources(2, 0, {}))
    pool = LocalPool(ForkedChildren([STAND_IN]), Lease(GPUS), slots, say=said.append)
    with QueueingPool(pool, tmp_path, queue_seconds=0) as queue:
        ready(queue)
        with TrialJobs(queue, tmp_path, ["a test"], worker=STAND_IN) as jobs:
            waiting = list(range(TRIALS))
            while waiting or jobs.running:
                while waiting and len(jobs.running) < 2:  # so that a trial that failed finds another GPU free
                    number = waiting.pop(0)
                    trial, plan = TrialDir(tmp_path / str(number)), plan_trial(replace(config, seed=number))
                    jobs.start(Job(number, (), None, Prepared(trial, plan)))
                ends += [event for event in jobs.poll(0.02) if isinstance(event, JobEnded)]
    assert [one.outcome for one in ends] == [Outcome.COMPLETED] * TRIALS
    lines = [line for number in range(TRIALS) for line in TrialDir(tmp_path / str(number)).lines()]
    ran = Counter(line.card for line in lines if isinstance(line, AttemptLine))
    assert ran["a"] == 2 and ran["b"] + ran["c"] == TRIALS
    broken = [(line.card, line.failure) for line in lines if isinstance(line, AttemptEndLine)]
    assert broken == [("a", FailureKind.DEVICE)] * 2
    assert len(said) == 1 and said[0].startswith("a (a GPU that is not there) failed 2 times, so it gets nothing more")
