"""What a sweep shows: the live table of a terminal 80 wide, and plain lines where there is none."""

import io
import re
from typing import Any

import pytest
from rich.console import Console

from medqa_sweeps.alarms import Alarm
from medqa_sweeps.errors import FailureKind
from medqa_sweeps.jobs import progress
from medqa_sweeps.jobs.contract import JobEnded
from medqa_sweeps.study.objective import Direction, Objective, objective_named
from medqa_sweeps.sweep import table as table_module
from medqa_sweeps.sweep.table import SweepTable
from medqa_sweeps.trial.phase import Phase, PhaseName
from medqa_sweeps.trial.records import AttemptLine, Outcome, Score, TrainLine, ValidationLine

MARKUP = "template=[bold]a[/bold][red]"


class Clock:
    """Stands in for `time` in the table: minutes pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(table_module, "time", made)
    monkeypatch.setattr(progress, "time", made)
    return made


class Screen:
    """A console of 80 columns, and what was written on it."""

    def __init__(self, terminal: bool, total: int = 60, **more: Any) -> None:
        self.file = io.StringIO()
        self.console = Console(file=self.file, width=80, force_terminal=terminal, highlight=False, _environ={})
        self.table = SweepTable(self.console, total, **more)

    def said(self) -> str:
        """Since the last call, without colours and movements."""
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.file.getvalue())
        self.file.seek(0)
        self.file.truncate()
        return text

    def picture(self) -> list[str]:
        with self.console.capture() as captured:
            self.console.print(self.table.picture())
        return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", captured.get()).splitlines()]


def end(number: int, outcome: Outcome = Outcome.COMPLETED, value: Any = None, **more: Any) -> JobEnded:
    return JobEnded(number, outcome, value, **more)


def attempt(device: str) -> AttemptLine:
    return AttemptLine(1, 0, 0.0, 1, "host", device, 8)


def training(loss: float | None, epoch: float = 0.5) -> TrainLine:
    return TrainLine(80, 10, epoch, 0.0, loss, 1e-3, 1.0, 1.0, 3 << 30)


def report(samples: int, accuracy: float) -> ValidationLine:
    return ValidationLine(samples, 10, 0.75, 0.0, 1.0, Score(16, accuracy, 0.1, 0.3, 0.8))


def test_a_row_shows_what_its_trial_wrote_last(clock: Clock) -> None:
    screen = Screen(terminal=True)
    screen.table.started(7, "r=16 lr=0.0004", seconds_ago=60)
    screen.table.look(7, attempt("gpu0"))
    screen.table.look(7, report(0, 0.99))
    (row,) = [line for line in screen.picture() if line.startswith("7")]
    assert row.split() == ["7", "r=16", "lr=0.0004", "gpu0", "1.0"], "the untuned base is nobody's accuracy"
    screen.table.look(7, Phase(PhaseName.SCORING, 120, 400, evaluation=1, evaluations=2))
    screen.table.look(7, training(2.345))
    screen.table.look(7, report(80, 0.612))
    clock.now += 90
    (row,) = [line for line in screen.picture() if line.startswith("7")]
    assert row.split() == ["7", "r=16", "lr=0.0004", "gpu0", "scoring", "120/400", "2.345", "61.2%", "3.0", "2.5"]
    screen.table.look(7, training(None))
    screen.table.look(8, training(1.0))  # of a trial that has ended
    (row,) = [line for line in screen.picture() if line.startswith("7")]
    assert "2.345" not in row and "61.2%" in row


def test_on_a_cluster_a_row_names_node_and_card(clock: Clock) -> None:
    screen = Screen(terminal=True)
    screen.table.started(7, "r=16")
    screen.table.look(7, AttemptLine(1, 0, 0.0, 1, "host", "cuda", 8, node="n3", card="GPU 1"))
    (row,) = [line for line in screen.picture() if line.startswith("7")]
    assert "n3 GPU 1" in row


def test_a_trial_that_is_assessed_says_how_far_it_is(clock: Clock) -> None:
    screen = Screen(terminal=True)
    for number, name in enumerate((PhaseName.ASSESSING_BASE, PhaseName.ASSESSING)):
        screen.table.started(number, f"r={8 + number} lr=0.0004")
        screen.table.look(number, attempt("gpu0"))
        screen.table.look(number, training(2.345))
        screen.table.look(number, report(80, 0.612))
        screen.table.look(number, Phase(name, 1200, 14400))
    _, _, *rows, _ = [" ".join(line.split()) for line in screen.picture()]
    assert rows == [
        "0 r=8 lr=0.0004 gpu0 assessing base 2.345 61.2% 3.0 0.0",
        "1200/14400",
        "1 r=9 lr=0.0004 gpu0 assessing 1200/14400 2.345 61.2% 3.0 0.0",
    ]


def test_an_ended_trial_leaves_the_table_for_a_line_of_its_own() -> None:
    screen = Screen(terminal=True)
    screen.table.started(0, "r=8")
    screen.table.started(1, "r=16")
    screen.table.ended(end(0, value=0.5), "r=8")
    assert screen.said() == "trial 0 r=8: completed, 50.0%\n"
    assert [line.split()[0] for line in screen.picture()[2:-1]] == ["1"]


def test_every_way_to_end_has_its_words() -> None:
    screen = Screen(terminal=False)
    for number in range(5):
        screen.table.started(number, f"r={number}")
    screen.table.ended(end(0, Outcome.PRUNED, message="pruned after 8 of 64 samples: it is last"), "r=0")
    screen.table.ended(end(1, Outcome.FAILED, failure=FailureKind.OUT_OF_MEMORY, message="failed to allocate"), "r=1")
    screen.table.ended(end(2, Outcome.INTERRUPTED, message="interrupted"), "r=2")
    repeat = "the same experiment as trial 9, not run again"
    screen.table.ended(end(3, value=0.25, message=repeat, same_as=9), "r=3")
    screen.table.ended(end(4, value=0.75), "r=4")
    screen.table.ended(end(5, Outcome.FAILED, failure=FailureKind.CONFIG, message="refused before it began"), "")
    assert screen.said().splitlines() == [
        "trial 0 r=0: pruned after 8 of 64 samples: it is last",
        "trial 1 r=1: failed (out_of_memory): failed to allocate",
        "trial 2 r=2: interrupted",
        "trial 3 r=3: repeated: the same experiment as trial 9, not run again",
        "trial 4 r=4: completed, 75.0%",
        "trial 5: failed (config): refused before it began",
    ]
    totals = screen.table.totals()
    assert totals.startswith("5 of 60 done: 1 pruned, 2 failed, 1 interrupted, 1 repeated, 1 completed; ")
    assert "; best so far trial 4 (r=4), 75.0%" in totals


def test_alarms_stand_in_the_line_and_those_of_the_data_are_said_once() -> None:
    screen = Screen(terminal=False)
    letters = Alarm("one_letter", "the model answers D to 325 of 400 questions, though D is the correct answer to 100")
    leaks = Alarm(
        "near_duplicates", "297 of 400 validation questions have a near-duplicate in training", about_data=True
    )
    below = Alarm("worse_than_base", "accuracy 20.0% is below the untuned base's 30.0%")
    screen.table.ended(end(0, value=0.5, alarms=(leaks,)), "r=8")
    screen.table.ended(end(1, value=0.4, alarms=(letters, below, leaks)), "r=64")
    screen.table.ended(end(2, Outcome.PRUNED, message="pruned after 8 of 64 samples", alarms=(below,)), "r=1")
    assert screen.said().splitlines() == [
        "trial 0 r=8: completed, 50.0%",
        f"caution: {leaks.sentence}",
        f"trial 1 r=64: completed, 40.0%; alarm: {letters.sentence}; {below.sentence}",
        f"trial 2 r=1: pruned after 8 of 64 samples; alarm: {below.sentence}",
    ]


def test_a_trial_that_a_person_stopped_is_counted_apart_and_is_not_the_best() -> None:
    screen = Screen(terminal=False)
    screen.table.started(0, "r=8")
    message = "stopped on request after 24 of 480 samples"
    screen.table.ended(end(0, value=0.9, message=message, signature="a", stopped=True), "r=8")
    assert screen.said() == "trial 0 r=8: stopped on request after 24 of 480 samples, 90.0% then\n"
    assert (
        screen.table.totals().startswith("1 of 60 done: 1 stopped on request") and "best" not in screen.table.totals()
    )


def test_what_an_earlier_sweep_has_told_counts_and_is_not_said_again() -> None:
    screen = Screen(terminal=False)
    screen.table.earlier(end(0, value=0.5), "r=8")
    screen.table.earlier(end(1, Outcome.PRUNED), "r=16")
    assert screen.said() == ""
    assert screen.table.totals() == "2 of 60 done: 1 completed, 1 pruned; best so far trial 0 (r=8), 50.0%"


def test_totals_before_anything_has_ended() -> None:
    screen = Screen(terminal=False, total=12_000)
    screen.table.started(0, "")
    assert screen.table.totals() == "0 of 12,000 done"


@pytest.mark.parametrize(
    ("metric", "best"),
    [("accuracy", "trial 1 (b), 80.0%"), ("calibration_error", "trial 0 (a), calibration_error 0.200")],
)
def test_the_best_is_the_direction_s(metric: str, best: str) -> None:
    screen = Screen(terminal=False, objective=objective_named(metric))
    for number, value in enumerate([0.2, 0.8, 0.5]):
        screen.table.started(number, "abc"[number])
        screen.table.ended(end(number, value=value), "abc"[number])
    screen.table.ended(end(3, Outcome.PRUNED, 0.9), "d")
    assert f"best so far {best}" in screen.table.totals()


def test_another_program_s_values_are_shown_as_they_are() -> None:
    screen = Screen(terminal=False, objective=Objective((Direction.MINIMIZE, Direction.MINIMIZE)))
    screen.table.started(0, "x=1")
    screen.table.ended(end(0, value=[1.0, 2.0]), "x=1")
    assert screen.said() == "trial 0 x=1: completed, [1.0, 2.0]\n" and "best" not in screen.table.totals()


def test_several_metrics_have_a_front_and_no_best() -> None:
    screen = Screen(terminal=False, objective=objective_named(["accuracy", "calibration_error"]))
    values = [[0.5, 0.1], [0.7, 0.3], [0.6, 0.4]]
    screen.table.earlier(end(0, value=values[0]), "r=8")
    for number in (1, 2):
        screen.table.started(number, f"r={16 * number}")
        screen.table.ended(end(number, value=values[number]), f"r={16 * number}")
    screen.table.ended(end(3, Outcome.PRUNED), "r=64")
    assert screen.said().splitlines()[1] == "trial 2 r=32: completed, accuracy 60.0%, calibration_error 0.400"
    assert "; Pareto front: trials 0 and 1" in screen.table.totals() and "best" not in screen.table.totals()
    screen.table.ended(end(4, value=[0.9, 0.05]), "r=4")
    assert "; Pareto front: trial 4" in screen.table.totals()
    for number in range(5, 9):
        screen.table.ended(end(number, value=[0.9 + number / 100, number / 10]), "")
    assert "; Pareto front: trials 4, 5, 6, 7 and 1 more" in screen.table.totals()


@pytest.mark.parametrize(
    ("metric", "head", "cells"),
    [
        ("calibration_error", ["ECE"], ["0.042"]),
        (["accuracy", "gold_log_probability"], ["accuracy", "log", "prob"], ["61.2%", "-1.500", "nats"]),
    ],
)
def test_a_row_shows_the_metrics_that_are_optimised(metric: Any, head: list[str], cells: list[str]) -> None:
    screen = Screen(terminal=True, objective=objective_named(metric))
    screen.table.started(7, "r=16")
    screen.table.look(7, ValidationLine(80, 10, 0.75, 0.0, 1.0, Score(16, 0.612, 0.1, 0.3, 0.8, -1.5, 0.042)))
    first, _, row, *_ = screen.picture()
    assert first.split() == ["trial", "config", "device", "phase", "loss", *head, "GiB", "min"]
    assert row.split() == ["7", "r=16", *cells, "0.0"]


def test_how_long_the_rest_will_take(clock: Clock) -> None:
    """Ten trials on two slots, ten minutes each: what runs has used some of its own."""
    screen = Screen(terminal=False, total=10)
    for number in range(2):
        screen.table.started(number, "")
    clock.now += 600
    for number in range(2):
        screen.table.ended(end(number, value=0.5, disk_bytes=50_000_000), "")
        screen.table.started(2 + number, "")
    assert screen.table.totals().endswith("; about 40 min left, 400 MB still to be written")
    clock.now += 300
    assert "about 35 min left" in screen.table.totals()
    clock.now += 3000  # longer than any so far: what they took is spent, not more
    assert "about 30 min left" in screen.table.totals()


def estimate(left: float, in_all: float) -> Phase:
    return Phase(PhaseName.TRAINING, 40, 250, seconds_left=left, seconds_in_all=in_all)


def test_the_time_left_is_known_before_the_first_trial_ends(clock: Clock) -> None:
    """Six trials of ten minutes on two slots, half an hour in all."""
    screen = Screen(terminal=False, total=6)
    for number in range(2):
        screen.table.started(number, "")
        screen.table.look(number, Phase(PhaseName.LOADING))
    assert "left" not in screen.table.totals(), "nothing has been timed"
    clock.now += 120
    screen.table.look(0, estimate(left=480, in_all=600))
    assert screen.table.totals().endswith("; about 28 min left"), "the other trial is like this one"
    screen.table.look(1, estimate(left=480, in_all=600))
    assert screen.table.totals().endswith("; about 28 min left")
    clock.now += 240
    assert screen.table.totals().endswith("; about 24 min left"), "it counts down between two estimates"
    clock.now += 240
    for number in range(2):
        screen.table.ended(end(number, value=0.5), "")
        screen.table.started(2 + number, "")
    assert screen.table.totals().endswith("; about 20 min left"), "no jump where trials take what was expected"


def test_the_rest_takes_at_least_as_long_as_the_longest_running_trial(clock: Clock) -> None:
    screen = Screen(terminal=False, total=2)
    for number in range(2):
        screen.table.started(number, "")
    screen.table.look(0, estimate(left=60, in_all=3600))
    screen.table.look(1, estimate(left=1800, in_all=3600))
    assert screen.table.totals().endswith("; about 30 min left")


def test_a_resumed_trial_does_not_make_those_to_come_look_short(clock: Clock) -> None:
    screen = Screen(terminal=False, total=3)
    screen.table.started(0, "")
    screen.table.look(0, estimate(left=60, in_all=600))
    assert screen.table.totals().endswith("; about 21 min left")


def test_before_the_first_trial_starts_the_screen_says_what_is_waited_for(clock: Clock) -> None:
    screen = Screen(terminal=True, total=4)
    clock.now += 12
    assert screen.picture() == ["importing libraries before the first trial starts, 12 s", "0 of 4 done"]
    screen.table.started(0, "r=8")
    screen.table.look(0, Phase(PhaseName.IMPORTING))
    assert screen.picture()[2].split() == ["0", "r=8", "importing", "0.0"]
    screen.table.ended(end(0, value=0.5), "r=8")
    assert len(screen.picture()) == 1, "between two trials nothing is imported"


@pytest.mark.parametrize(("seconds", "words"), [(60, "9 min"), (5, "45 s"), (3600, "9.0 h")])
def test_time_in_words(seconds: float, words: str, clock: Clock) -> None:
    screen = Screen(terminal=False, total=10)
    screen.table.started(0, "")
    clock.now += seconds
    screen.table.ended(end(0, value=0.5), "")
    assert screen.table.totals().endswith(f"; about {words} left")


def test_failures_tell_nothing_of_how_long_a_trial_takes(clock: Clock) -> None:
    screen = Screen(terminal=False, total=10)
    screen.table.started(0, "")
    clock.now += 1
    screen.table.ended(end(0, Outcome.FAILED, failure=FailureKind.KILLED), "")
    assert "left" not in screen.table.totals()


@pytest.mark.parametrize("terminal", [True, False])
def test_markup_in_settings_and_messages_is_text(terminal: bool) -> None:
    screen = Screen(terminal=terminal)
    screen.table.started(0, MARKUP)
    assert MARKUP in " ".join(screen.picture())
    screen.table.say("a [link=x]sentence[/link]")
    why = "data[0] [/nothing] is not [i]there"
    screen.table.ended(end(0, Outcome.FAILED, failure=FailureKind.CONFIG, message=why), MARKUP)
    said = screen.said()
    assert MARKUP in said and "a [link=x]sentence[/link]" in said and "data[0] [/nothing] is not [i]there" in said


@pytest.mark.parametrize("terminal", [True, False])
def test_a_long_line_is_whole_for_whoever_copies_it(terminal: bool) -> None:
    screen = Screen(terminal=terminal)
    screen.table.say("see " + "x" * 200)
    assert "x" * 200 in screen.said()


def test_a_picture_fits_its_terminal_and_hides_no_setting() -> None:
    screen = Screen(terminal=True)
    settings = " ".join(f"a_long_name_{n}=0.000{n}" for n in range(6))
    screen.table.started(123, settings)
    screen.table.look(123, attempt("gpu10"))
    screen.table.look(123, training(12.345))
    picture = screen.picture()
    assert max(map(len, picture)) <= 80
    assert all(f"a_long_name_{n}=0.000{n}"[:8] in " ".join(picture) for n in range(6))
    assert any("gpu10" in line and "12.345" in line for line in picture)


def test_without_a_terminal_totals_come_now_and_then(clock: Clock) -> None:
    screen = Screen(terminal=False, total=2)
    with screen.table:
        screen.table.update()
        assert screen.said() == "0 of 2 done; importing libraries before the first trial starts\n"
        screen.table.started(0, "r=8")
        screen.table.look(0, Phase(PhaseName.LOADING))
        clock.now += 29
        screen.table.update()
        assert screen.said() == ""
        clock.now += 2
        screen.table.update()
        screen.table.update()
        assert screen.said() == "0 of 2 done; trial 0 loading base\n"


def test_in_a_terminal_the_table_is_drawn_at_each_update_and_gone_at_the_end() -> None:
    screen = Screen(terminal=True)
    with screen.table:
        screen.table.started(3, "r=8")
        screen.table.update()
        assert "r=8" in screen.said() and "r=8" not in screen.said()
        screen.table.update()
        assert "\x1b[2K" in screen.file.getvalue(), "drawn over the last one"
    erased = re.search(r"((\x1b\[1A)?\r?\x1b\[2K)+$", screen.file.getvalue())
    assert erased and erased[0].count("\x1b[2K") >= 4, "head, rule, row and totals"


def test_more_trials_than_the_terminal_has_lines_are_counted_and_the_totals_stay_in_sight() -> None:
    screen = Screen(terminal=True, total=2000)
    for number in range(1000):
        screen.table.started(number, f"seed={number}")
    picture = screen.picture()
    assert len(picture) <= screen.console.height
    assert picture[2].startswith("0 ") and picture[-2:] == ["and 981 more that run", "0 of 2,000 done"]


def test_the_best_of_thousands_is_ranked_now_and_then_and_is_right_at_the_end() -> None:
    screen = Screen(terminal=False, total=2502)
    for number in range(2500):
        screen.table.earlier(end(number, value=0.5), f"seed={number}")
    assert "best so far trial 0 (seed=0)" in screen.table.totals()
    screen.table.earlier(end(2500, value=0.9), "seed=2500")
    assert "best so far trial 0 (seed=0)" in screen.table.totals(), "one of 2,500: ranked after two more"
    screen.table.earlier(end(2501, value=0.8), "seed=2501")
    assert "best so far trial 2500 (seed=2500)" in screen.table.totals()
