"""What a trial has seen of a file's questions, and how it is said beside the accuracy on them. Nothing trains here."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.config import DataConfig
from medqa_sweeps.data import Question, read_questions
from medqa_sweeps.data.duplicates import Similarity
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import plan_trial
from medqa_sweeps.trial.provenance import collect
from medqa_sweeps.trial.question_overlap import (
    OverlapCount,
    QuestionOverlap,
    overlap_sentences,
    overlap_with_trial,
    questions_without_overlap,
    sentences,
)
from tests.analysis.trial_folders import trial_config

SAME, NEAR, NO = Similarity.SAME, Similarity.NEAR, Similarity.NO
NEW = {"question": "Which of these is new?", "options": {"A": "one", "B": "two"}, "answer_idx": "A"}


def records(part: str) -> list[dict]:
    return [json.loads(line) for line in resolve_bundled(f"bundled:sample/{part}.jsonl").open()]


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[Question]]:
    """The questions of a file of these records."""

    def of(*given: dict) -> list[Question]:
        file = tmp_path / "file.jsonl"
        file.write_text("".join(json.dumps(record) + "\n" for record in given))
        return read_questions(DataConfig(name="file", train=str(file)), "train").questions

    return of


@pytest.fixture
def trial(tmp_path: Path) -> TrialDir:
    """Submitted on copies of the sample's first questions."""
    files = {part: tmp_path / f"{part}.jsonl" for part in ("train", "validation")}
    for part, file in files.items():
        file.write_text("".join(json.dumps(record) + "\n" for record in records(part)[:40]))
    plan = plan_trial(trial_config(data__train=str(files["train"]), data__validation=str(files["validation"])))
    made = TrialDir(tmp_path / "trial")
    made.submit(plan.config, collect(plan, ["a test"]))
    return made


def edited(record: dict) -> dict:
    """The same vignette with another last word: a near-duplicate."""
    return {**record, "question": record["question"].rstrip("?") + " here?"}


def test_each_question_has_its_overlap_with_training_and_validation(trial: TrialDir, read: Callable) -> None:
    train, chosen = records("train"), records("validation")
    file = read(train[0], edited(train[1]), chosen[0], NEW)
    training, validation = overlap_with_trial(trial, file)
    assert training.similarities == (SAME, NEAR, NO, NO)
    assert validation.similarities is not None and validation.similarities[2:] == (SAME, NO)
    assert questions_without_overlap(training, validation) == [3]
    reordered = {**train[0], "options": dict(zip("ABCD", reversed(train[0]["options"].values()), strict=True))}
    assert overlap_with_trial(trial, read(reordered))[0].similarities == (NEAR,), (
        "other options are another question, nearly"
    )


def test_the_file_that_a_trial_was_trained_on_says_nothing_about_new_questions(trial: TrialDir, read: Callable) -> None:
    told = list(sentences(*overlap_with_trial(trial, read(*records("train")[:40]))))
    assert told[0] == (
        "40 of these 40 questions were in this trial's training data: this accuracy says nothing about new questions."
    )


def test_a_part_of_it_biases_the_accuracy() -> None:
    (training,) = overlap_sentences(OverlapCount(2000, 1, 2), OverlapCount(2000, 0, 0))
    assert training == (
        "1 of these 2,000 questions was in this trial's training data and 2 more are near-duplicates of training "
        "questions: the accuracy is biased upwards."
    )
    (validation,) = overlap_sentences(None, OverlapCount(30, 0, 1), "the test's")
    assert validation.startswith("1 of the test's 30 questions is a near-duplicate of validation questions: ")
    assert "selected by its score" in validation
    (clean,) = overlap_sentences(OverlapCount(30, 0, 0), OverlapCount(30, 0, 0))
    assert clean.startswith("None of these questions")


def test_what_cannot_be_read_any_more_is_unknown(trial: TrialDir, read: Callable) -> None:
    Path(trial.config().data.train or "").unlink()
    file = read(NEW)
    training, validation = overlap_with_trial(trial, file)
    assert (training.of(0), validation.of(0), questions_without_overlap(training, validation)) == (
        "unknown",
        "unknown",
        [],
    )
    told = list(sentences(training, validation))
    assert len(told) == 2 and all(one.startswith("It is unknown whether these are among the trial's ") for one in told)
    assert "there is no such file" in told[0]


def test_a_part_that_has_changed_is_unknown_and_the_other_is_not(trial: TrialDir, read: Callable) -> None:
    with open(trial.config().data.train or "", "a") as file:
        file.write(json.dumps(NEW) + "\n")
    training, validation = overlap_with_trial(trial, read(NEW))
    assert training == QuestionOverlap(None, "They have changed since the trial ran.")
    assert validation.similarities == (NO,) and questions_without_overlap(training, validation) == []
    (told,) = sentences(training, validation)
    assert "training questions. They have changed" in told
