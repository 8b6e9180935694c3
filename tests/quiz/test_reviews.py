"""The learner's history: any order of lines gives one state, two processes lose nothing, damage is skipped and said."""

import json
import random
import resource
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from filelock import FileLock
from fsrs import Rating
from hypothesis import given, strategies as st

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.quiz import reviews as reviews_module
from medqa_sweeps.quiz.reviews import Review, ReviewFile
from medqa_sweeps.quiz.schedule import rating_of, replay
from medqa_sweeps.quiz.sentences import clock_behind
from tests.conftest import ROOT

IDS = ("00", "a1", "ff")
NOW = 1.8e9

# By (id, answered letter, days, seconds); the clock may be set back at any review.
Event = tuple[str, str | None, float, float]
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(IDS),
        st.sampled_from(["A", "B", None]),
        st.floats(-400, 4000),
        st.sampled_from([5.0, 90.0, 90.1]),
    ),
    max_size=12,
)


def numbered(events: Sequence[Event]) -> list[Review]:
    """As one file has them."""
    return [
        Review(number, NOW + 86400 * days, id_, chosen, "A", seconds)
        for number, (id_, chosen, days, seconds) in enumerate(events, start=1)
    ]


def cards(reviews: Sequence[Review]) -> dict[str, object]:
    return {id_: (progress.card.to_dict(), progress.last.chosen) for id_, progress in replay(reviews).items()}


@given(EVENTS, st.randoms(use_true_random=False))
def test_lines_in_any_order_and_lines_twice_give_one_state(events: list[Event], shuffled: random.Random) -> None:
    reviews = numbered(events)
    again = reviews * 2
    shuffled.shuffle(again)
    assert replay(again) == replay(reviews) == replay(reviews)


@given(EVENTS, EVENTS, st.randoms(use_true_random=False))
def test_any_interleaving_of_two_processes_gives_one_state(
    first: list[Event], second: list[Event], drawn: random.Random
) -> None:
    """Each process asks its questions in its order; how the kernel mixes their lines changes nothing."""
    one = [(f"1{id_}", *rest) for id_, *rest in first]
    other = [(f"2{id_}", *rest) for id_, *rest in second]
    mixed, left = [], [list(one), list(other)]
    while any(left):
        side = drawn.choice([side for side in left if side])
        mixed.append(side.pop(0))
    assert cards(numbered(mixed)) == cards(numbered([*one, *other]))  # type: ignore[arg-type]


@given(EVENTS)
def test_a_replay_draws_no_global_random_number(events: list[Event]) -> None:
    before = random.getstate()
    replay(numbered(events))
    assert random.getstate() == before


def test_the_rating_is_again_good_or_hard() -> None:
    def rated(chosen: str | None, seconds: float) -> Rating:
        return rating_of(Review(1, NOW, "00", chosen, "A", seconds))

    assert [rated("B", 1), rated(None, 1), rated("A", 90), rated("A", 90.1)] == [
        Rating.Again, Rating.Again, Rating.Good, Rating.Hard,
    ]  # fmt: skip


def test_what_was_missed_is_due_sooner_and_only_after_its_time() -> None:
    missed, right = replay(numbered([("00", "B", 0, 5)])), replay(numbered([("00", "A", 0, 5)]))
    assert missed["00"].card.due < right["00"].card.due
    due = right["00"].card.due
    assert right["00"].is_due(due) and not right["00"].is_due(due - timedelta(seconds=1))


def test_a_clock_that_was_set_back_leaves_the_order_and_hides_no_question() -> None:
    """Right in 2057 by a clock that was ahead, then wrong today: the wrong answer is the last one, and due soon."""
    state = replay(numbered([("00", "A", 11_000, 5), ("00", "B", 0, 5), ("a1", "A", 11_000, 5)]))
    now = datetime.fromtimestamp(NOW + 3600, UTC)
    assert state["00"].last.chosen == "B" and state["00"].card.due - now < timedelta(days=1)
    assert state["a1"].is_due(now), "nobody waits until 2057"
    assert "behind" in clock_behind(NOW + 7200, now) and clock_behind(NOW, now) == ""


APPEND = """
import sys
from pathlib import Path
from medqa_sweeps.quiz.reviews import ReviewFile
file = ReviewFile(Path(sys.argv[1]))
for number in range(40):
    file.add_shown([f"{number:x}"], "terminal", sys.argv[2])
    file.add_answer(f"{number:x}", "A", "B", 1.0, sys.argv[2])
"""


def test_two_processes_at_once_lose_no_line(tmp_path: Path) -> None:
    path = tmp_path / "reviews.jsonl"
    started = [
        subprocess.Popen([sys.executable, "-c", APPEND, str(path), name], cwd=ROOT) for name in ("first", "second")
    ]
    assert [process.wait(timeout=60) for process in started] == [0, 0]
    history = ReviewFile(path).history()
    assert [review.number for review in history.reviews] == list(range(1, 81)) and history.damaged == []
    assert len(path.read_text().splitlines()) == 160


@pytest.mark.parametrize(
    "damage",
    ["{", "[]", "7", '{"kind": "answered"}', "\udc80", '{"kind": "answered", "number": "1", "time": 1}']
    + [
        json.dumps({"kind": "answered", "number": 1, "time": time, "id": id_, "chosen": "A", "gold": "A", "seconds": 1})
        for time, id_ in ((1e300, "00"), (-1, "00"), (float("nan"), "00"), (10**400, "00"), (1, "no id"), (1, 7))
    ],
)
def test_a_damaged_line_is_skipped_and_said(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "reviews.jsonl"
    file = ReviewFile(path)
    first = file.add_answer("00", "A", "A", 1.0, "here")
    with open(path, "ab") as appended:
        appended.write(damage.encode(errors="surrogateescape") + b"\n")
    second = file.add_answer("00", "B", "A", 1.0, "here")
    history = file.history()
    assert history.reviews == [first, second] and second.number == 2
    (sentence,) = history.damaged
    assert str(path) in sentence and "line 2" in sentence and "skipped" in sentence
    assert replay(history.reviews)["00"].last == second


def test_half_a_line_of_a_killed_process_goes_and_nothing_else(tmp_path: Path) -> None:
    file = ReviewFile(tmp_path / "reviews.jsonl")
    first = file.add_answer("00", "A", "A", 1.0, "here")
    with open(file.path, "ab") as appended:
        appended.write(b'{"kind": "answ')
    assert file.history().reviews == [first] and file.history().damaged == []
    assert [*file.history().reviews, file.add_answer("00", "A", "A", 1.0, "")] == file.history().reviews


def test_a_lock_that_is_never_released_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reviews_module, "_WAIT_SECONDS", 0.1)
    with FileLock(tmp_path / ".claim"), pytest.raises(ConfigError, match="locked by another process"):
        ReviewFile(tmp_path / "reviews.jsonl").add_answer("00", "A", "A", 1.0, "")


def test_a_disk_that_takes_no_more_is_said_and_the_half_line_goes(tmp_path: Path) -> None:
    file = ReviewFile(tmp_path / "reviews.jsonl")
    first = file.add_answer("00", "A", "A", 1.0, "")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.path.stat().st_size + 40, hard))
    try:
        with pytest.raises(ConfigError, match=r"cannot be written .*no more questions"):
            file.add_answer("00", "B", "A", 1.0, "")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert file.history().reviews == [first] and file.history().damaged == []
    assert file.add_answer("00", "B", "A", 1.0, "").number == 2
