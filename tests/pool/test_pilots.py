"""Slots that come and go, as a test says: `Granted` stands for a cluster, whose real kind `tests/clusters` has."""

import signal
from collections.abc import Collection
from pathlib import Path

import pytest

from medqa_sweeps.errors import InternalError
from medqa_sweeps.pool import pilots
from medqa_sweeps.pool.contract import ProcessExit, Slot
from medqa_sweeps.pool.pilots import Ended, News, Pilot, PilotPool, Start


class Granted(Pilot):
    """A pilot to which the test does what a cluster does."""

    def __init__(self, number: int, without: tuple[str, ...] = ()) -> None:
        self.number, self.without, self.news = number, without, News()
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
    def __init__(self, at_most: int, at_least: int = 1, nodes: tuple[str, ...] = ()) -> None:
        self.asked: list[Granted] = []
        self.said: list[str] = []
        self.nodes = set(nodes)  # that can run something; empty: the pool has to find out
        self.pool = PilotPool(
            self._ask,
            lambda seconds: None,
            at_most,
            at_least,
            (),
            self.said.append,
            (lambda without: not self.nodes <= set(without)) if nodes else None,
            "show node {}".format,
        )

    def _ask(self, without: Collection[str]) -> Pilot:
        self.asked.append(Granted(len(self.asked), tuple(without)))
        return self.asked[-1]

    def held(self) -> list[int]:
        return [pilot.number for pilot in self.asked if not pilot.over]

    def start(self, avoid: tuple[str, ...] = (), log: str = "log") -> pilots.ProcessHandle:
        return self.pool.start("module", [], {"CARD": "given", "MARK": "given"}, Path(log), avoid)

    def grant(self, *nodes: str) -> None:
        """Slots for the requests that wait, on these nodes."""
        for pilot, node in zip([one for one in self.asked if not one.over and one.granted is None], nodes, strict=True):
            pilot.grant(node)
        self.pool.wait(0)

    def lose(self, node: str) -> None:
        """The node fails, and all that it granted is lost."""
        for pilot in self.asked:
            if not pilot.over and pilot.granted and pilot.granted.device_id == node:
                pilot.over, pilot.failed_node = "the node failed", node
        self.pool.wait(0)


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


# Nodes that fail


def test_a_node_that_fails_twice_is_not_asked_again_and_what_it_still_holds_is_given_back() -> None:
    cluster = Cluster(at_most=4)
    cluster.grant("n1", "n1", "n2", "n2")
    first, second, third = cluster.start(log="0"), cluster.start(log="1"), cluster.start(log="2")
    cluster.pool.wait(0)
    assert [one.slot.device_id for one in (first, second, third)] == ["n1", "n2", "n1"]
    cluster.pool.note_outcome(first.slot, Path("0"), device_failed=True)
    assert cluster.said == [] and len(cluster.asked) == 4, "once is no reason"
    cluster.pool.note_outcome(third.slot, Path("2"), device_failed=True)
    assert cluster.said == [
        "n1 failed 2 times, so it gets nothing more to run in this sweep. To look at it: show node n1"
    ]
    cluster.asked[0].news.ended = Ended(75)
    cluster.pool.wait(0)
    assert cluster.held() == [1, 2, 3, 4, 5], "the one that is busy stays until it has ended"
    assert [pilot.without for pilot in cluster.asked] == [()] * 4 + [("n1",)] * 2
    assert cluster.start(avoid=("n2",), log="3").slot.device_id == "n2"
    cluster.asked[1].news.ended = Ended(75)
    cluster.pool.wait(0)
    assert cluster.held() == [2, 3, 4, 5]


def test_a_request_of_before_that_is_granted_on_such_a_node_is_given_back() -> None:
    cluster = Cluster(at_most=3)
    cluster.asked[0].grant("n1")
    cluster.asked[1].grant("n2")
    cluster.pool.wait(0)
    for log in "01":
        cluster.pool.note_outcome(cluster.pool.slots[0], Path(log), device_failed=True)
    cluster.pool.wait(0)
    assert cluster.held() == [1, 2, 3]
    cluster.asked[2].grant("n1")
    cluster.pool.wait(0)
    assert cluster.held() == [1, 3, 4] and cluster.asked[4].without == ("n1",)


