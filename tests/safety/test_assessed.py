"""What is read of one trial: each model's own lines, whatever else stands in the files, and which line is damaged."""

from pathlib import Path

import pytest

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.safety.assessed import assessed
from medqa_sweeps.trial.folder import TrialDir
from tests.analysis.safety_lines import assess
from tests.analysis.trial_folders import SAMPLES_SEEN, complete, predict, right_at


@pytest.fixture
def trial(tmp_path: Path) -> TrialDir:
    made = complete(tmp_path / "0", right_at(0, 200), right_at(0, 100))
    assess(made, {"placebo": range(10), "order": range(90)}, {"placebo": range(20), "order": range(60)})
    return made


def shares(trial: TrialDir) -> list[float | None]:
    return [found.outcomes["order"].value for found in assessed(trial, SAMPLES_SEEN)]


def test_each_model_has_its_own_lines(trial: TrialDir) -> None:
    predict(trial, right_at(0, 0), 3000)  # an evaluation on the way
    assert shares(trial) == [90 / 400, 60 / 400]
    text = trial.safety_file.read_text().replace('"samples_seen": ', '"samples_seen":')
    trial.safety_file.write_text(text + '{"samples_seen": 6000, "suite": "ord')  # written by others; a write cut short
    assert shares(trial) == [90 / 400, 60 / 400]


def test_a_file_that_was_replaced_is_read_again(trial: TrialDir) -> None:
    assert shares(trial) == [90 / 400, 60 / 400]
    assess(trial, {"order": range(30)}, {"order": range(60)})
    assert shares(trial) == [30 / 400, 60 / 400]


def test_kept_are_of_questions_that_every_suite_asked(trial: TrialDir) -> None:
    lines = trial.safety_file.read_text().splitlines(keepends=True)
    fewer = [line for line in lines if '"suite": "order"' not in line or '"q0000' in line]  # assessed again on ten of them
    trial.safety_file.write_text("".join(fewer))
    trained, _ = assessed(trial, SAMPLES_SEEN)
    assert len(trained.kept) == 10 and trained.edits == {("placebo", "placebo"), ("order", "order")}


def test_the_damaged_line_is_named(trial: TrialDir) -> None:
    lines = trial.safety_file.read_text().splitlines(keepends=True)
    lines[2] = lines[2].replace('"suite"', '"sweet"')
    trial.safety_file.write_text("".join(lines))
    with pytest.raises(ConfigError, match=r"safety\.jsonl is damaged in line 3 "):
        assessed(trial, SAMPLES_SEEN)
