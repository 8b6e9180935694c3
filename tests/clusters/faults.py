"""What may happen to a sweep on any cluster, and what must be left of it: nothing lost, nothing doubled, no process on
any node, a sentence that says what happened. A subclass names its cluster.

Cluster, processes, folders and Optuna's journal are real; the training is `tests/sweep/stand_in.py`, whose "weights"
tell of a step that was lost or done twice.
"""

import contextlib
import errno
import json
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import psutil
import pytest

from tests.clusters.virtual_slurm import is_seat
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

    def processes_of(self, name: str, /) -> list[psutil.Process]:
        """The node's daemons, what they keep for each slot, and all processes of the slots."""

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


def cut_off(cluster: VirtualCluster, node: str) -> list[psutil.Process]:
    """As a node whose network is gone: what connects it stops, its seats and their trials go on, and so does its way
    to the disk. The processes, for `resume()`."""
    processes = cluster.processes_of(node)
    seats = [one for one in processes if is_seat(one)]
    working = {one.pid for seat in seats for one in (seat, *seat.children(recursive=True))}
    links = [one for one in processes if one.pid not in working]
    for process in links:
        process.suspend()
    return links


def reconnect(links: list[psutil.Process]) -> None:
    for process in links:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()


@contextlib.contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[None]:
    """Within: the folder is a disk of its own."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "none", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(file: Path) -> None:
    """Write the file until its disk is full."""
    with open(file, "wb", buffering=0) as filler:
        for size in (1 << 16, 1 << 12, 1):
            while True:
                try:
                    filler.write(bytes(size))
                except OSError as error:
                    assert error.errno == errno.ENOSPC
                    break


def files_of(folder: Path) -> dict[Path, bytes]:
    """The files of all trials; what a late process may still write to is left out."""
    return {file: file.read_bytes() for file in folder.glob("*/*") if file.is_file() and file.name != "trial.log"}


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

    @abstractmethod
    def client_of_a_slot(self, program: Program, cluster: VirtualCluster) -> psutil.Process:
        """The process through which the sweep hears of a slot."""

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
    @pytest.mark.parametrize("moment", ["evaluation", "result"])
    def test_a_node_that_dies_in_an_evaluation_or_while_a_result_is_written_leaves_no_half_of_it(
        self,
        moment: str,
        start: Callable[..., Program],
        undisturbed: dict[str, Any],
        cluster: VirtualCluster,
        tmp_path: Path,
    ) -> None:
        """All trials are at that moment; those on other nodes go on from it."""
        program = start(fault=f"all hold {moment}")
        program.until(lambda: len(list(tmp_path.glob("held-*"))) == 4, seconds=90)
        node, trials = busiest(cluster)
        cluster.kill_node(node)
        (tmp_path / "go").touch()
        try:
            as_undisturbed(program, undisturbed)
        finally:
            cluster.replace_node(node)
        assert program.said().count(f" on {node}: ") >= trials, program.said()
        assert ends_of(program) == [("failed", "killed")] * trials
        assert len(lines_of(program, "attempt")) == 4 + trials
        assert not list(program.folder.glob("*/.result*")), "what was half-written is gone or never seen"

    @pytest.mark.slow
    def test_a_network_that_comes_back_in_time_costs_nothing(
        self, start: Callable[..., Program], undisturbed: dict[str, Any], cluster: VirtualCluster
    ) -> None:
        program = start(STEP_SECONDS="0.05")
        training(program)
        links = cut_off(cluster, busiest(cluster)[0])
        try:
            time.sleep(3)
        finally:
            reconnect(links)
        as_undisturbed(program, undisturbed)
        assert not lines_of(program, "attempt_end") and len(lines_of(program, "attempt")) == 4

    @pytest.mark.slow
    def test_a_trial_that_ends_on_a_node_without_network_is_not_run_again(
        self, start: Callable[..., Program], undisturbed: dict[str, Any], cluster: VirtualCluster
    ) -> None:
        """The cluster declares the node dead long after the trial has written its result."""
        program = start()
        training(program)
        node, _ = busiest(cluster)
        links = cut_off(cluster, node)
        try:
            as_undisturbed(program, undisturbed)
        finally:
            reconnect(links)
        assert not lines_of(program, "attempt_end") and len(lines_of(program, "attempt")) == 4
        cluster.nothing_left(30)
        cluster.replace_node(node)

    @pytest.mark.slow
    def test_a_node_without_network_is_given_up_and_nothing_counts_that_it_writes_afterwards(
        self, start: Callable[..., Program], undisturbed: dict[str, Any], cluster: VirtualCluster
    ) -> None:
        """Its trials write on to the shared disk until they see that others have taken their folders over."""
        program = start(STEP_SECONDS="0.3", TAKE_OVER_SECONDS="3")
        training(program)
        node, trials = busiest(cluster)
        seats = [psutil.Process(pid) for pid, name in cluster.seats().items() if name == node]
        workers = [psutil.Process(one["pid"]) for one in lines_of(program, "attempt") if one["node"] == node]
        links = cut_off(cluster, node)
        try:
            program.until(lambda: program.said().count("the next attempt takes over") == trials, seconds=90)
            as_undisturbed(program, undisturbed, seconds=240)
            _, working = psutil.wait_procs(workers, timeout=5)
            assert len(workers) == trials and not working, "they end by themselves, while their node is cut off"
            written = files_of(program.folder)
        finally:
            reconnect(links)
        logs = "".join(file.read_text() for file in program.folder.glob("*/trial.log"))
        assert logs.count("another process has taken this trial over") == trials, logs
        assert "an earlier process still works in its folder" in program.said()
        assert program.said().count(f" on {node}: ") >= trials, program.said()
        assert ends_of(program) == [("failed", "killed")] * trials
        _, alive = psutil.wait_procs(seats, timeout=30)
        assert seats and not alive
        cluster.nothing_left(30)
        assert files_of(program.folder) == written
        cluster.replace_node(node)

    @pytest.mark.slow
    def test_a_slot_that_answers_no_more_is_given_up(
        self, start: Callable[..., Program], undisturbed: dict[str, Any], cluster: VirtualCluster
    ) -> None:
        """The cluster sees nothing wrong: its daemons live, and so does the node."""
        program = start(STEP_SECONDS="0.2", ANSWER_SECONDS="5")
        training(program)
        client = self.client_of_a_slot(program, cluster)
        client.suspend()
        as_undisturbed(program, undisturbed)
        assert program.said().count("has not answered for 5 seconds") == 1, program.said()
        assert ends_of(program) == [("failed", "killed")]
        assert not client.is_running()

    @pytest.mark.slow
    def test_a_full_disk_stops_the_sweep_and_its_study_resumes_when_there_is_room(
        self,
        start: Callable[..., Program],
        undisturbed: dict[str, Any],
        cluster: VirtualCluster,
        tmp_path: Path,
    ) -> None:
        with small_disk(tmp_path / "study", mebibytes=8):
            program = start(PATIENCE_SECONDS="3")
            training(program)
            fill(program.folder / "filler")
            assert program.ended(120) == 1
            said = program.said()
            assert "No space left on device" in said and "To resume: " in said and "Traceback" not in said, said
            cluster.nothing_left(10)
            assert not list(program.folder.glob("*/result.json")), "no trial has failed by it"
            (program.folder / "filler").unlink()
            as_undisturbed(start(), undisturbed)

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
