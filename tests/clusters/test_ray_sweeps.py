"""What may happen to a sweep on Ray: the faults of any cluster, and what Ray does besides."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.clusters.faults import Faults, as_undisturbed, busiest, ends_of, lines_of, training
from tests.clusters.virtual_ray import VirtualRay
from tests.sweep.test_faults import Program, complete


@pytest.mark.ray
class TestOnRay(Faults):
    launcher = ("hydra/launcher=ray", "hydra.launcher.slots=4")

    @pytest.fixture
    def cluster(self, ray_cluster: VirtualRay) -> VirtualRay:
        return ray_cluster

    def client_of_a_slot(self, program: Program, cluster: VirtualRay) -> psutil.Process:
        return psutil.Process(min(cluster.seats())).parent()

    def test_a_node_that_is_drained_costs_no_attempt_and_no_step(
        self, start: Callable[..., Program], undisturbed: dict[str, Any], cluster: VirtualRay
    ) -> None:
        program = start("engine.max_attempts=1")
        training(program, trials=1)  # Ray's word takes seconds, and a trial may have ended by then
        node, trials = busiest(cluster)
        cluster.drain_node(node, seconds=60)
        try:
            as_undisturbed(program, undisturbed)
        finally:
            cluster.replace_node(node)
        ends = ends_of(program)
        assert set(ends) == {("interrupted", None)} and len(ends) <= trials, (ends, program.said())
        assert "Ray drains the node; it resumes from its newest checkpoint" in program.said()
        trained = [line["step"] for line in lines_of(program, "train")]
        assert len(trained) == 4 * 200, "each step was done once"

    @pytest.mark.slow
    def test_actors_that_are_killed_by_hand_cost_an_attempt_each(
        self, start: Callable[..., Program], undisturbed: dict[str, Any], cluster: VirtualRay
    ) -> None:
        """By `kill -9` of their processes, of which Ray gives no notice. It takes a SIGTERM as a request to end after
        the call that runs, so that an actor of ours stays."""
        program = start(STEP_SECONDS="0.05")
        training(program)
        asked, *killed = [psutil.Process(seat).parent() for seat in sorted(cluster.seats())[:3]]
        asked.terminate()
        for actor in killed:
            actor.kill()
        as_undisturbed(program, undisturbed)
        assert ends_of(program) == [("failed", "killed")] * 2, program.said()
        assert program.said().count(": its process ended); it resumes from its newest checkpoint") == 2, program.said()


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("of", ["cluster", "head"])
def test_a_cluster_that_ends_is_told_and_the_study_resumes_on_another(
    of: str, ray_cluster: VirtualRay, tmp_path: Path
) -> None:
    words = ("lora.r=2,4", "training.max_steps=400")
    settings = {"launcher": (*TestOnRay.launcher, "engine.max_attempts=2"), "STEP_SECONDS": "0.3"}
    with VirtualRay(nodes=1) as first, first.found():
        program = Program(tmp_path / "study", *words, **settings)
        training(program, trials=2)
        if of == "head":  # the node goes on, and so do the trials until Ray gives up
            first.kill_head()
            assert program.ended(200) == 1, program.said()
            first.nothing_left(30)
    assert program.ended(150) == 1, program.said()
    told = "the connection to the Ray cluster was lost (Failed to connect to GCS within 60 seconds)"
    assert told in program.said() and "No slot is granted" in program.said(), program.said()
    assert "No Ray cluster answers at " in program.said(), program.said()
    program = Program(tmp_path / "study", *words, **{**settings, "STEP_SECONDS": "0.02"})
    assert program.ended(150) == 0, program.said()
    complete(program.folder, trials=2)
    ray_cluster.nothing_left(10)
