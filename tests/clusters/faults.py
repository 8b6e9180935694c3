"""What may happen to a sweep on any cluster, and what must be left of it: nothing lost, nothing doubled, no process on
any node, a sentence that says what happened. A subclass names its cluster.

Cluster, processes, folders and Optuna's journal are real; the training is `tests/sweep/stand_in.py`, whose "weights"
tell of a step that was lost or done twice.
"""

import json
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import psutil
import pytest

from tests.sweep.test_faults import Program, complete, results

FOUR = ("lora.r=2,4", "optimizer.lr=1e-3,1e-2", "training.max_steps=200")  # of 4 seconds or more each


class VirtualCluster(Protocol):
    """Nodes on this machine that can be killed."""

    def kill_node(self, name: str, /) -> None:
        """As a power cut."""

    def replace_node(self, name: str, /) -> None:
        """A node of this name takes part again, after `kill_node` or `freeze_node`."""

    def freeze_node(self, name: str, /) -> list[psutil.Process]:
        """As a machine that hangs; the processes, for `resume()`."""

    def seats(self) -> dict[int, str]:
        """Node by process id of each seat."""

    def nothing_left(self, seconds: float) -> None:
        """Return when no slot is held and none of its processes is there, within so many seconds."""


def training(program: Program, trials: int = 4) -> None:
    """Return when that many trials have begun to train."""
    program.until(lambda: len(list(program.folder.glob("*/checkpoint/step-*"))) >= trials, seconds=90)


def as_undisturbed(program: Program, undisturbed: dict[str, Any], seconds: float = 120) -> None:
    assert program.ended(seconds) == 0, program.said()
    complete(program.folder, trials=4)
    assert results(program.folder) == undisturbed


def lines_of(program: Program, kind: str) -> list[dict[str, Any]]:
    files = program.folder.glob("*/metrics.jsonl")
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]


def ends_of(program: Program) -> list[tuple[str, str | None]]:
    """Outcome and failure of each attempt that was not the last."""
    return [(end["outcome"], end["failure"]) for end in lines_of(program, "attempt_end")]


def nodes_of(program: Program) -> list[str]:
    """The node of each attempt that has begun."""
    return [line["node"] for line in lines_of(program, "attempt")]


def busiest(cluster: VirtualCluster) -> tuple[str, int]:
    """The node that has most seats, and how many."""
    nodes = list(cluster.seats().values())
    return max(((name, nodes.count(name)) for name in set(nodes)), key=lambda one: one[1])


class Faults(ABC):
    """Faults of nodes and of the sweep's process."""

    @pytest.fixture
    @abstractmethod
    def cluster(self) -> VirtualCluster:
        """Of three nodes, as found by the launcher."""

    @property
    @abstractmethod
    def launcher(self) -> tuple[str, ...]:
        """The overrides that choose it."""

    @pytest.fixture(scope="class")
    def undisturbed(self, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
        program = Program(tmp_path_factory.mktemp("undisturbed") / "study", *FOUR)
        assert program.ended() == 0, program.said()
        return results(program.folder)

    @pytest.fixture
    def start(self, tmp_path: Path, cluster: VirtualCluster) -> Iterator[Callable[..., Program]]:
        made: list[Program] = []

        def begin(*words: str, **more: Any) -> Program:
            made.append(Program(tmp_path / "study", *FOUR, *words, launcher=self.launcher, **more))
            return made[-1]

        yield begin
        for program in made:
            if program.process.poll() is None:
                program.process.kill()
        cluster.nothing_left(10)

    def test_a_node_that_dies_costs_its_trials_an_attempt_and_nothing_else(
        self, start: Callable[..., Program], undisturbed: dict[str, Any], cluster: VirtualCluster
    ) -> None:
        program = start()
        training(program)
        node, trials = busiest(cluster)
        cluster.kill_node(node)
        try:
            as_undisturbed(program, undisturbed)
        finally:
            cluster.replace_node(node)
        assert program.said().count(f" on {node}: ") >= trials, program.said()
        assert ends_of(program) == [("failed", "killed")] * trials
        assert len(lines_of(program, "attempt")) == 4 + trials

    @pytest.mark.slow
    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
    def test_a_parent_that_is_killed_leaves_nothing_and_its_study_resumes(
        self,
        number: signal.Signals,
        start: Callable[..., Program],
        undisturbed: dict[str, Any],
        cluster: VirtualCluster,
    ) -> None:
        program = start()
        training(program)
        program.process.send_signal(number)
        program.ended()
        cluster.nothing_left(10)
        as_undisturbed(start(), undisturbed)

    @pytest.mark.slow
    def test_a_node_that_freezes_is_waited_for_and_then_nothing_of_it_counts(
        self, start: Callable[..., Program], undisturbed: dict[str, Any], cluster: VirtualCluster
    ) -> None:
        """The cluster declares it dead and gives its slots up; it thaws when its trials have ended elsewhere."""
        program = start(TAKE_OVER_SECONDS="3")
        training(program)
        node, _ = busiest(cluster)
        frozen = cluster.freeze_node(node)
        seats = [one for one in frozen if one.pid in cluster.seats()]
        try:
            as_undisturbed(program, undisturbed)
            written = {file: file.read_bytes() for file in program.folder.glob("*/*") if file.is_file()}
        finally:
            for process in frozen:
                process.resume()
        assert "an earlier process still works in its folder" in program.said()
        assert "the next attempt takes over" in program.said()
        _, alive = psutil.wait_procs(seats, timeout=30)
        cluster.nothing_left(30)
        assert seats and not alive
        now = {file: file.read_bytes() for file in program.folder.glob("*/*") if file.is_file()}
        assert {file.name for file in written if written[file] != now.get(file)} <= {"trial.log"}
        cluster.replace_node(node)
