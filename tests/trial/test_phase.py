"""What a running trial does now: its words, and its file, which is no part of the record."""

import json
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from medqa_sweeps.errors import FailureKind
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.phase import Phase, PhaseName, phase_from_json
from medqa_sweeps.trial.records import Outcome, Result
from tests.analysis.trial_folders import submit

SCORING = Phase(PhaseName.SCORING, 120, 400, evaluation=1, evaluations=2, seconds_left=70.0, seconds_in_all=200.0)


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file can grow, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    ("phase", "words", "cell"),
    [
        (Phase(PhaseName.IMPORTING), "importing PyTorch and Unsloth", "importing"),
        (Phase(PhaseName.READING), "reading the questions", "reading"),
        (Phase(PhaseName.ENCODING), "encoding the questions", "encoding"),
        (Phase(PhaseName.LOADING), "loading the base model", "loading base"),
        (Phase(PhaseName.AWAITING_BASE_SCORE), "waiting for the score of the untuned base", "waiting for base"),
        (
            Phase(PhaseName.SCORING_BASE, 60, 12_000),
            "scoring the untuned base: 60 of 12,000 questions",
            "scoring base 60/12000",
        ),
        (Phase(PhaseName.TRAINING, 40, 250), "training step 40 of 250", "training 40/250"),
        (SCORING, "scoring: 120 of 400 questions (evaluation 1 of 2)", "scoring 120/400"),
        (Phase(PhaseName.SAVING), "saving", "saving"),
    ],
)
def test_each_phase_has_its_words(phase: Phase, words: str, cell: str) -> None:
    assert (phase.in_words(), phase.in_a_cell()) == (words, cell)


def test_what_comes_before_training_leaves_nothing_to_save() -> None:
    later = {PhaseName.TRAINING, PhaseName.SCORING, PhaseName.ASSESSING, PhaseName.SAVING}
    assert {name for name in PhaseName if not Phase(name).before_training} == later


def test_a_phase_is_read_as_it_was_written(tmp_path: Path) -> None:
    trial = TrialDir(tmp_path)
    assert trial.phase() is None
    for phase in (Phase(PhaseName.LOADING), SCORING):
        trial.show_phase(phase)
        assert trial.phase() == phase and [file.name for file in tmp_path.iterdir()] == ["phase.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"name": "resting"}', '{"name": "saving", "done": "two"}'])
def test_what_is_no_phase_is_none(text: str, tmp_path: Path) -> None:
    trial = TrialDir(tmp_path)
    trial.phase_file.write_text(text)
    assert trial.phase() is None


def test_keys_of_a_newer_program_are_passed_over() -> None:
    assert phase_from_json({**json.loads(json.dumps(SCORING.to_json())), "mood": "good"}) == SCORING


def test_a_full_disk_keeps_the_older_phase_and_stops_nothing(tmp_path: Path, full_disk: None) -> None:
    trial = TrialDir(tmp_path)
    trial.show_phase(SCORING)
    assert trial.phase() is None and not list(tmp_path.glob(".phase*"))


def test_a_folder_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    TrialDir(tmp_path / "gone").show_phase(SCORING)


@pytest.mark.parametrize("ends", ["finish", "fail", "end_attempt"])
def test_it_is_gone_when_the_attempt_has_ended(ends: str, tmp_path: Path) -> None:
    trial = submit(tmp_path / "0")
    before = sorted(file.name for file in trial.path.iterdir())
    trial.show_phase(SCORING)
    (trial.path / ".phase.json.4711").write_text("of a process that was killed while it wrote")
    if ends == "finish":
        trial.finish(Result(Outcome.COMPLETED, "0123456789ab"))
    elif ends == "fail":
        trial.fail(FailureKind.DATA, "a question is missing")
    else:
        trial.end_attempt(Outcome.INTERRUPTED, None, "interrupted")
    left = {file.name for file in trial.path.iterdir()} - set(before)
    assert left == {"metrics.jsonl" if ends == "end_attempt" else "result.json"}
