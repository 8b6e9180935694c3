"""A trial that writes nothing for `engine.max_silent_minutes` has hung; one whose process waits in a queue has not.

Pool, processes and folder are real, the clock that counts the silence is the test's.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hydra import compose, initialize_config_dir

import launch  # noqa: F401  registers the schema
from medqa_sweeps.config import from_hydra
from medqa_sweeps.errors import FailureKind
from medqa_sweeps.jobs import trials as trial_jobs
from medqa_sweeps.jobs.contract import Job, JobEnded
from medqa_sweeps.jobs.preparing import Prepared
from medqa_sweeps.jobs.trials import TrialJobs
from medqa_sweeps.pool.children import ForkedChildren
from medqa_sweeps.trial.folder import StopReason, TrialDir
from medqa_sweeps.trial.phase import Phase, PhaseName
from medqa_sweeps.trial.plan import plan_trial
from medqa_sweeps.trial.records import AttemptLine, Outcome
from tests.conftest import ROOT
from tests.contracts.queueing_pool import QueueingPool
from tests.contracts.test_pool import local, ready

STAND_IN = "tests.sweep.stand_in"
SMALL = (
    *("experiment=quickstart", "tracking=none", "split.max_validation=16", "evaluation.reports=2"),
    *("training.effective_batch_size=8", "training.micro_batch_size=8", "training.max_steps=10"),
)
MAX_SILENT_MINUTES = 60.0
HOUR = 3600.0


class Clock:
    def __init__(self) -> None:
        self.now = 1.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(trial_jobs, "time", SimpleNamespace(monotonic=made))
    return made


@pytest.fixture
def jobs(clock: Clock, tmp_path: Path) -> Iterator[TrialJobs]:
    """On a pool in whose queue each process waits for ten hours."""
    with QueueingPool(local(ForkedChildren([STAND_IN])), tmp_path, queue_seconds=10 * HOUR, clock=clock) as pool:
        ready(pool)
        with TrialJobs(pool, tmp_path, ["a test"], worker=STAND_IN) as made:
            yield made


def started(jobs: TrialJobs, folder: Path) -> TrialDir:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = from_hydra(compose("config", [*SMALL, f"engine.max_silent_minutes={MAX_SILENT_MINUTES}"]))
    trial = TrialDir(folder / "0")
    jobs.start(Job(0, (), None, Prepared(trial, plan_trial(config))))
    return trial


def attempts(trial: TrialDir) -> int:
    return sum(isinstance(line, AttemptLine) for line in trial.lines()) if trial.metrics_file.exists() else 0


def to_its_end(jobs: TrialJobs) -> JobEnded:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for event in jobs.poll(0.1):
            if isinstance(event, JobEnded):
                return event
    raise AssertionError("it did not end")


def test_waiting_in_a_queue_is_no_silence(jobs: TrialJobs, clock: Clock, tmp_path: Path) -> None:
    trial = started(jobs, tmp_path)
    for _ in range(9):
        clock.now += HOUR
        assert jobs.poll(0.05) == [] and jobs.running == [0]
    assert attempts(trial) == 0 and not trial.failures()
    clock.now += HOUR + 1
    assert to_its_end(jobs).outcome is Outcome.COMPLETED
    assert attempts(trial) == 1 and not trial.failures()


def test_silence_is_counted_from_when_the_process_has_begun(
    jobs: TrialJobs, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULT", "0 hang")
    trial = started(jobs, tmp_path)
    clock.now += 10 * HOUR
    end = time.monotonic() + 60
    while not trial.failures():
        assert time.monotonic() < end
        clock.now += HOUR + 1 if attempts(trial) else 0  # silence only of a worker that has set to work
        jobs.poll(0.1)
    assert trial.failures() == [FailureKind.TIMEOUT]
    clock.now += 10 * HOUR  # the next attempt waits, too
    assert to_its_end(jobs).outcome is Outcome.COMPLETED
    assert attempts(trial) == 2 and trial.failures() == [FailureKind.TIMEOUT]


def test_a_phase_that_gets_ahead_is_no_silence(
    jobs: TrialJobs, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker hangs; what it would show of a long evaluation, the test writes."""
    trial = hanging(jobs, clock, tmp_path, monkeypatch)
    for done in range(1, 6):
        trial.show_phase(Phase(PhaseName.SCORING, done, 100))
        jobs.poll(0.05)
        clock.now += 0.9 * HOUR
        jobs.poll(0.05)
    assert not trial.failures() and jobs.running == [0]
    trial.show_phase(Phase(PhaseName.SCORING, 5, 100))  # shown again, and no further
    clock.now += 0.2 * HOUR
    end = time.monotonic() + 60
    while not trial.failures():
        assert time.monotonic() < end
        jobs.poll(0.1)
    assert trial.failures() == [FailureKind.TIMEOUT]


def test_a_stop_before_training_waits_for_no_step(
    jobs: TrialJobs, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = hanging(jobs, clock, tmp_path, monkeypatch)  # would never come to a step
    trial.show_phase(Phase(PhaseName.SCORING_BASE, 60, 400))
    jobs.poll(0.05)
    jobs.stop(0, StopReason.INTERRUPTED)
    assert to_its_end(jobs).outcome is Outcome.INTERRUPTED
    assert not trial.failures() and trial.phase() is None


def hanging(jobs: TrialJobs, clock: Clock, folder: Path, monkeypatch: pytest.MonkeyPatch) -> TrialDir:
    """A trial whose process has left its queue and hangs in the middle of training."""
    monkeypatch.setenv("FAULT", "0 hang")
    trial = started(jobs, folder)
    clock.now += 10 * HOUR + 1
    end = time.monotonic() + 60
    while (phase := trial.phase()) is None or phase.done < 5:
        assert time.monotonic() < end
        jobs.poll(0.05)
    jobs.poll(0.05)
    return trial
