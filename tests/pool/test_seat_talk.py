"""What is made of a seat's silence. The clock is the test's."""

import json
from types import SimpleNamespace

import pytest

from medqa_sweeps.jobs.folder_wait import TAKE_OVER_SECONDS
from medqa_sweeps.pool import seat_talk
from medqa_sweeps.pool.seat import ALIVE_EVERY_SECONDS, MARK, SILENCE_SECONDS, Said
from medqa_sweeps.pool.seat_talk import ANSWER_SECONDS, SeatTalk
from medqa_sweeps.sweep.patience import PATIENCE_SECONDS

ALIVE = f"{MARK}{json.dumps({Said.ALIVE: True})}\n".encode()


def test_a_seat_that_answers_nothing_is_silent_and_what_comes_late_is_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(seat_talk, "time", SimpleNamespace(monotonic=lambda: clock.now))
    sent: list[bytes] = []
    talk = SeatTalk(sent.append)
    clock.now += 2 * ANSWER_SECONDS
    assert not talk.silence, "nobody has asked"
    asked = int(ANSWER_SECONDS / ALIVE_EVERY_SECONDS)
    for _ in range(asked):
        talk.keep_alive()
        clock.now += ALIVE_EVERY_SECONDS + 1
    assert len(sent) == asked and talk.silence == f"it has not answered for {ANSWER_SECONDS:g} seconds"
    talk.hear(b"what the cluster prints\n")
    assert talk.silence, "that is not the seat's"
    talk.hear(ALIVE)
    assert not talk.silence
    talk.keep_alive()
    clock.now += ANSWER_SECONDS - 1
    assert not talk.silence
    clock.now += 1
    assert talk.silence


def test_a_seat_that_is_given_up_has_ended_where_it_cannot_be_reached() -> None:
    assert ANSWER_SECONDS > SILENCE_SECONDS + ALIVE_EVERY_SECONDS


def test_a_seat_is_patient_for_longer_than_its_sweep_is_with_the_storage() -> None:
    """A sweep that waits for its storage says nothing to its seats meanwhile; the trials go on."""
    assert PATIENCE_SECONDS + ALIVE_EVERY_SECONDS < SILENCE_SECONDS
    assert ANSWER_SECONDS < TAKE_OVER_SECONDS, "a seat that was given up has ended before its folder is taken over"
