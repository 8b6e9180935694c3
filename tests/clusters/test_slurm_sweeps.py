"""What may happen to a sweep on a cluster, and what must be left of it: nothing lost, nothing doubled, no process on
any node, a sentence that says what happened.

Slurm, processes, folders and Optuna's journal are real; the training is `tests/sweep/stand_in.py`, whose "weights" tell
of a step that was lost or done twice.
"""

import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.clusters.test_slurm_pool import no_jobs
from tests.clusters.virtual_slurm import VirtualSlurm
from tests.sweep.test_faults import Program, complete, results, steps

pytestmark = pytest.mark.slurm
FOUR = ("lora.r=2,4", "optimizer.lr=1e-3,1e-2", "training.max_steps=200")  # of 4 seconds or more each
SLURM = ("hydra/launcher=slurm", "hydra.launcher.slots=4")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    program = Program(tmp_path_factory.mktemp("undisturbed") / "study", *FOUR)
    assert program.ended() == 0, program.said()
    return results(program.folder)


@pytest.fixture
def start(tmp_path: Path, slurm_cluster: VirtualSlurm) -> Iterator[Callable[..., Program]]:
    made: list[Program] = []

    def begin(*words: str, **more: Any) -> Program:
        made.append(Program(tmp_path / "study", *FOUR, *words, launcher=SLURM, **more))
        return made[-1]

    yield begin
    for program in made:
        if program.process.poll() is None:
            program.process.kill()
    no_jobs(slurm_cluster)


def training(program: Program, trials: int = 4) -> None:
    """Return when that many trials have begun to train."""
    program.until(lambda: len(list(program.folder.glob("*/checkpoint/step-*"))) >= trials, seconds=90)


def as_undisturbed(program: Program, undisturbed: dict[str, Any]) -> None:
    assert program.ended(120) == 0, program.said()
    complete(program.folder, trials=4)
    assert results(program.folder) == undisturbed


def lines_of(program: Program, kind: str) -> list[dict[str, Any]]:
    files = program.folder.glob("*/metrics.jsonl")
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]


def test_a_node_that_dies_costs_its_trials_an_attempt_and_nothing_else(
    start: Callable[..., Program], undisturbed: dict[str, Any], slurm_cluster: VirtualSlurm
) -> None:
    program = start()
    training(program)
    slurm_cluster.kill_node("n1")
    try:
        as_undisturbed(program, undisturbed)
    finally:
        slurm_cluster.start_node("n1")
        slurm_cluster.wait_for_nodes()
    assert program.said().count("on n1: ") >= 2, program.said()
    ends = lines_of(program, "attempt_end")
    assert [(end["outcome"], end["failure"]) for end in ends] == [("failed", "killed")] * 2
    assert len(lines_of(program, "attempt")) == 6


def test_a_node_whose_slots_fail_twice_is_not_asked_again(
    start: Callable[..., Program], undisturbed: dict[str, Any], slurm_cluster: VirtualSlurm
) -> None:
    """Its daemon lives, as on a node whose GPUs or memory fail: Slurm would give it the next job at once."""
    program = start()
    training(program)
    for process in slurm_cluster.processes_of("n1"):
        if process.name() not in ("slurmd", "slurmstepd"):
            process.kill()
    as_undisturbed(program, undisturbed)
    assert program.said().count("n1 failed 2 times, so it gets nothing more to run in this sweep") == 1, program.said()
    assert (
        "scontrol show node n1" in program.said() and "Failures by node: n1: 2 attempts (2 killed)." in program.said()
    )
    begins = lines_of(program, "attempt")
    assert sorted(line["node"] for line in begins if line["attempt"] == 1) == ["n1", "n1", "n2", "n2"]
    assert "n1" not in [line["node"] for line in begins if line["attempt"] == 2] and len(begins) == 6
    assert {line["card"] for line in begins} == {"GPU 0", "GPU 1"}
    assert [(end["node"], end["failure"]) for end in lines_of(program, "attempt_end")] == [("n1", "killed")] * 2


