"""The counts and gaps of an agreement, by hand."""

from pathlib import Path

import pytest

from medqa_sweeps.export.comparing import agreement, answers_of_trial, sentence
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import Outcome, Prediction, Result
from tests.analysis.trial_folders import submit


def answer(id: str, gold: str, a: float, b: float, samples: int = 0) -> Prediction:
    return Prediction(samples, id, gold, "A" if a > b else "B", {"A": a, "B": b})


def test_letters_and_gaps_are_counted() -> None:
    trial = {
        one.id: one for one in (answer("q1", "A", -0.1, -2), answer("q2", "B", -1.0, -1.1), answer("q3", "B", -3, -1))
    }
    found = agreement(trial, [answer("q1", "A", -0.2, -2), answer("q2", "B", -1.1, -1.0)], "a program 1.0")
    assert (found.questions, found.differing) == (2, ("q2",))
    assert (found.accuracy, found.trial_accuracy) == (1.0, 0.5)
    assert found.largest_gap == pytest.approx(0.1) and found.mean_gap == pytest.approx(0.3 / 4)
    assert sentence(found) == (
        "a program 1.0 answered 2 validation questions: 1 letter differs from the trial's (question q2), and the "
        "log-probability of a letter by 0.1000 nats at most."
    )


def finished(path: Path, *answers: Prediction) -> TrialDir:
    trial = submit(path)
    trial.append_predictions(answers)
    trial.finish(Result(Outcome.COMPLETED, "abc", samples_seen=8))
    return trial


def test_the_answers_are_those_of_the_exported_adapter(tmp_path: Path) -> None:
    last = answer("q1", "A", -0.1, -2, samples=8)
    trial = finished(tmp_path / "0", answer("q1", "A", -3, -2, samples=4), last, answer("q1", "A", -5, -2, samples=12))
    assert answers_of_trial(trial) == {"q1": last}


def test_generated_answers_have_nothing_to_compare(tmp_path: Path) -> None:
    assert answers_of_trial(finished(tmp_path / "0", Prediction(8, "q1", "A", "A", {}))) == {}
