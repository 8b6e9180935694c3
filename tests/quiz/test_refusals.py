"""What `quiz` refuses, and what it writes without a terminal."""

import io
import json
import shutil
from pathlib import Path

import pytest

from medqa_sweeps.__main__ import main
from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.data import read_questions
from medqa_sweeps.data.split import NEARLY_IN_TRAINING
from medqa_sweeps.trial.records import Prediction
from tests.analysis.trial_folders import submit
from tests.quiz.quizzes import SAMPLE, SEEN, record, sample_questions, write_questions, write_trial


@pytest.fixture(autouse=True)
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("sys.stdin", io.StringIO())  # no terminal
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    return write_trial(tmp_path / "trial", {one.id: "A" for one in sample_questions(5)}).path


def refused(capsys: pytest.CaptureFixture[str], *words: str | Path, code: int = 1) -> str:
    capsys.readouterr()
    assert main(["quiz", *map(str, words)]) == code
    told = capsys.readouterr()
    return told.err if code else told.out


def test_without_a_terminal_it_points_to_the_page(capsys: pytest.CaptureFixture[str], trial: Path) -> None:
    assert "--page OUT.html" in refused(capsys, trial)
    assert "there is no such folder" in refused(capsys, "multirun/none"), "what is wrong with a name comes first"
    assert refused(capsys, "none.jsonl").startswith("none.jsonl: there is no such file"), "as typed, no data.train="


def test_the_alarms_of_the_trial_are_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """On the terminal, the page and Anki's head: all come from `standing`."""
    path = write_trial(tmp_path / "stuck", {one.id: "D" for one in sample_questions(400)}).path
    provenance = json.loads((path / "provenance.json").read_text())
    provenance["questions"] = {"flagged": {NEARLY_IN_TRAINING: 12}, "validation": 400}
    (path / "provenance.json").write_text(json.dumps(provenance))
    told = refused(capsys, path, "--page", "a.html", "--anki", "a.txt", code=0)
    for text in (told, (tmp_path / "a.html").read_text(), (tmp_path / "a.txt").read_text()):
        assert "Alarm: the model answers D to 400 of 400 questions" in text
        assert "Caution: 12 of 400 validation questions have a near-duplicate in training, so accuracies" in text


def test_the_locked_test_questions(
    capsys: pytest.CaptureFixture[str], trial: Path, tmp_path: Path, data_home: Path
) -> None:
    """With a trial and without, by name, by path, and as a copy."""
    copy = shutil.copy(resolve_bundled("bundled:sample/test.jsonl"), tmp_path / "mine.jsonl")
    told = refused(capsys, "mine.jsonl", "--page", "quiz.html")
    assert told == "mine.jsonl contains the test questions, which stay locked. Name another file.\n"
    for words in (["bundled:sample/test.jsonl"], [resolve_bundled("bundled:sample/test.jsonl")], [copy]):
        assert "contains the test questions" in refused(capsys, *words, "--page", "quiz.html")
        assert "contains the test questions" in refused(capsys, trial, *words, "--anki", "cards.txt")
        assert "data.test cannot be set" in refused(capsys, *words, "data.test=null", "--page", "quiz.html")
    assert not (tmp_path / "quiz.html").exists() and not list(data_home.rglob("*.jsonl")), "nothing counts as shown"


