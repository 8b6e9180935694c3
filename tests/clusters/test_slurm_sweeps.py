"""What may happen to a sweep on Slurm: the faults of any cluster, and what Slurm does besides."""

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from tests.clusters.faults import Faults, as_undisturbed, busiest, ends_of, lines_of, nodes_of, training
from tests.clusters.virtual_slurm import VirtualSlurm
from tests.sweep.test_faults import Program, steps


@pytest.mark.slurm
class TestOnSlurm(Faults):
    launcher = ("hydra/launcher=slurm", "hydra.launcher.slots=4")

    @pytest.fixture
    def cluster(self, slurm_cluster: VirtualSlurm) -> VirtualSlurm:
        return slurm_cluster

    def client_of_a_slot(self, program: Program, cluster: VirtualSlurm) -> psutil.Process:
        return next(one for one in program.process.children() if one.name() == "srun")

    def test_a_job_that_is_cancelled_or_preempted_costs_no_attempt_and_no_step(
        self, start: Callable[..., Program], undisturbed: dict[str, Any], cluster: VirtualSlurm
    ) -> None:
        program = start("engine.max_attempts=1")
        training(program)
        for job in list(cluster.jobs())[:2]:
            cluster.client("scancel", job)
        as_undisturbed(program, undisturbed)
        assert ends_of(program) == [("interrupted", None)] * 2
        assert "Slurm ends the job; it resumes from its newest checkpoint" in program.said()
        trained = [line["step"] for line in lines_of(program, "train")]
        assert len(trained) == 4 * 200, "each step was done once"

    def test_a_node_that_fails_twice_is_not_asked_again(
        self, start: Callable[..., Program], undisturbed: dict[str, Any], cluster: VirtualSlurm
    ) -> None:
        """Its daemon lives, as on a node whose GPUs or memory fail: Slurm gives it the next jobs at once."""
        program = start("engine.max_attempts=4")
        training(program)
        node, trials = busiest(cluster)
        for round in (1, 2):
            program.until(lambda began=trials * round: nodes_of(program).count(node) == began)
            for seat in [pid for pid, there in cluster.seats().items() if there == node]:
                os.kill(seat, signal.SIGKILL)
        as_undisturbed(program, undisturbed)
        said = program.said()
        assert said.count(f"{node} failed 2 times, so it gets nothing more to run in this sweep") == 1, said
        assert f"Failures by node: {node}: {2 * trials} attempts ({2 * trials} killed)." in said
        assert nodes_of(program).count(node) == 2 * trials and len(nodes_of(program)) == 4 + 2 * trials
        ends = [(end["node"], end["failure"]) for end in lines_of(program, "attempt_end")]
        assert ends == [(node, "killed")] * 2 * trials
        assert {line["card"] for line in lines_of(program, "attempt")} == {"GPU 0", "GPU 1"}

    @pytest.mark.slow
    def test_preempted_by_another_partition(
        self, start: Callable[..., Program], undisturbed: dict[str, Any], cluster: VirtualSlurm
    ) -> None:
        program = start("engine.max_attempts=1")
        training(program)
        cluster.client("srun", "--partition=urgent", "--nodes=3", "--ntasks=3", "--exclusive", "sleep", "3")
        as_undisturbed(program, undisturbed)
        assert {outcome for outcome, _ in ends_of(program)} == {"interrupted"}

    @pytest.mark.slow
    def test_the_controller_restarts(
        self, start: Callable[..., Program], undisturbed: dict[str, Any], cluster: VirtualSlurm
    ) -> None:
        program = start()
        training(program)
        cluster.stop_controller()
        time.sleep(3)
        cluster.restart_controller()
        as_undisturbed(program, undisturbed)
        assert not lines_of(program, "attempt_end")

    @pytest.mark.slow
    def test_a_time_limit_moves_its_trials_and_costs_nothing(self, start: Callable[..., Program]) -> None:
        """A minute is the grain of Slurm's time: two minutes, with notice from the first half minute on."""
        program = start(
            *("hydra.launcher.time=2", "hydra.launcher.notice_seconds=55", "training.max_steps=4000", "lora.r=2"),
            *("optimizer.lr=1e-3", "engine.max_attempts=1"),
        )
        program.until(lambda: "its time limit is near" in program.said(), seconds=150)
        assert program.ended(200) == 0, program.said()
        assert {outcome for outcome, _ in ends_of(program)} == {"interrupted"}
        assert len(lines_of(program, "train")) == 4000 and steps(program.folder)
