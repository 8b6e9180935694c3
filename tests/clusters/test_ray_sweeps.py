"""What may happen to a sweep on Ray: the faults of any cluster, and what Ray does besides."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.clusters.faults import Faults, as_undisturbed, busiest, ends_of, lines_of, training
from tests.clusters.virtual_ray import VirtualRay
from tests.sweep.test_faults import Program


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


@pytest.mark.ray
@pytest.mark.slow
def test_a_cluster_that_ends_is_told_and_the_study_resumes_on_another(ray_cluster: VirtualRay, tmp_path: Path) -> None:
    words = (*TestOnRay.launcher, "engine.max_attempts=2")
    with VirtualRay(nodes=1) as first, first.found():
        program = Program(tmp_path / "study", "lora.r=2,4", "training.max_steps=400", launcher=words)
        training(program, trials=2)
    assert program.ended(150) == 1, program.said()
    told = "the connection to the Ray cluster was lost (Failed to connect to GCS within 60 seconds)"
    assert told in program.said() and "No slot is granted" in program.said(), program.said()
    assert "No Ray cluster answers at " in program.said(), program.said()
    program = Program(tmp_path / "study", "lora.r=2,4", "training.max_steps=400", launcher=words)
    assert program.ended(150) == 0, program.said()
    ray_cluster.nothing_left(10)
