"""The contract of `Pool`, the same tests for every pool. A new one is a line in `MAKERS`."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from medqa_sweeps.errors import InternalError
from medqa_sweeps.pool.children import Children, ForkedChildren, SparedChildren
from medqa_sweeps.pool.contract import Pool, ProcessExit, ProcessHandle
from medqa_sweeps.pool.devices import Device
from medqa_sweeps.pool.in_process import InProcessPool
from medqa_sweeps.pool.leases import Lease
from medqa_sweeps.pool.local import LocalPool
from medqa_sweeps.pool.pilots import PilotPool
from medqa_sweeps.pool.ray_cluster import ray_pool
from medqa_sweeps.pool.ray_request import RayRequest
from medqa_sweeps.pool.slots import FreeResources, plan_slots
from medqa_sweeps.pool.slurm import slurm_pool
from medqa_sweeps.pool.slurm_request import SlurmRequest
from tests.contracts.queueing_pool import QueueingPool
from tests.contracts.test_children import gone

TASKS = "tests.contracts.child_tasks"
DEVICES = tuple(Device(f"GPU-{label}", "a GPU that is not there", 0, label) for label in "ab")


def local(children: Children, at_most: int = 3, stagger_seconds: float = 0.0) -> LocalPool:
    """Slots a.0, b.0 and a.1, unless fewer are wanted."""
    plan = plan_slots(DEVICES, 2, at_most, free=FreeResources(2, 0, {}))
    return LocalPool(children, Lease(DEVICES), plan, stagger_seconds)


MAKERS: dict[str, Callable[[Path], Pool]] = {  # given a folder that all processes see
    "forked": lambda folder: local(ForkedChildren(preload=["json"])),
    "spared": lambda folder: local(SparedChildren(preload=["json"])),
    "queueing": lambda folder: QueueingPool(local(ForkedChildren(preload=["json"])), folder, queue_seconds=0.2),
    "in_process": lambda folder: InProcessPool(),
    "slurm": lambda folder: slurm_pool(SlurmRequest(slots=3), folder, preload=["json"]),
    "ray": lambda folder: ray_pool(RayRequest(slots=3), folder, preload=["json"]),
}
BLOCKING = {"in_process"}  # `start` returns when the process is over, so nothing runs meanwhile
ON_CLUSTERS = {
    "slurm": "slurm_cluster",
    "ray": "ray_cluster",
}  # the fixture of each pool that needs more than this machine
NAMES = {name: pytest.param(name, marks=getattr(pytest.mark, name)) if name in ON_CLUSTERS else name for name in MAKERS}


@pytest.fixture(params=NAMES.values())
def pool(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pool]:
    with made(request, tmp_path) as pool:
        yield pool


@pytest.fixture(params=[value for name, value in NAMES.items() if name not in BLOCKING])
def parallel_pool(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pool]:
    """Pools whose processes run beside this one."""
    with made(request, tmp_path) as pool:
        yield pool


@contextlib.contextmanager
def made(request: pytest.FixtureRequest, folder: Path) -> Iterator[Pool]:
    """The pool of a test's parameter, with all its slots."""
    if request.param in ON_CLUSTERS:
        request.getfixturevalue(ON_CLUSTERS[request.param])
    with MAKERS[request.param](folder) as pool:
        ready(pool)
        yield pool


def ready(pool: Pool) -> None:
    """Return when all slots are there: those of a cluster come one by one."""
    while not pool.free or (isinstance(pool, PilotPool) and pool.free < 3):
        pool.wait(1)


def start(pool: Pool, folder: Path, *arguments: str, avoid: tuple[str, ...] = ()) -> ProcessHandle:
    given = {"PATH": os.environ["PATH"], "MARK": "given", "OMP_NUM_THREADS": "as given"}
    return pool.start(TASKS, list(arguments), given, folder / "log", avoid)


def asleep(pool: Pool, folder: Path, name: str) -> ProcessHandle:
    """A process that is seen to sleep, for longer than any test."""
    process = start(pool, folder, "sleep", str(folder / name))
    end = time.monotonic() + 30
    while not ((folder / name).exists() and (folder / name).read_text()):
        assert time.monotonic() < end and not pool.wait(0.05)
    return process


def exits_of(pool: Pool, count: int) -> list[ProcessExit]:
    exits: list[ProcessExit] = []
    end = time.monotonic() + 30
    while len(exits) < count and time.monotonic() < end:
        exits += pool.wait(1)
    return exits


def test_slots_have_names_of_their_own_and_are_free_at_first(pool: Pool) -> None:
    assert len({slot.name for slot in pool.slots}) == len(pool.slots) == pool.free
    assert all(line and "\n" not in line for line in pool.describe())


def test_each_process_has_a_slot_of_its_own_and_gives_it_back(parallel_pool: Pool, tmp_path: Path) -> None:
    pool, count = parallel_pool, len(parallel_pool.slots)
    processes = [asleep(pool, tmp_path, f"pid{index}") for index in range(count)]
    assert {process.slot for process in processes} == set(pool.slots) and pool.free == 0
    assert len({process.id for process in processes}) == count
    pool.kill(processes[-1])
    (killed,) = exits_of(pool, 1)
    assert (killed.process, killed.code, killed.slot) == (processes[-1], -signal.SIGKILL, processes[-1].slot)
    assert pool.free == 1
    again = start(pool, tmp_path, "exit", "3")
    assert again.slot == killed.slot and again != killed.process
    assert [(one.process, one.code) for one in exits_of(pool, 1)] == [(again, 3)]


