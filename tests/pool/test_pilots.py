"""Slots that come and go, as a test says: `Granted` stands for a cluster, whose real kind `tests/clusters` has."""

import signal
from pathlib import Path

import pytest

from medqa_sweeps.errors import InternalError
from medqa_sweeps.pool import pilots
from medqa_sweeps.pool.contract import ProcessExit, Slot
from medqa_sweeps.pool.pilots import Ended, News, Pilot, PilotPool, Start


class Granted(Pilot):
    """A pilot to which the test does what a cluster does."""

    def __init__(self, number: int) -> None:
        self.number, self.news = number, News()
        self.granted: Slot | None = None
        self.started: list[Start] = []
        self.given_back = False

    def grant(self, node: str) -> None:
        self.granted = Slot(f"{node} GPU 0, job {self.number}", node, {"CARD": "0"})

    def look(self) -> News:
        self.slot = self.granted
        news, self.news = self.news, News()
        return news

    @property
    def id(self) -> str:
        return f"job {self.number}"

    def start(self, what: Start) -> None:
        self.started.append(what)
        self.news.started = True

    def kill(self) -> None:
        self.news.ended = Ended(-signal.SIGKILL)

    def end(self) -> None:
        self.given_back, self.over = True, "given back"

    def wait_for_end(self) -> None:
        assert self.given_back


class Cluster:
    def __init__(self, at_most: int, at_least: int = 1) -> None:
        self.asked: list[Granted] = []
        self.said: list[str] = []
        self.pool = PilotPool(self._ask, lambda seconds: None, at_most, at_least, (), self.said.append)

    def _ask(self) -> Pilot:
        self.asked.append(Granted(len(self.asked)))
        return self.asked[-1]

    def held(self) -> list[int]:
        return [pilot.number for pilot in self.asked if not pilot.over]

    def start(self, avoid: tuple[str, ...] = ()) -> pilots.ProcessHandle:
        return self.pool.start("module", [], {"CARD": "given", "MARK": "given"}, Path("log"), avoid)


def test_the_first_slot_is_used_when_it_comes() -> None:
    cluster = Cluster(at_most=3)
    assert len(cluster.asked) == 3 and cluster.pool.free == 0 and not cluster.pool.slots
    cluster.asked[1].grant("n1")
    cluster.pool.wait(0)
    assert cluster.pool.free == 1
    process = cluster.start()
    assert process.id == "job 1" and cluster.asked[1].started[0].environment == {"CARD": "0", "MARK": "given"}


def test_at_least_so_many_slots_come_before_anything_starts() -> None:
    cluster = Cluster(at_most=3, at_least=2)
    cluster.asked[0].grant("n1")
    cluster.pool.wait(0)
    assert cluster.pool.free == 0
    cluster.asked[2].grant("n1")
    cluster.pool.wait(0)
    assert cluster.pool.free == 2
    cluster.asked[0].over = "the node failed"
    cluster.pool.wait(0)
    assert cluster.pool.free == 1, "once it has begun it goes on with what there is"


def test_as_many_slots_are_held_as_there_is_work_and_those_that_wait_go_first() -> None:
    cluster = Cluster(at_most=4)
    for index in (0, 1):
        cluster.asked[index].grant(f"n{index}")
    cluster.pool.wait(0)
    cluster.start()
    cluster.pool.note_waiting(2)
    assert cluster.held() == [0, 1, 2], "one that was granted to nobody yet is withdrawn"
    cluster.pool.note_waiting(0)
    assert cluster.held() == [0], "and the busy one stays"
    cluster.pool.note_waiting(9)
    assert len(cluster.held()) == 4


def test_a_process_whose_slot_is_lost_ends_and_one_that_had_not_started_waits_for_another() -> None:
    cluster = Cluster(at_most=2)
    for pilot in cluster.asked:
        pilot.grant("n1")
    cluster.pool.wait(0)
    lost = cluster.start()
    cluster.pool.wait(0)
    assert lost.began_at is not None
    not_begun = cluster.start()
    cluster.asked[1].news = News()  # it was sent there, and nothing was heard of it
    for pilot in cluster.asked[:2]:
        pilot.over = "the node failed"
    assert cluster.pool.wait(0) == [ProcessExit(lost, -signal.SIGKILL, "the node failed")]
    assert not_begun.began_at is None and len(cluster.asked) == 4
    cluster.asked[3].grant("n2")
    cluster.pool.wait(0)
    cluster.pool.wait(0)
    assert not_begun.slot.device_id == "n2" and not_begun.began_at is not None


def test_a_slot_that_will_end_gets_no_process_and_is_replaced_at_once() -> None:
    cluster = Cluster(at_most=1)
    cluster.asked[0].grant("n1")
    cluster.pool.wait(0)
    process = cluster.start()
    cluster.asked[0].notice = "its time limit is near"
    cluster.pool.wait(0)
    assert process.notice == "its time limit is near" and len(cluster.asked) == 2
    cluster.asked[1].grant("n2")
    cluster.asked[0].news.ended = Ended(75)
    assert [one.code for one in cluster.pool.wait(0)] == [75]
    assert cluster.pool.free == 1 and cluster.start().slot.device_id == "n2"


def test_a_request_that_fails_is_made_again_later_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pilots, "_FIRST_DELAY_SECONDS", 0.0)
    cluster = Cluster(at_most=1)
    for _ in range(3):
        cluster.asked[-1].over = "Invalid account"
        cluster.pool.wait(0)
    assert len(cluster.asked) == 4
    assert cluster.said == ["A request for a slot failed and is made again: Invalid account"]
    cluster.asked[-1].over = "Invalid account"
    with pytest.raises(InternalError, match=r"No slot is granted, 4 requests failed\. The last: Invalid account"):
        cluster.pool.wait(0)


def test_a_request_that_fails_is_not_made_again_at_once() -> None:
    cluster = Cluster(at_most=1)
    cluster.asked[0].over = "Job violates accounting/QOS policy"
    cluster.pool.wait(0)
    assert len(cluster.asked) == 1


def test_close_gives_everything_back() -> None:
    cluster = Cluster(at_most=3)
    cluster.asked[0].grant("n1")
    cluster.pool.wait(0)
    cluster.start()
    cluster.pool.close()
    assert cluster.held() == []
    with pytest.raises(InternalError, match="closed"):
        cluster.start()
