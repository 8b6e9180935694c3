"""What is written into `report/`, and where that is."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from medqa_sweeps.analysis.__main__ import main
from medqa_sweeps.analysis.comparing.leaderboard import leaderboard, leaderboards
from medqa_sweeps.analysis.reading.studies import read_studies, read_study
from medqa_sweeps.analysis.report_folder import write_report
from medqa_sweeps.command_line import short_path
from medqa_sweeps.trial.records import Outcome, Result
from tests.analysis.page.page_tags import Page
from tests.analysis.trial_folders import complete, right_at, submit


def test_csv_and_json_say_the_same(hostile: Path) -> None:
    with open(hostile / "report" / "leaderboard.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    whole = json.loads((hostile / "report" / "leaderboard.json").read_text())
    assert len(lines) == len(whole["configs"]) == 13
    first, second = whole["configs"][:2]
    assert (lines[0]["place"], lines[0]["outcome"], lines[-1]["outcome"]) == ("1", "completed", "failed")
    assert float(lines[1]["difference"]) == pytest.approx(second["difference"])
    assert first["accuracy"] >= second["accuracy"] and whole["best_of"] == 12
    assert second["significantly_worse"] in (True, False) and second["difference_low"] <= second["difference"]
    assert first["tokens"] == pytest.approx(1000 * (19 + 20 + 20), abs=2) and first["gpu_hours"] == 0


def test_a_cell_is_no_formula(tmp_path: Path) -> None:
    submit(tmp_path / "0").finish(Result(Outcome.FAILED, "x", message="=1+1"))
    complete(tmp_path / "1", right_at(0, 200), lora__r=64)
    write_report(leaderboards(read_study(tmp_path)), "x")
    assert ",=" not in (tmp_path / "report" / "leaderboard.csv").read_text()


def test_a_report_is_no_trial(tmp_path: Path) -> None:
    complete(tmp_path / "0", right_at(0, 200))
    write_report(leaderboards(read_study(tmp_path)), "a study")
    again = read_study(tmp_path)
    assert (len(again.trials), again.unreadable) == (1, ())


def test_the_command_writes_the_page_of_several_studies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    complete(tmp_path / "first" / "0", right_at(0, 250), lora__r=8)
    complete(tmp_path / "second" / "0", right_at(0, 200), lora__r=64)
    assert main([str(tmp_path / "first"), str(tmp_path / "second"), "--output", str(tmp_path / "out")]) == 0
    assert f"Page: {short_path(tmp_path / 'out' / 'index.html')}" in capsys.readouterr().out.replace("\n", " ")
    assert "second/0" in Page(tmp_path / "out" / "index.html").shown
    assert main([str(tmp_path / "first"), "--no-page"]) == 0
    assert not (tmp_path / "first" / "report").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    complete(tmp_path / "study" / "0", right_at(0, 250))
    (tmp_path / "file").write_text("")
    assert main([str(tmp_path / "study"), "--output", str(tmp_path / "file" / "x")]) == 1
    assert "Give another folder: --output FOLDER" in capsys.readouterr().err


def test_a_moved_study_of_several_folders(hostile: Path, tmp_path: Path) -> None:
    shutil.copytree(hostile, tmp_path / "copy")
    board = leaderboard(read_studies([hostile, tmp_path / "copy"]))
    assert len(board.configs) == 24 and board.study.folder == hostile


def test_a_report_of_several_studies_replaces_no_studys_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    complete(tmp_path / "a" / "0", right_at(0, 250), lora__r=8)
    complete(tmp_path / "b" / "0", right_at(0, 200), lora__r=16)
    assert main([str(tmp_path / "a")]) == 0
    own = (tmp_path / "a" / "report" / "index.html").read_bytes()
    assert main([str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    assert (tmp_path / "a" / "report" / "index.html").read_bytes() == own
    assert "a-with-b" in capsys.readouterr().out and (tmp_path / "a-with-b" / "index.html").exists()


def test_studies_of_other_questions_are_not_ranked_in_one_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, right in (("a", 250), ("b", 390)):
        directory = complete(tmp_path / name / "0", right_at(0, right), lora__r=8)
        provenance = directory.provenance() | {"questions": {"validation_fingerprint": name}}
        directory.provenance_file.write_text(json.dumps(provenance))
    assert main([str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "answered 2 different sets of validation questions" in told and told.count("One trial has completed.") == 2
    first, second = (Page(tmp_path / "a-with-b" / name) for name in ("index.html", "index-2.html"))
    assert "62.5%" in first.shown and "97.5%" not in first.shown and "97.5%" in second.shown
    assert "index-2.html" in [attributes.get("href") for tag, attributes in first.tags if tag == "a"]
    assert (tmp_path / "a-with-b" / "leaderboard-2.csv").exists()
