"""Which trial is tested, and what is refused before any question is read. The test itself is in end_to_end/."""

from pathlib import Path

import pytest
import yaml

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.jobs.final_test import final_test
from medqa_sweeps.study import ledger
from medqa_sweeps.study.confirmation import ChosenConfig, Confirmation, write_confirmation
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.study.selection import selected_trial
from medqa_sweeps.trial.records import Outcome, Result, Score
from tests.analysis.trial_folders import submit
from tests.sweep.test_faults import Program


def finished(path: Path, accuracy: float, outcome: Outcome = Outcome.COMPLETED) -> None:
    submit(path).finish(Result(outcome, "abc", score=Score(100, accuracy, 0.0, 0.0, 1.0)))


def defined(folder: Path, accuracies: list[float]) -> StudyDir:
    for number, accuracy in enumerate(accuracies):
        finished(folder / str(number), accuracy)
    (folder / "study.yaml").write_text(yaml.safe_dump({"trials": len(accuracies)}))
    return StudyDir(folder)


@pytest.fixture
def study(tmp_path: Path) -> StudyDir:
    made = defined(tmp_path / "study", [0.5, 0.7, 0.7, 0.6])
    finished(made.path / "4", 0.9, Outcome.PRUNED)
    return made


def confirm(study: StudyDir, accuracies: list[float]) -> StudyDir:
    configs = [ChosenConfig("r=8", [1], 0.7, [0, 1]), ChosenConfig("r=16", [3], 0.6, [2, 3])]
    again = defined(study.path.with_name("study-confirm"), accuracies)
    write_confirmation(again.path, Confirmation("../study", 4, [1, 2], configs))
    return again


def test_unless_it_was_confirmed_the_best_by_validation_is_tested(study: StudyDir) -> None:
    assert selected_trial(study) == (1, "the best by validation")
    confirm(study, [0.6, 0.7, 0.5])  # a seed is still to come
    assert selected_trial(study) == (1, "the best by validation")


def test_the_winner_under_fresh_seeds_is_tested(study: StudyDir) -> None:
    again = confirm(study, [0.5, 0.5, 0.6, 0.6])
    assert selected_trial(study) == (3, "r=16, the winner under fresh seeds (study-confirm)")
    assert selected_trial(again) == (2, "r=16, the winner under fresh seeds; its first seed")


def test_a_confirmation_of_another_study_under_this_name_is_not_this_ones(study: StudyDir) -> None:
    again = confirm(study, [0.5, 0.5, 0.6, 0.6])
    text = (again.path / "confirm.yaml").read_text()
    (again.path / "confirm.yaml").write_text(text.replace("../study", "../another"))
    assert selected_trial(study) == (1, "the best by validation")


def test_what_cannot_be_tested_is_refused_and_no_reading_is_written(study: StudyDir) -> None:
    with pytest.raises(ConfigError, match="has not completed"):
        final_test(study, 4, None)
    with pytest.raises(ConfigError, match="has not completed"):
        final_test(study, 9, None)
    with pytest.raises(ConfigError, match="no such file"):
        final_test(study, 1, study.path / "nothing.txt")
    with study.claimed(), pytest.raises(ConfigError, match="another process is sweeping"):
        final_test(StudyDir(study.path), 1, None)
    with pytest.raises(ConfigError, match="no study"):
        selected_trial(StudyDir(study.path / "1"))
    assert not (study.path / ledger.FILE).exists()


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_sweep_that_names_the_test_questions_is_refused(part: str, tmp_path: Path) -> None:
    program = Program(tmp_path / "study", f"data.{part}=bundled:sample/test.jsonl", "lora.r=2,4")
    assert program.ended(100) == 1
    assert "contains the test questions" in program.said() and "no sweep may read" in program.said()
    assert not list((tmp_path / "study").glob("*/metrics.jsonl"))
