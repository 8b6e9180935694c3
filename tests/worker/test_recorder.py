"""What an attempt leaves in the folder of where it ran, and what it shows of what it does now."""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from medqa_sweeps.data import Question
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.phase import Phase, PhaseName
from medqa_sweeps.trial.records import AttemptLine
from tests.analysis.trial_folders import trial_config
from tests.pool.fake_nvml import Card, FakeNvml


@pytest.mark.parametrize(("on_gpu", "gpu"), [(True, "GPU-bbbb"), (False, None)])
def test_an_attempt_names_the_gpu_that_its_process_sees(
    on_gpu: bool, gpu: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fakes: the cards (NVML), torch's having CUDA, and a plan that is its config alone."""
    from medqa_sweeps.worker import model, recorder  # unsloth takes seconds to import
    from medqa_sweeps.worker.phases import Phases

    FakeNvml(Card("GPU-aaaa"), Card("GPU-bbbb")).install(monkeypatch.setattr)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-bbbb")
    monkeypatch.setattr(model, "ON_GPU", on_gpu)
    trial = TrialDir(tmp_path)
    trial.submit(trial_config(training__micro_batch_size=4), {})
    split = SimpleNamespace(validation=[])
    plan: Any = SimpleNamespace(config=trial.config(), steps=0, evaluation_steps=[], split=split)
    recorder.TrialRecorder(trial, plan, None, 0.0, Phases(trial)).begin()
    (line,) = trial.lines()
    assert isinstance(line, AttemptLine) and line.gpu == gpu


class Clock:
    """Stands in for `time`: each second that passes is one that a test lets pass."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.time = time.time

    def monotonic(self) -> float:
        return self.now


class State:
    """A `TrialState` that answers four questions, two at a time, a minute each time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def answer(self, questions: list[Any], evaluation: Any, answered: Any = None) -> list[Any]:
        for done in (2, 4):
            self._clock.now += 60
            answered(done)
        return [
            SimpleNamespace(question=question, predicted=0, log_probabilities=[0.0, -1.0]) for question in questions
        ]

    def adapter(self) -> dict[str, Any]:
        import torch

        return {"a": torch.zeros(1)}

    def optimizer(self) -> dict[str, Any]:
        return {}


def test_the_folder_says_what_the_trial_does_and_how_long_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """30 steps of ten seconds, scored after 20 and at the end. Fakes: the clock, the state, the plan."""
    from medqa_sweeps.worker import phases, recorder

    clock, seen = Clock(), list[Phase]()
    monkeypatch.setattr(recorder, "time", clock)
    monkeypatch.setattr(phases, "time", clock)
    trial = TrialDir(tmp_path)
    trial.submit(trial_config(training__micro_batch_size=4), {})
    questions = [Question(f"{number:016x}", f"Question {number}?", ("yes", "no"), 0) for number in range(4)]
    plan: Any = SimpleNamespace(
        config=trial.config(),
        steps=30,
        samples=240,
        evaluation_steps=[20, 30],
        split=SimpleNamespace(validation=questions, train=questions),
    )
    show = TrialDir.show_phase
    monkeypatch.setattr(TrialDir, "show_phase", lambda self, phase: (seen.append(phase), show(self, phase))[1])
    made = recorder.TrialRecorder(trial, plan, None, clock.now, phases.Phases(trial))
    clock.now += 40  # loading
    made.show_training()
    state: Any = State(clock)
    for step in range(1, 22):
        clock.now += 10
        assert made.stepped(step, 8 * step, state)
        if step == 2:
            clock.now += 0.5
            shown = len(seen)
            assert made.stepped(2, 16, state) and len(seen) == shown, "at most once a second"
    assert [(phase.name, phase.done, phase.total) for phase in seen[-6:]] == [
        (PhaseName.SCORING, 0, 4),
        (PhaseName.SCORING, 2, 4),
        (PhaseName.SCORING, 4, 4),
        (PhaseName.SAVING, 0, 0),
        (PhaseName.TRAINING, 20, 30),
        (PhaseName.TRAINING, 21, 30),
    ]
    assert {phase.evaluation for phase in seen if phase.name is PhaseName.SCORING} == {1}
    assert seen[0].seconds_left is None and seen[2].seconds_left is None
    last = trial.phase()
    assert last == seen[-1] and last.seconds_left == pytest.approx(9 * 10 + 120, rel=0.1)
    assert last.seconds_in_all == pytest.approx(50 + 30 * 10 + 2 * 120, rel=0.1)
