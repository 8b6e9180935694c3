"""The contract of `Pool`: the same tests for every kind of children underneath, and for any pool that is added."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from medqa_sweeps.pool.children import ForkedChildren, SparedChildren
from medqa_sweeps.pool.contract import Gone, LocalPool, Pool

TASKS = "tests.contracts.child_tasks"


@dataclass(frozen=True)
class Place:
    """A slot without a machine."""

    name: str
    device_id: str

    def environment(self) -> dict[str, str]:
        return {"MARK": self.name}


PLACES = [Place("a.0", "a"), Place("a.1", "a"), Place("b.0", "b")]
MAKERS: dict[str, Callable[[], Pool]] = {
    "forked": lambda: LocalPool(ForkedChildren(preload=["json"]), PLACES),
    "spared": lambda: LocalPool(SparedChildren(preload=["json"]), PLACES),
}


@pytest.fixture(params=MAKERS)
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    with MAKERS[request.param]() as made:
        ready(made)
        yield made


def ready(pool: Pool) -> None:
    while not pool.free:
        pool.wait(1)


def start(pool: Pool, key: int, folder: Path, *arguments: str, avoid: tuple[str, ...] = ()) -> str:
    environment = {"PATH": os.environ["PATH"], "MARK": "the job's own"}
    return pool.start(key, TASKS, list(arguments), environment, folder / f"log{key}", avoid).name


def wait_for(pool: Pool, count: int) -> list[Gone]:
    gone: list[Gone] = []
    end = time.monotonic() + 30
    while len(gone) < count and time.monotonic() < end:
        gone += pool.wait(1)
    return gone


def test_each_process_has_a_slot_of_its_own_and_gives_it_back(pool: Pool, tmp_path: Path) -> None:
    assert pool.free == len(pool.slots) == 3
    names = {start(pool, key, tmp_path, "sleep", str(tmp_path / f"pid{key}")) for key in range(3)}
    assert names == {"a.0", "a.1", "b.0"} and pool.free == 0
    pool.signal(1, signal.SIGKILL)
    (gone,) = wait_for(pool, 1)
    assert (gone.key, gone.code, pool.free) == (1, -signal.SIGKILL, 1)
    assert start(pool, 7, tmp_path, "exit", "3") == gone.slot.name
    assert [(one.key, one.code) for one in wait_for(pool, 1)] == [(7, 3)]


def test_the_slots_environment_goes_over_the_jobs(pool: Pool, tmp_path: Path) -> None:
    name = start(pool, 0, tmp_path, "tell", str(tmp_path / "told"))
    wait_for(pool, 1)
    assert (tmp_path / "told").read_text().startswith(name + " ")


def test_idle_devices_come_first_and_avoided_ones_last(pool: Pool, tmp_path: Path) -> None:
    first = start(pool, 0, tmp_path, "sleep", str(tmp_path / "pid0"))
    second = start(pool, 1, tmp_path, "sleep", str(tmp_path / "pid1"))
    assert {first[0], second[0]} == {"a", "b"}
    pool.signal(0, signal.SIGKILL)
    pool.signal(1, signal.SIGKILL)
    wait_for(pool, 2)
    assert start(pool, 2, tmp_path, "exit", "0", avoid=("a",)) == "b.0"
    assert start(pool, 3, tmp_path, "exit", "0", avoid=("a", "b"))[0] == "a", "rather an avoided device than none"


def test_every_process_ends_exactly_once(pool: Pool, tmp_path: Path) -> None:
    for key in range(3):
        start(pool, key, tmp_path, "exit", str(key))
    assert sorted((one.key, one.code) for one in wait_for(pool, 3)) == [(0, 0), (1, 1), (2, 2)]
    assert pool.wait(0.05) == [] and pool.free == 3


def test_a_signal_to_nobody_is_nothing(pool: Pool) -> None:
    pool.signal(5, signal.SIGKILL)


def test_starts_on_one_device_are_staggered(tmp_path: Path) -> None:
    with LocalPool(ForkedChildren(preload=["json"]), PLACES, stagger_seconds=600) as pool:
        ready(pool)
        start(pool, 0, tmp_path, "exit", "0")
        start(pool, 1, tmp_path, "exit", "0")
        assert pool.free == 0, "each device has just had a start"
        wait_for(pool, 2)
        assert pool.free == 0


def test_slots_can_be_added(tmp_path: Path) -> None:
    with LocalPool(ForkedChildren(preload=["json"]), PLACES[:1]) as pool:
        assert pool.free == 0, "nothing has been imported yet"
        ready(pool)
        start(pool, 0, tmp_path, "sleep", str(tmp_path / "pid0"))
        assert pool.free == 0
        pool.add(PLACES[1:2])
        assert pool.free == 1 and start(pool, 1, tmp_path, "exit", "0") == "a.1"
