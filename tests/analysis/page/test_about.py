"""The head of the page: what study it is, from its records alone."""

import json
from pathlib import Path
from typing import Any

from medqa_sweeps.analysis.comparing.leaderboard import leaderboard, leaderboards
from medqa_sweeps.analysis.page.about import facts, methods, read_grounds
from medqa_sweeps.analysis.reading.studies import read_study
from medqa_sweeps.analysis.report_folder import write_report
from medqa_sweeps.trial.folder import TrialDir
from tests.analysis.page.page_tags import Page
from tests.analysis.trial_folders import complete, right_at

RECORD: dict[str, Any] = {
    "created_at": 1.79e9,
    "command": "uv run launch.py -m lora.r=8,16",
    "questions": {"train": 2000, "validation": 400},
    "base": {"label": "unsloth/gemma-3-1b-it", "revision": "8ae1f1a2b3c4d5e6"},
    "code": {"commit": "a08eb54b7c28426b6bdf119b24c4822ef66acba8", "dirty": False},
    "hardware": {"processor": "EPYC", "cores": 8, "memory_bytes": 2**35, "gpus": [{"name": "H100"}, {"name": "H100"}]},
}


def stand_on(directory: TrialDir, **changes: Any) -> None:
    directory.provenance_file.write_text(json.dumps(directory.provenance() | RECORD | changes))


def study(folder: Path) -> Path:
    for number, (rank, right) in enumerate([(8, 200), (16, 300)]):
        stand_on(complete(folder / "ranks" / str(number), right_at(0, right), lora__r=rank))
    return folder / "ranks"


def test_the_head_says_what_the_records_hold(tmp_path: Path) -> None:
    folder = study(tmp_path)
    stand_on(TrialDir(folder / "1"), code={"commit": "b" * 40, "dirty": True})
    board = leaderboard(read_study(folder))
    found = dict(facts(board, read_grounds(board)))
    assert found["Date"].startswith("2026-09-21 14:13")
    assert found["Base model"] == "unsloth/gemma-3-1b-it at 8ae1f1a2b3c4, 4-bit"
    assert found["Data"] == "sample, synthetic (invented facts): 2,000 training and 400 validation questions"
    assert found["Commit"] == "a08eb54b7c28; bbbbbbbbbbbb with uncommitted changes"
    assert found["Hardware"] == "EPYC, 8 cores, 32 GiB memory; 2 × H100"
    assert (found["Prompt"], found["Split"], found["Seeds"]) == ("letter", "official", "1 (seed 0)")
    assert found["Command"] == RECORD["command"] and "of training runs added up" in found["Time"]


def test_the_methods_say_what_a_reviewer_would_ask(tmp_path: Path) -> None:
    folder = study(tmp_path)
    for number in ("0", "1"):
        config = TrialDir(folder / number).config_file
        config.write_text(config.read_text().replace("test: null", "test: TEST.jsonl"))
    board = leaderboard(read_study(folder))
    assert methods(board, read_grounds(board)) == (
        "LoRA adapters of unsloth/gemma-3-1b-it at 8ae1f1a2b3c4 (4-bit weights) were trained with Unsloth on 2,000 "
        "questions of the synthetic data set 'sample' (invented questions) under 2 configs that differ in r (8, 16) "
        "with seed 0 for 3 epochs each, and scored by the log-probability of the option letters on 400 validation "
        "questions (medqa_sweeps, commit a08eb54b7c28). Each accuracy has a 95% CI (Wilson's score interval). "
        "Differences from the best config were tested in pairs, question by question (McNemar's mid-p test; Tukey's "
        "range test, step-down; family-wise error rate 5%). The best config was selected on these same questions, so "
        "its accuracy is biased upwards. This study has not used its test questions."
    )


def test_without_records_nothing_is_invented(tmp_path: Path) -> None:
    complete(tmp_path / "0", right_at(0, 200), lora__r=8)
    stand_on(complete(tmp_path / "1", right_at(0, 210), lora__r=16), questions={"train": 100})
    (tmp_path / "1" / "provenance.json").write_text("{")
    board = leaderboard(read_study(tmp_path))
    assert methods(board, read_grounds(board)) == ""
    assert {"Commit", "Command", "Hardware", "Date"}.isdisjoint(dict(facts(board, read_grounds(board))))


def test_folders_and_tables_are_linked_wherever_the_page_is_written(tmp_path: Path) -> None:
    boards = leaderboards(read_study(study(tmp_path)))
    for folder in (None, tmp_path / "a b" / "out"):
        page = write_report(boards, "ranks", folder)
        links = [str(of["href"]) for tag, of in Page(page).tags if tag == "a" and not str(of["href"]).startswith("#")]
        there = [(page.parent / link.replace("%20", " ")).resolve() for link in links]
        assert all(path.exists() for path in there)
        assert {tmp_path / "ranks" / "0", tmp_path / "ranks" / "1", tmp_path / "ranks"} <= {*there}
        assert page.parent / "leaderboard.csv" in there