def test_slots_that_are_lost_count_with_and_without_work() -> None:
    cluster = Cluster(at_most=2)
    cluster.grant("n1", "n2")
    cluster.start()
    cluster.pool.wait(0)
    cluster.lose("n1")
    cluster.grant("n1")
    assert cluster.said == []
    cluster.lose("n1")
    assert cluster.asked[-1].without == ("n1",) and "n1 failed 2 times" in cluster.said[0]


def test_slots_that_are_lost_at_once_count_once() -> None:
    """A node that restarts takes all that ran there, and may be as good as any afterwards."""
    cluster = Cluster(at_most=3)
    cluster.grant("n1", "n1", "n2")
    for log in "01":
        cluster.start(log=log)
    cluster.pool.wait(0)
    cluster.lose("n1")
    assert cluster.asked[-1].without == ()
    cluster.grant("n1", "n1")
    cluster.lose("n1")
    assert any("n1 failed 2 times" in said for said in cluster.said) and cluster.asked[-1].without == ("n1",)


def test_a_node_on_which_slots_cannot_even_begin_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pilots, "_FIRST_DELAY_SECONDS", 0.0)
    cluster = Cluster(at_most=1, nodes=("n1", "n2"))
    for _ in range(2):
        cluster.asked[-1].over, cluster.asked[-1].failed_node = "n1: ModuleNotFoundError: json", "n1"
        cluster.pool.wait(0)
    assert [pilot.without for pilot in cluster.asked] == [(), (), ("n1",)]


def test_work_that_fails_on_every_node_is_not_held_against_them() -> None:
    cluster = Cluster(at_most=3)
    cluster.grant("n1", "n2", "n3")
    n1, n2, n3 = cluster.pool.slots
    for log in ("0", "1", "2"):
        for slot in (n1, n2):
            cluster.pool.note_outcome(slot, Path(log), device_failed=True)
            if slot is n1 and log != "0":
                cluster.pool.note_outcome(n1, Path("good"), device_failed=False)
    assert cluster.said == []
    cluster.pool.note_outcome(n3, Path("2"), device_failed=False)
    cluster.pool.note_outcome(n3, Path("1"), device_failed=False)
    assert [sentence.partition(",")[0] for sentence in cluster.said] == ["n2 failed 2 times"], "n1 has worked since"


def test_failures_between_which_a_card_works_do_not_add_up() -> None:
    cluster = Cluster(at_most=2)
    cluster.grant("n1", "n2")
    n1, _ = cluster.pool.slots
    for log in ("0", "1", "2"):
        cluster.pool.note_outcome(n1, Path(log), device_failed=True)
        cluster.pool.note_outcome(n1, Path(f"good {log}"), device_failed=False)
    assert cluster.said == []


def test_the_last_node_is_still_asked_and_that_is_said_once() -> None:
    cluster = Cluster(at_most=1, nodes=("n1",))
    for _ in range(4):
        cluster.grant("n1")
        cluster.lose("n1")
    assert {pilot.without for pilot in cluster.asked} == {()} and len(cluster.asked) == 5
    about = [sentence for sentence in cluster.said if "is still used" in sentence]
    assert about == ["n1 failed 2 times, and is still used: nothing else is left. To look at it: show node n1"]


def test_a_node_is_asked_again_when_the_others_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pilots, "_RECONSIDER_SECONDS", 0.0)
    cluster = Cluster(at_most=1, nodes=("n1", "n2"))
    for _ in range(2):
        cluster.grant("n1")
        cluster.lose("n1")
    cluster.pool.wait(0)
    assert cluster.asked[-1].without == ("n1",) and len(cluster.asked) == 3
    cluster.nodes = {"n1"}
    cluster.pool.wait(0)
    assert cluster.asked[2].given_back and cluster.asked[-1].without == () and len(cluster.asked) == 4
    assert cluster.said[-1] == "n1 can be used again: nothing else is left"
