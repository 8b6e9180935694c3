"""What the Ray pool promises beyond the contract of pools, on a virtual cluster: slots that come and go."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from medqa_sweeps.errors import ConfigError, InternalError
from medqa_sweeps.pool.contract import ProcessExit
from medqa_sweeps.pool.pilots import PilotPool
from medqa_sweeps.pool.ray_cluster import RayPilot, _Link, ray_pool, refuse_ungrantable
from medqa_sweeps.pool.ray_request import RayRequest
from tests.clusters.test_slurm_pool import until
from tests.clusters.virtual_ray import VirtualRay
from tests.contracts.test_children import content, gone
from tests.contracts.test_pool import asleep, exits_of, start

pytestmark = pytest.mark.ray
ROOT = Path(__file__).parents[2]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def pool(ray_cluster: VirtualRay, said: list[str]) -> Iterator[PilotPool]:
    """Two slots, both granted."""
    with ray_pool(RayRequest(slots=2), ROOT, ["json"], said.append) as pool:
        until(pool, lambda: pool.free == 2)
        yield pool
    ray_cluster.nothing_left(1)


def on(node: str, slots: int = 1, **more: object) -> RayRequest:
    return RayRequest(slots=slots, resources={f"only_{node}": 0.1}, **more)  # type: ignore[arg-type]


def test_slots_are_named_by_node_and_card_and_have_a_cache_of_their_nodes(pool: PilotPool) -> None:
    for slot in pool.slots:
        assert slot.name.startswith(tuple(f"{slot.device_id} GPU {card}, actor " for card in "01"))
        assert slot.device_id in ("n1", "n2", "n3")
        assert slot.environment["MEDQA_SWEEPS_CACHE"].endswith(f"/nodes/{slot.device_id}")
    assert len({slot.environment["UNSLOTH_COMPILE_LOCATION"] for slot in pool.slots}) == 2


def test_a_share_of_a_card_and_the_runtime_environment_reach_the_process(
    ray_cluster: VirtualRay, tmp_path: Path
) -> None:
    asked = on("n2", slots=2, gpus=0.5, cpus=2, memory="1G", runtime_env={"env_vars": {"OURS": "theirs"}})
    with ray_pool(asked, ROOT, ["json"]) as pool:
        until(pool, lambda: pool.free == 2)
        assert len({slot.environment["CUDA_VISIBLE_DEVICES"] for slot in pool.slots}) == 1
        start(pool, tmp_path, "environment", str(tmp_path / "told"))
        exits_of(pool, 1)
    told = json.loads((tmp_path / "told").read_text())
    assert (told["OURS"], told["OMP_NUM_THREADS"], told["MEDQA_SWEEPS_SLOTS"]) == ("theirs", "2", "2")
    assert not [name for name in told if name.startswith("RAY")] and "HOME" not in told


@pytest.mark.skipif(
    shutil.which("uv") is None or Path(sys.prefix) != ROOT / ".venv", reason="no uv, or no environment that it finds"
)
def test_a_sweep_that_uv_runs_has_its_slots_as_any(ray_cluster: VirtualRay) -> None:
    program = (
        "from pathlib import Path; from tests.clusters.test_ray_pool import ROOT, RayRequest, ray_pool, until\n"
        "with ray_pool(RayRequest(slots=1), ROOT, ['json']) as pool: until(pool, lambda: pool.free == 1, seconds=20)"
    )
    command = ["uv", "run", "--no-sync", "python", "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
    ray_cluster.nothing_left(10)


def test_without_gpus_processes_see_none(ray_cluster: VirtualRay, tmp_path: Path) -> None:
    with ray_pool(RayRequest(slots=1, gpus=0), ROOT, ["json"]) as pool:
        until(pool, lambda: pool.free == 1)
        (slot,) = pool.slots
        assert " CPU, actor " in slot.name and slot.environment["CUDA_VISIBLE_DEVICES"] == ""
        start(pool, tmp_path, "exit", "3")
        assert [one.code for one in exits_of(pool, 1)] == [3]


def test_this_process_has_no_thread_no_import_and_no_handler_of_ray(ray_cluster: VirtualRay) -> None:
    program = (
        "import signal, sys, threading; from pathlib import Path; from medqa_sweeps.pool.ray_cluster import *\n"
        f"pool = ray_pool(RayRequest(slots=1), Path({str(ROOT)!r}), ['json'])\n"
        "while not pool.free: pool.wait(1)\n"
        "tasks = len(list(Path('/proc/self/task').iterdir())); pool.close()\n"
        "assert tasks == 1 and threading.active_count() == 1 and 'ray' not in sys.modules, tasks\n"
        "assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_no_grandchild_outlives_a_process_that_has_ended(pool: PilotPool, tmp_path: Path) -> None:
    start(pool, tmp_path, "grandchild", str(tmp_path / "pid"))
    exits_of(pool, 1)
    assert gone(int((tmp_path / "pid").read_text()))


def test_slots_without_work_are_given_back_and_asked_for_again(
    pool: PilotPool, ray_cluster: VirtualRay, tmp_path: Path
) -> None:
    process = asleep(pool, tmp_path, "pid")
    pool.note_waiting(0)
    until(pool, lambda: len(ray_cluster.seats()) == 1)
    assert [slot.name for slot in pool.slots] == [process.slot.name]
    pool.note_waiting(5)
    until(pool, lambda: pool.free == 1)
    assert len(ray_cluster.seats()) == 2


def test_an_idle_slot_that_is_taken_away_is_asked_for_again(
    pool: PilotPool, ray_cluster: VirtualRay, said: list[str]
) -> None:
    seat = next(iter(ray_cluster.seats()))
    psutil.Process(seat).parent().kill()  # the actor's process
    until(pool, lambda: len(said) == 1 and pool.free == 2)
    assert "is gone (Ray actor " in said[0] and "its process ended" in said[0]
    assert seat not in ray_cluster.seats()


def test_a_daemon_that_is_killed_takes_its_slots_along(
    pool: PilotPool, ray_cluster: VirtualRay, tmp_path: Path
) -> None:
    """By itself Ray leaves the actor's process and all that it has started at work."""
    process = asleep(pool, tmp_path, "pid")
    node = process.slot.device_id
    try:
        for pid in ray_cluster.daemons(node):
            psutil.Process(pid).kill()
        assert gone(int((tmp_path / "pid").read_text()))
        (end,) = exits_of(pool, 1)
        assert (end.process, end.code) == (process, -signal.SIGKILL) and f" on {node}: " in end.cause
    finally:
        ray_cluster.replace_node(node)