def test_a_job_that_is_cancelled_or_preempted_costs_no_attempt_and_no_step(
    start: Callable[..., Program], undisturbed: dict[str, Any], slurm_cluster: VirtualSlurm
) -> None:
    program = start("engine.max_attempts=1")
    training(program)
    for job in list(slurm_cluster.jobs())[:2]:
        slurm_cluster.client("scancel", job)
    as_undisturbed(program, undisturbed)
    ends = lines_of(program, "attempt_end")
    assert [(end["outcome"], end["failure"]) for end in ends] == [("interrupted", None)] * 2
    assert "Slurm ends the job; it resumes from its newest checkpoint" in program.said()
    trained = [line["step"] for line in lines_of(program, "train")]
    assert len(trained) == 4 * 200, "each step was done once"


@pytest.mark.slow
def test_preempted_by_another_partition(
    start: Callable[..., Program], undisturbed: dict[str, Any], slurm_cluster: VirtualSlurm
) -> None:
    program = start("engine.max_attempts=1")
    training(program)
    slurm_cluster.client("srun", "--partition=urgent", "--nodes=3", "--ntasks=3", "--exclusive", "sleep", "3")
    as_undisturbed(program, undisturbed)
    assert {end["outcome"] for end in lines_of(program, "attempt_end")} == {"interrupted"}


@pytest.mark.slow
def test_the_controller_restarts(
    start: Callable[..., Program], undisturbed: dict[str, Any], slurm_cluster: VirtualSlurm
) -> None:
    program = start()
    training(program)
    slurm_cluster.stop_controller()
    time.sleep(3)
    slurm_cluster.restart_controller()
    as_undisturbed(program, undisturbed)
    assert not lines_of(program, "attempt_end")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_parent_that_is_killed_leaves_nothing_and_its_study_resumes(
    number: signal.Signals, start: Callable[..., Program], undisturbed: dict[str, Any], slurm_cluster: VirtualSlurm
) -> None:
    program = start()
    training(program)
    program.process.send_signal(number)
    program.ended()
    no_jobs(slurm_cluster)
    as_undisturbed(start(), undisturbed)


@pytest.mark.slow
def test_a_node_that_freezes_is_waited_for_and_then_nothing_of_it_counts(
    start: Callable[..., Program], undisturbed: dict[str, Any], slurm_cluster: VirtualSlurm
) -> None:
    """Slurm declares it dead and gives its jobs up; it thaws when its trials have ended elsewhere."""
    program = start(TAKE_OVER_SECONDS="3")
    training(program)
    frozen = slurm_cluster.freeze_node("n1")
    try:
        as_undisturbed(program, undisturbed)
        written = {file: file.read_bytes() for file in program.folder.glob("*/*") if file.is_file()}
    finally:
        for process in frozen:
            process.resume()
    assert "an earlier process still works in its folder" in program.said()
    assert "the next attempt takes over" in program.said()
    _, alive = psutil.wait_procs([one for one in frozen if "seat" in " ".join(_command(one))], timeout=30)
    no_jobs(slurm_cluster, seconds=30)
    assert not alive
    now = {file: file.read_bytes() for file in program.folder.glob("*/*") if file.is_file()}
    assert {file.name for file in written if written[file] != now.get(file)} <= {"trial.log"}
    slurm_cluster.wait_for_nodes()


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.NoSuchProcess:
        return []


@pytest.mark.slow
def test_a_time_limit_moves_its_trials_and_costs_nothing(
    start: Callable[..., Program], slurm_cluster: VirtualSlurm
) -> None:
    """A minute is the grain of Slurm's time: two minutes, with notice from the first half minute on."""
    program = start(
        *("hydra.launcher.time=2", "hydra.launcher.notice_seconds=55", "training.max_steps=4000", "lora.r=2"),
        *("optimizer.lr=1e-3", "engine.max_attempts=1"),
    )
    program.until(lambda: "its time limit is near" in program.said(), seconds=150)
    assert program.ended(200) == 0, program.said()
    assert {end["outcome"] for end in lines_of(program, "attempt_end")} == {"interrupted"}
    assert len(lines_of(program, "train")) == 4000 and steps(program.folder)
