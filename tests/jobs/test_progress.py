"""What a single run shows while it runs, in a terminal and without one."""

import io
import re

import pytest
from rich.console import Console

from medqa_sweeps.jobs import progress as progress_module
from medqa_sweeps.jobs.progress import TrialProgress
from medqa_sweeps.trial.phase import Phase, PhaseName
from medqa_sweeps.trial.records import AttemptLine, Score, TrainLine, ValidationLine

TRAINED = TrainLine(80, 10, 0.5, 0.0, 0.67, 2.9e-3, 1.0, 263.0, 3 << 28)
EVALUATED = ValidationLine(80, 10, 0.5, 0.0, 1.0, Score(400, 0.623, 0.1, 0.574, 0.669))


class Clock:
    """Stands in for `time`: seconds pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress_module, "time", made)
    return made


class Screen:
    def __init__(self, width: int = 80, terminal: bool = True) -> None:
        self.file = io.StringIO()
        self.console = Console(file=self.file, width=width, force_terminal=terminal, highlight=False, _environ={})
        self.progress = TrialProgress(self.console)

    def picture(self) -> list[str]:
        with self.console.capture() as captured:
            self.console.print(self.progress.picture())
        return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", captured.get()).splitlines()]

    def said(self) -> list[str]:
        text = self.file.getvalue()
        self.file.seek(0)
        self.file.truncate()
        return text.splitlines()


def training(step: int, left: float | None = None) -> Phase:
    return Phase(PhaseName.TRAINING, step, 250, seconds_left=left)


def test_from_the_first_second_the_phase_and_how_long_it_takes(clock: Clock) -> None:
    screen = Screen()
    assert screen.picture() == ["importing PyTorch and Unsloth"]
    clock.now += 12
    assert screen.picture() == ["importing PyTorch and Unsloth, 12 s"]
    screen.progress.show(Phase(PhaseName.LOADING))
    assert screen.picture() == ["loading the base model"]


def test_questions_and_steps_are_counted_and_have_a_bar(clock: Clock) -> None:
    screen = Screen()
    screen.progress.show(Phase(PhaseName.SCORING_BASE, 0, 400))
    clock.now += 20
    assert screen.picture()[0].startswith("scoring the untuned base: 0 of 400 questions, 20 s ━━"), "one slow batch"
    screen.progress.show(Phase(PhaseName.SCORING_BASE, 60, 400))
    assert screen.picture()[0].startswith("scoring the untuned base: 60 of 400 questions ━━")
    screen.progress.show(training(40, left=130.0))
    screen.progress.show(TRAINED)
    line, figures = screen.picture()
    assert re.fullmatch("training step 40 of 250 ━.*━ about 2 min left", line) and len(line) == 80
    assert figures == "loss 0.670, learning rate 2.9e-03, 263 tokens/s, 0.8 GiB"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_picture_fits_its_terminal(width: int, clock: Clock) -> None:
    screen = Screen(width)
    screen.progress.show(Phase(PhaseName.SCORING, 120, 400, evaluation=1, evaluations=2, seconds_left=130.0))
    assert len(screen.picture()) == 1 and len(screen.picture()[0]) <= width


def test_no_time_is_named_before_it_can_be_told(clock: Clock) -> None:
    screen = Screen()
    screen.progress.show(training(2))
    assert "left" not in screen.picture()[0] and "--:--" not in screen.picture()[0]


def test_the_time_left_counts_down_and_outlasts_a_phase_that_has_none(clock: Clock) -> None:
    screen = Screen()
    screen.progress.show(training(40, left=600.0))
    clock.now += 120
    assert screen.picture()[0].endswith("about 8 min left")
    screen.progress.show(Phase(PhaseName.SAVING))
    assert screen.picture()[0].endswith("about 8 min left")
    screen.progress.show(Phase(PhaseName.IMPORTING))  # of another attempt
    assert "left" not in screen.picture()[0]


def test_what_follows_the_trial_is_named_too(clock: Clock) -> None:
    screen = Screen()
    screen.progress.show(training(250, left=1.0))
    screen.progress.follow("finishing the W&B run")
    clock.now += 7
    assert screen.picture() == ["finishing the W&B run, 7 s"]


def test_without_a_terminal_each_phase_has_a_line_and_progress_one_a_half_minute(clock: Clock) -> None:
    screen = Screen(terminal=False)
    with screen.progress as progress:
        for phase in (
            Phase(PhaseName.LOADING),
            Phase(PhaseName.SCORING_BASE, 0, 400),
            Phase(PhaseName.SCORING_BASE, 60, 400),
            training(0),
            Phase(PhaseName.SCORING, 0, 400, evaluation=1, evaluations=2),
            Phase(PhaseName.SAVING),
            training(125),
            Phase(PhaseName.SCORING, 0, 400, evaluation=2, evaluations=2),
            training(126, left=130.0),
        ):
            progress.show(phase)
            progress.update()
        assert screen.said() == [
            "  importing PyTorch and Unsloth",
            "  loading the base model",
            "  scoring the untuned base: 0 of 400 questions",
            "  training step 0 of 250",
            "  scoring: 0 of 400 questions (evaluation 1 of 2)",
            "  saving",
        ]
        progress.show(TRAINED)
        clock.now += 29
        progress.update()
        assert screen.said() == []
        clock.now += 2
        progress.update()
        progress.update()
        (line,) = screen.said()
        assert line.startswith("  training step 126 of 250, about 2 min left, loss 0.670, ")


def test_evaluations_and_resumed_attempts_are_said_once(clock: Clock) -> None:
    screen = Screen(terminal=False)
    screen.progress.show(AttemptLine(1, 0, 0.0, 1, "host", "cpu", 8))
    screen.progress.show(AttemptLine(2, 1200, 0.0, 1, "host", "cpu", 8))
    screen.progress.show(EVALUATED)
    assert screen.said() == [
        "  attempt 2 resumes after 1,200 samples",
        "  epoch 0.50: accuracy 62.3% of 400 questions (95% CI 57.4 to 66.9)",
    ]