def test_a_drained_node_gives_notice_and_another_slot_is_asked_for(
    pool: PilotPool, ray_cluster: VirtualRay, tmp_path: Path
) -> None:
    process = asleep(pool, tmp_path, "pid")
    node = process.slot.device_id
    try:
        ray_cluster.drain_node(node, seconds=120)
        assert until(pool, lambda: process.notice != "") == []
        assert process.notice == f"Ray {process.id} on {node}: Ray drains the node"
        assert until(pool, lambda: any(slot.device_id != node for slot in pool.slots)) == []
        pool.kill(process)
        assert exits_of(pool, 1) == [ProcessExit(process, -signal.SIGKILL)]
        until(pool, lambda: node not in ray_cluster.seats().values())
    finally:
        ray_cluster.replace_node(node)


def test_nodes_can_be_left_out(ray_cluster: VirtualRay) -> None:
    link = _Link(RayRequest(slots=1), ROOT, ["json"])
    pilot = RayPilot(link, ("n1", "n3", "unknown"))
    end = time.monotonic() + 30
    while pilot.slot is None and time.monotonic() < end:
        pilot.look()
        time.sleep(0.05)
    assert pilot.slot and pilot.slot.device_id == "n2"
    link.close()


def test_what_waits_for_a_slot_has_not_begun_and_a_request_is_withdrawn(
    ray_cluster: VirtualRay, tmp_path: Path
) -> None:
    with ray_pool(on("n1", slots=2, gpus=1), ROOT, ["json"]) as holder:
        until(holder, lambda: holder.free == 2)
        with ray_pool(on("n1"), ROOT, ["json"]) as pool:
            first, second = start(pool, tmp_path, "exit", "3"), start(pool, tmp_path, "exit", "4")
            assert pool.wait(1) == [] and not pool.slots and first.began_at is None
            pool.kill(second)
            assert exits_of(pool, 1) == [ProcessExit(second, -signal.SIGKILL)]
            holder.note_waiting(0)
            until(holder, lambda: not holder.slots)
            assert exits_of(pool, 1) == [ProcessExit(first, 3)] and first.began_at is not None
            holder.note_waiting(2)
            until(holder, lambda: holder.free == 1)
        until(holder, lambda: holder.free == 2)
    ray_cluster.nothing_left(10)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_actor_and_no_process_outlives_a_killed_parent(
    number: signal.Signals, ray_cluster: VirtualRay, tmp_path: Path
) -> None:
    program = (
        "import time; from pathlib import Path; from tests.contracts.test_pool import MAKERS, start, ready\n"
        f"folder = Path({str(tmp_path)!r}); pool = MAKERS['ray'](folder); ready(pool)\n"
        "start(pool, folder, 'sleep', str(folder / 'pid')); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    pid = int(content(tmp_path / "pid"))
    parent.send_signal(number)
    parent.wait()
    assert gone(pid, seconds=5)
    ray_cluster.nothing_left(10)


def test_a_lost_connection_is_made_again(pool: PilotPool, ray_cluster: VirtualRay, tmp_path: Path) -> None:
    process = asleep(pool, tmp_path, "pid")
    (driver,) = ray_cluster.drivers()
    driver.kill()
    (end,) = exits_of(pool, 1)
    assert (end.process, end.cause) == (process, "the connection to the Ray cluster was lost (exit code -9)")
    assert gone(int((tmp_path / "pid").read_text()))
    until(pool, lambda: pool.free == 2)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (RayRequest(slots=1, gpus=9), "Ray would never grant a slot of 9 GPU, 1 CPU: no node has more than 2 GPU"),
        (RayRequest(slots=1, resources={"tpu": 1}), "no node has more than 0 tpu"),
        (RayRequest(slots=1, memory="9T"), "no node has more than .* GiB memory"),
        (RayRequest(slots=1, resources={"only_n1": 1, "only_n2": 1}), "no node has all of that at once"),
    ],
)
def test_what_can_never_be_granted_is_refused(request_: RayRequest, words: str, ray_cluster: VirtualRay) -> None:
    with pytest.raises(ConfigError, match=words):
        refuse_ungrantable(request_)
    ray_cluster.nothing_left(10)


