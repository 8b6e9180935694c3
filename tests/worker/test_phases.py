"""How long a trial still takes, from what was timed of it."""

import pytest

from medqa_sweeps.worker.phases import Pace


def pace(**more: float) -> Pace:
    return Pace(steps=100, evaluations=2, questions=400, samples_per_step=8, **more)  # type: ignore[arg-type]


def timed(seconds: float, steps: int, made: Pace) -> Pace:
    for _ in range(steps):
        made.stepped(seconds)
    return made


def test_nothing_is_estimated_of_a_few_quick_steps() -> None:
    assert timed(0.1, 12, pace()).seconds_for(100, 800) is None
    assert timed(0.1, 13, pace()).seconds_for(100, 0) == pytest.approx(10)


def test_of_long_steps_a_few_are_enough() -> None:
    assert timed(8.0, 4, pace()).seconds_for(10, 0) is None
    assert timed(8.0, 5, pace()).seconds_for(10, 0) == pytest.approx(80)


def test_the_first_steps_warm_up_and_do_not_count() -> None:
    made = timed(60.0, 3, pace())
    assert timed(0.5, 10, made).seconds_for(10, 0) == pytest.approx(5)


def test_a_question_takes_a_third_of_a_sample_until_one_was_timed() -> None:
    made = timed(0.6, 20, pace())
    assert made.seconds_for(0, 400) == pytest.approx(400 * 0.6 / 8 / 3)
    made.answered(400, 40.0)
    assert made.seconds_for(0, 400) == pytest.approx(40)


def test_the_pace_follows_a_machine_that_becomes_slower() -> None:
    made = timed(2.0, 100, timed(1.0, 200, pace()))
    assert made.seconds_for(1, 0) == pytest.approx(2 - 0.98**100, rel=0.01)


def test_a_whole_trial_has_its_setup_too() -> None:
    made = timed(1.0, 20, pace(setup_seconds=30.0))
    made.answered(400, 20.0)
    assert made.seconds_in_all == pytest.approx(30 + 100 + 2 * 20)
    assert pace(setup_seconds=30.0).seconds_in_all is None
