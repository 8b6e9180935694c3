"""Trials whose slot a cluster takes away, and folders in which a process that was given up still works.

The pool is this machine's. That a slot will end, which no pool here says, is said by the test; a process that holds the
folder of a trial is the test itself.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

import launch  # noqa: F401  registers the schema
from medqa_sweeps.config import from_hydra
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.jobs.attempts import MOVES_IN_VAIN
from medqa_sweeps.jobs.contract import Job, JobEnded
from medqa_sweeps.jobs.preparing import Prepared
from medqa_sweeps.jobs.trials import TrialJobs
from medqa_sweeps.pool.contract import Pool
from medqa_sweeps.pool.local import local_pool
from medqa_sweeps.pool.request import CPU, DeviceRequest
from medqa_sweeps.trial.folder import StopReason, TrialDir
from medqa_sweeps.trial.plan import plan_trial
from medqa_sweeps.trial.records import AttemptEndLine, AttemptLine, Outcome, TrainLine
from tests.conftest import ROOT

STAND_IN = "tests.sweep.stand_in"
STEPS = 60  # 1.2 seconds
WORDS = (
    *("experiment=quickstart", "tracking=none", "split.max_validation=16", f"training.max_steps={STEPS}"),
    *("evaluation.reports=3", "training.effective_batch_size=8", "engine.max_attempts=2"),
)
Make = Callable[..., tuple[TrialJobs, TrialDir]]


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    with local_pool(tmp_path_factory.mktemp("pool"), (STAND_IN,), DeviceRequest((CPU,)), at_most=1) as made:
        while not made.free:
            made.wait(1)
        yield made


@pytest.fixture
def make(pool: Pool, tmp_path: Path) -> Iterator[Make]:
    """Jobs, and their only trial, started."""
    made: list[TrialJobs] = []

    def start(said: list[str], take_over_seconds: float = 600.0) -> tuple[TrialJobs, TrialDir]:
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            plan = plan_trial(from_hydra(compose("config", overrides=list(WORDS))))
        trial = TrialDir(tmp_path / "0")
        made.append(
            TrialJobs(pool, tmp_path, ["a test"], say=said.append, worker=STAND_IN, take_over_seconds=take_over_seconds)
        )
        trial.path.mkdir(exist_ok=True)
        made[-1].start(Job(0, (), None, Prepared(trial, plan)))
        return made[-1], trial

    yield start
    for jobs in made:
        jobs.close()


def end_of(jobs: TrialJobs, look: Callable[[], None] = lambda: None) -> JobEnded:
    ends: list[JobEnded] = []
    while jobs.running:
        ends += [event for event in jobs.poll(0.02) if isinstance(event, JobEnded)]
        look()
    (end,) = ends
    return end


def trained(trial: TrialDir) -> list[int]:
    return [line.step for line in trial.lines() if isinstance(line, TrainLine)]


def test_a_trial_whose_slot_will_end_moves_without_a_lost_step_or_attempt(make: Make) -> None:
    said: list[str] = []
    jobs, trial = make(said)
    noticed: list[object] = []

    def notice_after_10_steps() -> None:
        process = jobs._running[0].process if jobs._running else None
        if process and len(noticed) < 3 and len(trained(trial)) >= 10 * (1 + len(noticed)) and process not in noticed:
            process.notice = "job 7 on n1: its time limit is near"
            noticed.append(process)

    end = end_of(jobs, notice_after_10_steps)
    assert end.outcome is Outcome.COMPLETED and len(noticed) == 3, "more often than it has attempts"
    assert trained(trial) == list(range(1, STEPS + 1)) and trial.failures() == []
    ends = [line for line in trial.lines() if isinstance(line, AttemptEndLine)]
    assert [(line.outcome, line.message) for line in ends] == [
        (Outcome.INTERRUPTED, "job 7 on n1: its time limit is near")
    ] * 3
    assert sum("its time limit is near; it resumes from its newest checkpoint" in one for one in said) == 3
    assert not trial.stop_file.exists()


def test_one_that_never_gets_to_a_checkpoint_fails_and_says_what_to_change(make: Make) -> None:
    said: list[str] = []
    jobs, trial = make(said)
    seen: list[object] = []

    def notice_and_kill() -> None:
        process = jobs._running[0].process if jobs._running else None
        if process and process not in seen and sum(isinstance(line, AttemptLine) for line in trial.lines()) > len(seen):
            process.notice = "job 7 on n1: Slurm ends the job"
            seen.append(process)
            jobs._pool.kill(process)  # before it has saved anything

    end = end_of(jobs, notice_and_kill)
    assert end.outcome is Outcome.FAILED and "5 times in a row before it had saved a checkpoint" in end.message
    assert "hydra.launcher.time" in end.message and len(seen) == MOVES_IN_VAIN


def test_a_sweep_that_stops_is_not_kept_from_it_by_a_slot_that_ends(make: Make) -> None:
    jobs, trial = make([])

    def notice_and_stop() -> None:
        if jobs._running and len(trained(trial)) >= 10 and not jobs._running[0].stopping:
            jobs._running[0].process.notice = "job 7 on n1: Slurm ends the job"
            jobs.stop(0, StopReason.INTERRUPTED)

    assert end_of(jobs, notice_and_stop).outcome is Outcome.INTERRUPTED
    assert 10 <= len(trained(trial)) < STEPS and trial.newest_checkpoint() == len(trained(trial))


def test_a_folder_that_another_process_holds_is_waited_for(make: Make, tmp_path: Path) -> None:
    said: list[str] = []
    other = TrialDir(tmp_path / "0")
    other.path.mkdir()
    with other.claimed():
        jobs, trial = make(said)
        for _ in range(20):
            assert jobs.poll(0.1) == [] and jobs.running == [0]
        assert trained(trial) == [] and len(said) == 1 and "an earlier process still works in its folder" in said[0]
    assert end_of(jobs).outcome is Outcome.COMPLETED
    assert trial.failures() == [] and trained(trial) == list(range(1, STEPS + 1))


def test_one_that_holds_it_for_too_long_is_superseded(make: Make, tmp_path: Path) -> None:
    said: list[str] = []
    other = TrialDir(tmp_path / "0")
    other.path.mkdir()
    with other.claimed():
        jobs, _ = make(said, take_over_seconds=0.5)
        assert end_of(jobs).outcome is Outcome.COMPLETED
    assert any("the next attempt takes over" in one for one in said)


def test_a_sweep_can_stop_while_it_waits_for_a_folder(make: Make, tmp_path: Path) -> None:
    other = TrialDir(tmp_path / "0")
    other.path.mkdir()
    with other.claimed():
        jobs, _ = make([])
        assert jobs.poll(0.1) == []
        jobs.stop(0, StopReason.INTERRUPTED)
        assert end_of(jobs).outcome is Outcome.INTERRUPTED


def test_the_worker_has_an_exit_code_for_a_folder_that_another_process_holds(make: Make, tmp_path: Path) -> None:
    jobs, trial = make([])
    end_of(jobs)
    trial.result_file.unlink()
    before = {file: file.read_bytes() for file in trial.path.iterdir() if file.is_file() and file.name[0] != "."}
    with trial.claimed():
        worker = [sys.executable, "-m", "medqa_sweeps.worker.main", str(trial.path)]
        done = subprocess.run(worker, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.UNAVAILABLE == 69 and "another process is running this trial" in done.stdout
    assert {file: file.read_bytes() for file in before} == before and json.dumps(done.stderr) == '""'