def test_every_process_exits_exactly_once(pool: Pool, tmp_path: Path) -> None:
    codes = {}
    for code in range(len(pool.slots)):
        codes[start(pool, tmp_path, "exit", str(code))] = code
    assert {one.process: one.code for one in exits_of(pool, len(codes))} == codes
    assert pool.wait(0.05) == [] and pool.free == len(pool.slots)


def test_an_exception_is_exit_code_1(pool: Pool, tmp_path: Path) -> None:
    process = start(pool, tmp_path, "raise")
    assert [(one.process, one.code) for one in exits_of(pool, 1)] == [(process, 1)]


def test_the_slots_environment_goes_over_the_given_one(pool: Pool, tmp_path: Path) -> None:
    process = start(pool, tmp_path, "environment", str(tmp_path / "told"))
    exits_of(pool, 1)
    told = json.loads((tmp_path / "told").read_text())
    expected = {"MARK": "given", "OMP_NUM_THREADS": "as given", **process.slot.environment}
    assert {name: told[name] for name in expected} == expected


def test_a_process_has_begun_before_it_does_anything_and_when_it_exits(pool: Pool, tmp_path: Path) -> None:
    before = time.monotonic()
    process = start(pool, tmp_path, "exit", "0")
    (end,) = exits_of(pool, 1)
    assert end.process is process and process.began_at is not None
    assert before <= process.began_at <= time.monotonic()


def test_idle_devices_come_first_and_avoided_ones_last(parallel_pool: Pool, tmp_path: Path) -> None:
    pool = parallel_pool
    devices = sorted({slot.device_id for slot in pool.slots})
    if len(devices) < 2:
        pytest.skip("there is nothing to choose from")
    first = [asleep(pool, tmp_path, f"pid{index}") for index in range(len(devices))]
    assert sorted(process.slot.device_id for process in first) == devices
    for process in first:
        pool.kill(process)
    exits_of(pool, len(first))
    *avoided, kept = devices
    assert start(pool, tmp_path, "exit", "0", avoid=tuple(avoided)).slot.device_id == kept
    assert start(pool, tmp_path, "exit", "0", avoid=tuple(devices)), "rather an avoided device than none"


def test_to_kill_what_is_over_is_nothing(pool: Pool, tmp_path: Path) -> None:
    process = start(pool, tmp_path, "exit", "0")
    exits_of(pool, 1)
    pool.kill(process)
    assert pool.wait(0.05) == [] and pool.free == len(pool.slots)


def test_close_kills_what_runs_and_nothing_can_be_started_after(parallel_pool: Pool, tmp_path: Path) -> None:
    asleep(parallel_pool, tmp_path, "pid")
    parallel_pool.close()
    assert gone(int((tmp_path / "pid").read_text()))
    with pytest.raises(InternalError):
        start(parallel_pool, tmp_path, "exit", "0")


# What a queue promises


def test_a_queued_process_has_not_begun_and_can_be_killed(tmp_path: Path) -> None:
    with QueueingPool(local(ForkedChildren(preload=["json"])), tmp_path, queue_seconds=600) as pool:
        ready(pool)
        process = start(pool, tmp_path, "tell", str(tmp_path / "told"))
        assert pool.wait(0.1) == [] and process.began_at is None and pool.free == len(pool.slots) - 1
        pool.kill(process)
        assert exits_of(pool, 1) == [ProcessExit(process, -signal.SIGKILL)]
        assert process.began_at is None and not (tmp_path / "told").exists()


# What this machine's pool promises beyond


def test_a_device_that_fails_again_and_again_gets_nothing_more_unless_it_is_the_last(tmp_path: Path) -> None:
    said: list[str] = []
    plan = plan_slots(DEVICES, 2, free=FreeResources(2, 0, {}))
    with LocalPool(ForkedChildren(preload=["json"]), Lease(DEVICES), plan, say=said.append) as pool:
        ready(pool)
        of_a, of_b, *_ = pool.slots
        for log in "01":
            pool.note_outcome(of_a, tmp_path / log, device_failed=True)
        assert pool.free == 2 and {slot.device_id for slot in pool.slots} == {of_b.device_id}
        assert start(pool, tmp_path, "exit", "0", avoid=(of_b.device_id,)).slot.device_id == of_b.device_id
        for log in "23":
            pool.note_outcome(of_b, tmp_path / log, device_failed=True)
        assert {slot.device_id for slot in pool.slots} == {of_b.device_id}
    assert said == [
        "a (a GPU that is not there) failed 2 times, so it gets nothing more to run in this sweep. To look at it: "
        "nvidia-smi -q -i GPU-a",
        "b (a GPU that is not there) failed 2 times, and is still used: nothing else is left. To look at it: "
        "nvidia-smi -q -i GPU-b",
    ]


def test_starts_on_one_device_are_staggered(tmp_path: Path) -> None:
    with local(ForkedChildren(preload=["json"]), stagger_seconds=600) as pool:
        ready(pool)
        start(pool, tmp_path, "exit", "0")
        start(pool, tmp_path, "exit", "0")
        assert pool.free == 0, "each device has just had a start"
        exits_of(pool, 2)
        assert pool.free == 0


def test_nothing_is_free_before_the_first_imports_are_done() -> None:
    with local(ForkedChildren(preload=["json"])) as pool:
        assert pool.free == 0
        ready(pool)
        assert pool.free == 3


def test_an_exit_says_what_is_known_of_its_cause(tmp_path: Path) -> None:
    children = ForkedChildren(preload=["json"])
    with local(children) as pool:
        ready(pool)
        process = asleep(pool, tmp_path, "pid")
        children._server.kill()
        assert exits_of(pool, 1) == [ProcessExit(process, -signal.SIGKILL, "its parent process ended")]
