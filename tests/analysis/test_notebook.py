"""What a notebook gets. The example of docs/notebook.md runs in tests/wheel, on the study that it shows."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import medqa_sweeps
from medqa_sweeps.errors import ConfigError, FailureKind
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import Outcome, Result
from tests.analysis.passage_lines import with_passages
from tests.analysis.safety_lines import assess
from tests.analysis.trial_folders import complete, right_at, submit
from tests.conftest import ROOT


@pytest.fixture
def study(tmp_path: Path) -> Path:
    for number, (rank, seed, right) in enumerate([(8, 0, 210), (8, 1, 214), (16, 0, 250)]):
        complete(tmp_path / str(number), right_at(0, right), lora__r=rank, seed=seed)
    submit(tmp_path / "3", lora__r=64).finish(Result(Outcome.FAILED, "x", FailureKind.DATA, "line 3 is empty"))
    return tmp_path


def test_one_row_per_trial(study: Path) -> None:
    trials = medqa_sweeps.open_study(study).trials
    assert list(trials.index) == ["0", "1", "2", "3"] and set(trials.columns[:3]) == {"lora.r", "lora.alpha", "seed"}
    assert list(trials["outcome"]) == ["completed"] * 3 + ["failed"]
    assert trials.loc["2", "accuracy"] == 0.625 and trials.loc["2", "low"] < 0.625 < trials.loc["2", "high"]
    assert pd.isna(trials.loc["3", "accuracy"]) and "line 3 is empty" in trials.loc["3", "reason"]


def test_one_row_per_config_and_the_verdict(study: Path) -> None:
    opened = medqa_sweeps.open_study(study)
    board = opened.leaderboard()
    assert list(board["r"][:2]) == [16, 8] and list(board["seeds"][:2]) == [1, 2]
    assert "never for clinical decisions" in opened.verdict and opened.verdict.startswith("r=16 has the highest")


def test_one_row_per_answer(study: Path) -> None:
    answers = medqa_sweeps.open_study(study).predictions
    assert len(answers) == 3 * 400 and answers.groupby("trial")["correct"].sum().to_dict() == {
        "0": 210, "1": 214, "2": 250,
    }  # fmt: skip


def test_one_row_per_config_and_suite_of_the_assessment(study: Path) -> None:
    assert medqa_sweeps.open_study(study).safety.empty
    complete(study / "4", right_at(0, 240), right_at(0, 100), lora__r=32)
    assess(TrialDir(study / "4"), {"order": range(90)}, {"order": range(60)})
    (order,) = [row for _, row in medqa_sweeps.open_study(study).safety.iterrows() if row["suite"] == "order"]
    assert (order["trial"], order["value"], order["base_value"]) == ("4", 90 / 400, 60 / 400)
    assert order["to_base_low"] > 0 and order["worse_than_base"]


def test_one_row_per_config_that_shows_passages(study: Path) -> None:
    assert medqa_sweeps.open_study(study).passages.empty
    with_passages(study / "4", right_at(0, 240), right_at(0, 100), right_at(0, 120), k=2)
    opened = medqa_sweeps.open_study(study)
    (row,) = [row for _, row in opened.passages.iterrows()]
    assert (row["trial"], row["without"], row["foreign"], row["helped"]) == ("4", 0.25, 0.3, 140)
    assert row["help"] and row["over_foreign_low"] > 0 and row["documents"] == 31
    assert "passage-controls" in opened.plots


def test_every_key_of_the_config(study: Path) -> None:
    settings = medqa_sweeps.open_study(study).settings
    assert {"lora.r", "optimizer.lr", "lora.target_modules"} <= set(settings.columns)
    assert settings["lora.target_modules"].nunique() == 1, "a list can be grouped by"


def test_trials_of_other_questions_have_a_leaderboard_of_their_own(tmp_path: Path) -> None:
    for number, questions in enumerate("aab"):
        directory = complete(tmp_path / str(number), right_at(0, 200 + number), lora__r=8 + number)
        provenance = directory.provenance() | {"questions": {"validation_fingerprint": questions}}
        directory.provenance_file.write_text(json.dumps(provenance))
    board = medqa_sweeps.open_study(tmp_path).leaderboard()
    assert list(board["accuracy"]) == [0.5025, 0.5, 0.505] and list(board["validation_set"]) == [1, 1, 2]
    assert list(board.index) == [0, 1, 2]


def test_a_folder_that_is_no_study_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such folder"):
        medqa_sweeps.open_study(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="contains no trial"):
        medqa_sweeps.open_study(tmp_path)


def test_no_torch_is_imported(study: Path) -> None:
    asked = (
        f"import sys, medqa_sweeps; study = medqa_sweeps.open_study({str(study)!r}); study.trials; "
        "study.leaderboard(); study.predictions; study.plots; "
        "sys.exit('torch' in sys.modules or 'unsloth' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
