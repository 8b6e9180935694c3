"""Validation questions with a near-duplicate in training: one number, wherever it is asked for."""

from pathlib import Path

import pytest

from medqa_sweeps.__main__ import main
from medqa_sweeps.alarms import alarms_of
from medqa_sweeps.alarms.leaks import near_duplicates, sentence
from medqa_sweeps.config import DataConfig, SplitConfig
from medqa_sweeps.data.description import describe, word_counts
from medqa_sweeps.data.split import split_questions
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import plan_trial
from medqa_sweeps.trial.provenance import collect
from tests.analysis.trial_folders import trial_config

SO = ", so accuracies probably overstate what the model would score on new questions"
SAMPLE = DataConfig(
    name="sample",
    train="bundled:sample/train.jsonl",
    validation="bundled:sample/validation.jsonl",
    test="bundled:sample/test.jsonl",
)


def test_the_sample_has_one_count_on_every_screen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`data` counted 304, with the help of the test questions, and provenance.json 297."""
    monkeypatch.setenv("COLUMNS", "80")
    plan = plan_trial(trial_config(data__validation=SAMPLE.validation))
    trial = TrialDir(tmp_path / "0")
    trial.submit(plan.config, collect(plan, ["python"]))
    assert main(["data", "sample"]) == 0
    said = [line.split() for line in capsys.readouterr().out.splitlines()]
    (on_the_page,) = [line[-2:] for line in said if line[:4] == ["validation", "questions", "also", "in"]]
    (alarm,) = alarms_of(trial)
    assert on_the_page == ["0", "297"]
    assert trial.provenance()["questions"]["flagged"] == {"in validation, a near-duplicate in training": 297}
    assert alarm.sentence == f"297 of 400 validation questions have a near-duplicate in training{SO}"
    assert alarm.about_data


def test_a_count_below_one_percent_has_no_consequence() -> None:
    assert sentence(0, 3, 400) == "3 of 400 validation questions have a near-duplicate in training"
    assert sentence(0, 4, 400).endswith(SO)


def test_test_questions_change_no_other_count() -> None:
    def found(config: DataConfig) -> dict[tuple[str, str], tuple[int, int]]:
        overlaps = describe(config, word_counts, None).overlaps
        return {(one.part, one.among): (one.same, one.near) for one in overlaps if "test" not in (one.part, one.among)}

    with_test = found(SAMPLE)
    assert with_test == found(DataConfig("sample", train=SAMPLE.train, validation=SAMPLE.validation))
    assert with_test["validation", "train"] == (0, 297)


def test_the_fingerprint_of_the_split_is_what_it_was() -> None:
    assert split_questions(SAMPLE, SplitConfig()).fingerprint == "7f3dc8152282"


@pytest.mark.parametrize(
    ("same", "near", "questions", "text"),
    [
        (0, 0, 400, None),
        (0, 3, 400, None),
        (9, 3, 90, "9 of 90 validation questions are also training questions, and 3 have a near-duplicate in training"),
        (5, 0, 400, "5 of 400 validation questions are also training questions"),
        (0, 1, 20, "1 of 20 validation questions have a near-duplicate in training"),
        (0, 0, 0, None),
    ],
)  # fmt: skip
def test_one_percent_raises_an_alarm(same: int, near: int, questions: int, text: str | None) -> None:
    alarm = near_duplicates(same, near, questions)
    assert (alarm and alarm.sentence) == (text and text + SO)