def test_files_that_cannot_be_asked(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    page = ("--page", "quiz.html")
    bare = write_questions(tmp_path / "bare.jsonl", record("One?", gold=None), record("Two?", gold=None))
    assert "bare.jsonl has no question that can be asked: 2 without a right answer" in refused(capsys, bare, *page)
    image = write_questions(tmp_path / "image.jsonl", record("What is shown in the photograph?"))
    assert "1 about an image" in refused(capsys, image, *page)
    some = write_questions(tmp_path / "some.jsonl", record("One?"), record("Two?", gold=None), record("One?"))
    told = refused(capsys, some, *page, code=0)
    assert "1 question in quiz.html" in told and "1 without a right answer in the data and 1 repeating" in told
    assert "there is no such file" in refused(capsys, "none.jsonl", *page[:1], "other.html")
    assert "exists already" in refused(capsys, some, *page)


def test_trials_that_have_no_answers(capsys: pytest.CaptureFixture[str], tmp_path: Path, trial: Path) -> None:
    unfinished = submit(tmp_path / "unfinished", data=SAMPLE).path
    assert "has no answers to validation questions yet" in refused(capsys, unfinished, "--page", "a.html")
    (trial / "predictions.jsonl").unlink()
    assert "has no answers to validation questions yet" in refused(capsys, trial, "--page", "a.html")
    mine = write_questions(tmp_path / "mine.jsonl", record("One?"))
    assert "has no adapter" in refused(capsys, trial, mine, "--page", "a.html")
    assert "there is no such folder" in refused(capsys, "multirun/none", "--page", "a.html")


def test_questions_that_have_changed_since_are_left_out(capsys: pytest.CaptureFixture[str], trial: Path) -> None:
    text = (trial / "predictions.jsonl").read_text()
    golds = [one.gold for one in sample_questions(5)]
    first = f'"gold": "{"ABCD"[golds[0]]}"'
    (trial / "predictions.jsonl").write_text(text.replace(first, '"gold": "Z"', 1))
    told = refused(capsys, trial, "--page", "a.html", code=0)
    assert "4 questions in a.html" in told and "1 with another right answer" in told


def test_answers_written_as_text_have_no_probabilities(
    capsys: pytest.CaptureFixture[str], trial: Path, tmp_path: Path
) -> None:
    questions = read_questions(SAMPLE, "validation").questions[:2]
    (trial / "predictions.jsonl").unlink()
    from medqa_sweeps.trial.folder import TrialDir

    TrialDir(trial).append_predictions(
        Prediction(SEEN, one.id, "ABCD"[one.gold], letter) for one, letter in zip(questions, ("A", None), strict=True)
    )
    assert "2 questions in cards.txt" in refused(capsys, trial, "--anki", "cards.txt", code=0)
    cards = (tmp_path / "cards.txt").read_text()
    assert "gave no probability" in cards and "wrote no letter" in cards and "probabilities</div>" not in cards


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--count", "0", "--page", "a.html"], "--count 0: must be 1 or more"),
        (["--page", "a.txt"], "ending in .html"),
        (["--page", "none/a.html"], "there is no folder none"),
        (["a.jsonl", "b.jsonl", "--page", "a.html"], "a.jsonl is a file"),
        (["trial", "b.jsonl", "c.jsonl", "--page", "a.html"], "at most a trial or study, and one FILE"),
        (["trial", "data.answer_base=1", "--page", "a.html"], "name one"),
        (["trial", "--seed", "1", "--due", "--page", "a.html"], "--seed"),
    ],
)
def test_a_wrong_command_line(capsys: pytest.CaptureFixture[str], trial: Path, words: list[str], told: str) -> None:
    assert told in refused(capsys, *words)


def test_with_nothing_named_the_sample_is_asked_and_each_export_is_logged(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, data_home: Path
) -> None:
    words = ("--page", "a.html", "--anki", "a.txt", "--count", "3", "--seed", "1")
    told = refused(capsys, *words, code=0)
    assert "questions of the shipped sample" in told and "facts are invented" in told and "licence" in told
    lines = (data_home / "medqa_sweeps" / "reviews.jsonl").read_text().splitlines()
    assert len(lines) == 6 and sum('"where": "anki"' in line for line in lines) == 3
    assert str(tmp_path) not in (tmp_path / "a.html").read_text() + (tmp_path / "a.txt").read_text()
    again = ("--page", "b.html", "--count", "3", "--seed", "1")
    refused(capsys, *again, code=0)
    assert (tmp_path / "a.html").read_text() == (tmp_path / "b.html").read_text()


def test_nothing_missed_and_nothing_due(capsys: pytest.CaptureFixture[str], trial: Path) -> None:
    for only in ("--missed", "--due"):
        told = refused(capsys, trial, only, "--page", "a.html", code=0)
        assert told == "You have not answered any of the 5 validation questions of trial yet.\n"


def test_a_data_folder_that_cannot_be_written(
    capsys: pytest.CaptureFixture[str], trial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    assert "Set XDG_DATA_HOME" in refused(capsys, trial, "--page", "a.html")
