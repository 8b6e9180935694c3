"""What the Slurm pool promises beyond the contract of pools, on a virtual cluster: slots that come and go."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from medqa_sweeps.errors import ConfigError, InternalError
from medqa_sweeps.pool.contract import ProcessExit
from medqa_sweeps.pool.pilots import PilotPool
from medqa_sweeps.pool.slurm import slurm_pool
from medqa_sweeps.pool.slurm_request import SlurmRequest, refuse_ungrantable
from tests.clusters.virtual_slurm import VirtualSlurm
from tests.contracts.test_children import content, gone
from tests.contracts.test_pool import asleep, exits_of, start

pytestmark = pytest.mark.slurm
ROOT = Path(__file__).parents[2]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def pool(slurm_cluster: VirtualSlurm, said: list[str]) -> Iterator[PilotPool]:
    """Two slots, both granted."""
    with slurm_pool(SlurmRequest(slots=2), ROOT, ["json"], said.append) as pool:
        until(pool, lambda: pool.free == 2)
        yield pool
    slurm_cluster.nothing_left(10)


def until(pool: PilotPool, condition: Callable[[], bool], seconds: float = 40) -> list[ProcessExit]:
    """What has ended until then."""
    end, exits = time.monotonic() + seconds, []
    while not condition():
        assert time.monotonic() < end
        exits += pool.wait(0.1)
    return exits


def job_of(pool: PilotPool, index: int = 0) -> str:
    return pool.slots[index].name.rpartition(" ")[2]


def test_slots_are_named_by_node_and_card_and_have_a_cache_of_their_nodes(pool: PilotPool) -> None:
    names = sorted(slot.name for slot in pool.slots)
    assert [name.rpartition(" ")[0] for name in names] == ["n1 GPU 0, job", "n1 GPU 1, job"]
    first = pool.slots[0]
    assert first.device_id == "n1" and first.environment["MEDQA_SWEEPS_CACHE"].endswith("/nodes/n1")
    assert len({slot.environment["UNSLOTH_COMPILE_LOCATION"] for slot in pool.slots}) == 2


def test_a_process_sees_nothing_of_slurm_and_nothing_it_was_not_given(pool: PilotPool, tmp_path: Path) -> None:
    given = {"PATH": os.environ["PATH"], "SLURM_NTASKS": "7"}  # of a parent that runs in a job itself
    process = pool.start(
        "tests.contracts.child_tasks", ["environment", str(tmp_path / "told")], given, tmp_path / "log"
    )
    exits_of(pool, 1)
    told = json.loads((tmp_path / "told").read_text())
    assert not [name for name in told if name.startswith(("SLURM", "SRUN"))] and "HOME" not in told
    assert {name: told[name] for name in process.slot.environment} == dict(process.slot.environment)


def test_no_grandchild_outlives_a_process_that_has_ended(pool: PilotPool, tmp_path: Path) -> None:
    start(pool, tmp_path, "grandchild", str(tmp_path / "pid"))
    exits_of(pool, 1)
    assert gone(int((tmp_path / "pid").read_text()))


def test_slots_without_work_are_given_back_and_asked_for_again(
    pool: PilotPool, slurm_cluster: VirtualSlurm, tmp_path: Path
) -> None:
    process = asleep(pool, tmp_path, "pid")
    pool.note_waiting(0)
    until(pool, lambda: len(slurm_cluster.jobs()) == 1)
    assert [slot.name for slot in pool.slots] == [process.slot.name]
    pool.note_waiting(5)
    until(pool, lambda: pool.free == 1)
    assert len(slurm_cluster.jobs()) == 2


def test_an_idle_slot_that_is_taken_away_is_asked_for_again(
    pool: PilotPool, slurm_cluster: VirtualSlurm, said: list[str]
) -> None:
    job = job_of(pool)
    slurm_cluster.client("scancel", job)
    until(pool, lambda: pool.free == 2 and job not in [job_of(pool, 0), job_of(pool, 1)])
    assert len(said) == 1 and f"job {job} is gone" in said[0]


def test_a_preempted_process_has_notice_and_another_slot_is_asked_for(
    pool: PilotPool, slurm_cluster: VirtualSlurm, tmp_path: Path
) -> None:
    process = asleep(pool, tmp_path, "pid")
    slurm_cluster.client("scancel", process.id.removeprefix("job "))
    assert until(pool, lambda: process.notice != "") == []
    assert process.notice == f"Slurm {process.id} on n1: Slurm ends the job"
    assert until(pool, lambda: len(pool.slots) == 3) == [], "a slot to move to comes before the old one has ended"
    (end,) = exits_of(pool, 1)
    assert (end.process, end.code, end.cause) == (process, -signal.SIGKILL, process.notice)
    assert gone(int((tmp_path / "pid").read_text()))
    assert start(pool, tmp_path, "exit", "0").slot.name != process.slot.name


def test_a_process_that_ends_in_time_ends_as_it_likes(
    pool: PilotPool, slurm_cluster: VirtualSlurm, tmp_path: Path
) -> None:
    process = asleep(pool, tmp_path, "pid")
    slurm_cluster.client("scancel", process.id.removeprefix("job "))
    until(pool, lambda: process.notice != "")
    pool.kill(process)
    (end,) = exits_of(pool, 1)
    assert (end.process, end.code, end.cause) == (process, -signal.SIGKILL, "")
    until(pool, lambda: process.id.removeprefix("job ") not in slurm_cluster.jobs(), seconds=4)


def test_what_waits_for_a_slot_has_not_begun_and_begins_when_one_comes(
    slurm_cluster: VirtualSlurm, tmp_path: Path
) -> None:
    holder = subprocess.Popen(["srun", "-N3", "-n3", "--exclusive", "sleep", "600"], stderr=subprocess.DEVNULL)
    try:
        while not slurm_cluster.jobs():
            time.sleep(0.05)
        with slurm_pool(SlurmRequest(slots=1), ROOT, ["json"]) as pool:
            assert until(pool, lambda: len(slurm_cluster.jobs()) == 2) == [] and pool.free == 0 and not pool.slots
            first = start(pool, tmp_path, "exit", "3")
            second = start(pool, tmp_path, "exit", "4")
            assert pool.wait(0.5) == [] and first.began_at is None
            pool.kill(second)
            assert exits_of(pool, 1) == [ProcessExit(second, -signal.SIGKILL)]
            holder.terminate()
            assert exits_of(pool, 1) == [ProcessExit(first, 3)] and first.began_at is not None
    finally:
        holder.terminate()
        holder.wait()
    slurm_cluster.nothing_left(10)


def test_a_request_that_waits_is_withdrawn(slurm_cluster: VirtualSlurm) -> None:
    holder = subprocess.Popen(["srun", "-N3", "-n3", "--exclusive", "sleep", "600"], stderr=subprocess.DEVNULL)
    try:
        while not slurm_cluster.jobs():
            time.sleep(0.05)
        with slurm_pool(SlurmRequest(slots=2), ROOT, ["json"]) as pool:
            until(pool, lambda: len(slurm_cluster.jobs()) == 3)
        assert len(slurm_cluster.jobs()) == 1
    finally:
        holder.terminate()
        holder.wait()
    slurm_cluster.nothing_left(10)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_job_and_no_process_outlives_a_killed_parent(
    number: signal.Signals, slurm_cluster: VirtualSlurm, tmp_path: Path
) -> None:
    program = (
        "import time; from pathlib import Path; from tests.contracts.test_pool import MAKERS, start, ready\n"
        f"folder = Path({str(tmp_path)!r}); pool = MAKERS['slurm'](folder); ready(pool)\n"
        "start(pool, folder, 'sleep', str(folder / 'pid')); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    pid = int(content(tmp_path / "pid"))
    parent.send_signal(number)
    parent.wait()
    assert gone(pid, seconds=5)
    slurm_cluster.nothing_left(10)


def test_a_killed_parent_leaves_no_request_that_waits(slurm_cluster: VirtualSlurm, tmp_path: Path) -> None:
    """The kernel tells its `srun`: there is no seat yet that could notice."""
    program = (
        "from pathlib import Path; from medqa_sweeps.pool.slurm import SlurmRequest, slurm_pool\n"
        f"pool = slurm_pool(SlurmRequest(slots=2), Path({str(tmp_path)!r}), ['json'])\n"
        "while True: pool.wait(1)"
    )
    holder = subprocess.Popen(["srun", "-N3", "-n3", "--exclusive", "sleep", "600"], stderr=subprocess.DEVNULL)
    try:
        while not slurm_cluster.jobs():
            time.sleep(0.05)
        parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
        while len(slurm_cluster.jobs()) < 3:
            time.sleep(0.05)
        parent.kill()
        parent.wait()
        end = time.monotonic() + 5
        while len(slurm_cluster.jobs()) > 1:
            assert time.monotonic() < end
            time.sleep(0.05)
    finally:
        holder.terminate()
        holder.wait()
    slurm_cluster.nothing_left(10)


def test_processes_start_and_end_while_the_controller_is_away(
    pool: PilotPool, slurm_cluster: VirtualSlurm, tmp_path: Path
) -> None:
    sleeping = asleep(pool, tmp_path, "pid")
    slurm_cluster.stop_controller()
    try:
        start(pool, tmp_path, "exit", "3")
        assert [one.code for one in exits_of(pool, 1)] == [3]
        start(pool, tmp_path, "exit", "4")
        assert [one.code for one in exits_of(pool, 1)] == [4]
    finally:
        slurm_cluster.restart_controller()
    assert pool.wait(1) == []
    pool.kill(sleeping)
    assert [one.process for one in exits_of(pool, 1)] == [sleeping]


def test_a_parent_that_runs_in_a_job_asks_for_jobs_of_its_own(
    slurm_cluster: VirtualSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"SLURM_JOB_ID": "99999", "SLURM_NTASKS": "7", "SLURM_NNODES": "3"}.items():
        monkeypatch.setenv(name, value)
    with slurm_pool(SlurmRequest(slots=1), ROOT, ["json"]) as pool:
        until(pool, lambda: pool.free == 1)
        assert len(slurm_cluster.jobs()) == 1 and job_of(pool) != "99999"
    slurm_cluster.nothing_left(10)


def test_a_seat_that_hears_nothing_for_too_long_ends_with_all_it_started(tmp_path: Path) -> None:
    """As on a node that is declared dead while it works."""
    program = (
        "import signal; from medqa_sweeps.pool import seat; seat.SILENCE_SECONDS = 1.0\n"
        "import sys; sys.exit(seat.main(['/', 'json']))"
    )
    running = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert running.stdin and running.stdout and b"here" in running.stdout.readline()
    environment = {"PATH": os.environ["PATH"]}
    asked = {"module": "tests.contracts.child_tasks", "arguments": ["sleep", str(tmp_path / "pid")]}
    asked |= {"environment": environment, "log": str(tmp_path / "log")}  # type: ignore[dict-item]
    running.stdin.write(json.dumps({"start": asked}).encode() + b"\n")
    running.stdin.flush()
    pid = int(content(tmp_path / "pid"))
    assert running.wait(20) == 0 and gone(pid)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (SlurmRequest(slots=1, partition="nope"), "refuses such a job: Invalid partition name specified"),
        (SlurmRequest(slots=1, gpus="9"), "refuses such a job: Requested node configuration is not available"),
        (
            SlurmRequest(slots=1, gpus="0", arguments=("--gres=tpu:1",)),
            r"Invalid generic resource \(gres\) specification",
        ),
        (SlurmRequest(slots=1, memory="900G"), "Requested node configuration is not available"),
        (SlurmRequest(slots=1, constraint="no_such"), "Invalid feature specification"),
        (SlurmRequest(slots=1, arguments=("--no-such",)), "unrecognized option '--no-such'"),
    ],
)
def test_what_can_never_be_granted_is_refused_in_slurms_words(
    request_: SlurmRequest, words: str, slurm_cluster: VirtualSlurm
) -> None:
    with pytest.raises(ConfigError, match=words):
        refuse_ungrantable(request_)
    assert slurm_cluster.jobs() == {}


def test_a_node_that_lacks_a_package_is_told_by_its_name_after_a_few_requests(
    slurm_cluster: VirtualSlurm, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medqa_sweeps.pool.pilots._FIRST_DELAY_SECONDS", 0.1)
    with slurm_pool(SlurmRequest(slots=1, gpus="0"), ROOT, ["no_such_module"], said.append) as pool:
        with pytest.raises(InternalError, match=r"No slot is granted, 4 requests failed.*no_such_module"):
            until(pool, lambda: False)
        assert [one.partition(",")[0] for one in said[1:]] == ["n1 failed 2 times", "n2 failed 2 times"], said
    slurm_cluster.nothing_left(10)


def test_a_folder_that_the_only_node_does_not_see_is_named_and_the_node_is_still_asked(
    slurm_cluster: VirtualSlurm, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medqa_sweeps.pool.pilots._FIRST_DELAY_SECONDS", 0.1)
    refused = pytest.raises(InternalError, match=r"n1: this node does not see /no/such: choose a folder that all nodes")
    request = SlurmRequest(slots=1, arguments=("--nodelist=n1",))
    with slurm_pool(request, Path("/no/such"), ["json"], said.append) as pool, refused:
        until(pool, lambda: False)
    assert said[1:] == [
        "n1 failed 2 times, and is still used: nothing else is left. To look at it: scontrol show node n1"
    ]
    slurm_cluster.nothing_left(10)


def test_slurm_is_asked_whether_other_nodes_can_run_a_slot(
    pool: PilotPool, slurm_cluster: VirtualSlurm, said: list[str]
) -> None:
    others = "nodename=n2,n3"
    slurm_cluster.client("scontrol", "update", others, "state=drain", "reason=a test")
    try:
        for log in "01":
            pool.note_outcome(pool.slots[0], Path(log), device_failed=True)
        assert "n1 failed 2 times, and is still used" in said[0]
    finally:
        slurm_cluster.client("scontrol", "update", others, "state=resume")
        slurm_cluster.wait_for_nodes()
    n1 = pool.slots[0]

    def is_out() -> bool:  # Slurm takes a moment to give jobs to nodes again
        pool.note_outcome(n1, Path("2"), device_failed=True)
        return len(said) == 2

    until(pool, is_out)
    assert "n1 failed 3 times, so it gets nothing more to run" in said[1]
    until(pool, lambda: {slot.device_id for slot in pool.slots} == {"n2"} and pool.free == 2)


@pytest.mark.slow
def test_no_controller_is_said_and_what_to_try(slurm_cluster: VirtualSlurm) -> None:
    slurm_cluster.stop_controller()
    try:
        with pytest.raises(ConfigError, match="controller does not answer"):
            refuse_ungrantable(SlurmRequest(slots=1))
    finally:
        slurm_cluster.restart_controller()


@pytest.mark.slow
def test_a_time_limit_is_noticed_ahead(slurm_cluster: VirtualSlurm, tmp_path: Path) -> None:
    """Slurm's time has a grain of a minute, and the signal may come a minute early."""
    with slurm_pool(SlurmRequest(slots=1, time="2", notice_seconds=60), ROOT, ["json"]) as pool:
        until(pool, lambda: pool.free == 1)
        process = asleep(pool, tmp_path, "pid")
        assert until(pool, lambda: process.notice != "", seconds=90) == []
        assert process.notice.endswith("its time limit is near")
        until(pool, lambda: len(pool.slots) == 2)
    slurm_cluster.nothing_left(10)
