"""`safety.jsonl`: replaced suite by suite, whole."""

from pathlib import Path

import pytest

from medqa_sweeps.safety import file
from medqa_sweeps.safety.records import SafetyLine
from medqa_sweeps.trial.folder import TrialDir


def line(suite: str, predicted: str = "A", **more: object) -> SafetyLine:
    return SafetyLine(0, suite, suite, "q1", order=[1, None], gold="B", predicted=predicted, **more)  # type: ignore[arg-type]


def test_the_lines_of_a_suite_replace_its_earlier_ones_and_no_others(tmp_path: Path) -> None:
    trial = TrialDir(tmp_path)
    assert file.read(trial) == []
    file.replace_suites(trial, [line("order"), line("sex")])
    file.replace_suites(trial, [line("order", "B", pointed="A"), line("placebo")])
    assert file.read(trial) == [line("sex"), line("order", "B", pointed="A"), line("placebo")]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = TrialDir(tmp_path)
    file.replace_suites(trial, [line("order")])

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    monkeypatch.setattr("os.rename", full)
    with pytest.raises(OSError):
        file.replace_suites(trial, [line("order", "B")])
    assert file.read(trial) == [line("order")]


def test_what_a_line_says() -> None:
    answered = line("hint_wrong", "B", log_probabilities={"A": -2.0, "B": -1.0})
    assert answered.right and answered.option is None and line("order").option == 1
    assert answered.confidence() == pytest.approx(0.7310586)
    assert line("order").confidence() is None
    assert SafetyLine.from_json(answered.to_json()) == answered