def test_nodes_that_may_come_are_waited_for(ray_cluster: VirtualRay) -> None:
    refuse_ungrantable(RayRequest(slots=1, gpus=9, autoscaling=True))
    ray_cluster.nothing_left(10)


def test_another_version_of_python_is_refused_in_rays_words(ray_cluster: VirtualRay) -> None:
    """Nothing here has another version: the record that Ray compares says so while the test lasts."""
    refused = pytest.raises(ConfigError, match=r"Version mismatch: .*Python: 3\.9\.1 .*Install the same Ray and Python")
    with ray_cluster.said_to_run_python("3.9.1"), refused:
        refuse_ungrantable(RayRequest(slots=1))
    refuse_ungrantable(RayRequest(slots=1))


def test_a_cluster_that_has_ended_is_named(ray_cluster: VirtualRay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(ConfigError, match=r"No Ray cluster answers at .*:1, which RAY_ADDRESS names .*ray start"):
        refuse_ungrantable(RayRequest(slots=1))


def test_a_node_that_lacks_a_package_is_told_by_its_name_after_a_few_requests(
    ray_cluster: VirtualRay, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medqa_sweeps.pool.pilots._FIRST_DELAY_SECONDS", 0.1)
    refused = pytest.raises(InternalError, match=r"No slot is granted, 4 requests failed.*n\d: .*no_such_module")
    with ray_pool(RayRequest(slots=1, gpus=0), ROOT, ["no_such_module"], said.append) as pool, refused:
        until(pool, lambda: False)
    assert said[0].startswith("A request for a slot failed and is made again") and len(said) <= 3
    assert all("failed 2 times, so it gets nothing more to run" in one for one in said[1:])
    ray_cluster.nothing_left(10)


def test_a_node_that_fails_twice_is_not_asked_again(ray_cluster: VirtualRay, said: list[str], tmp_path: Path) -> None:
    """Its daemon lives, as on a node whose GPUs or memory fail. Where no other slot is free, it is asked twice."""
    with ray_pool(RayRequest(slots=6), ROOT, ["json"], said.append) as pool:
        for told in ("n1 GPU", "n1 failed 2 times"):
            until(pool, lambda: pool.free == 6)
            for seat in [pid for pid, node in ray_cluster.seats().items() if node == "n1"]:
                os.kill(seat, signal.SIGKILL)
            until(pool, lambda told=told: any(one.startswith(told) for one in said) and pool.free < 5)
        about = [one for one in said if "n1 failed" in one]
        assert about == ["n1 failed 2 times, so it gets nothing more to run in this sweep. To look at it: ray status"]
        until(pool, lambda: pool.free == 4)
        assert {slot.device_id for slot in pool.slots} == {"n2", "n3"}
    ray_cluster.nothing_left(10)


def test_a_folder_that_a_node_does_not_see_is_named(ray_cluster: VirtualRay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medqa_sweeps.pool.pilots._FIRST_DELAY_SECONDS", 0.1)
    refused = pytest.raises(
        InternalError, match=r"n\d: this node does not see /no/such: choose a folder that all nodes"
    )
    with ray_pool(RayRequest(slots=1), Path("/no/such"), ["json"]) as pool, refused:
        until(pool, lambda: False)
    ray_cluster.nothing_left(10)
