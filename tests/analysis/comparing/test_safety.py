"""What the leaderboard says of an assessment: answers kept, the winner beside its untuned base, and what is missing."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard, leaderboard
from medqa_sweeps.analysis.comparing.safety_verdict import NOT_SAFE, not_assessed
from medqa_sweeps.analysis.comparing.verdict import cautions, verdict
from medqa_sweeps.analysis.export import as_csv, as_json, entries
from medqa_sweeps.analysis.reading.studies import read_study
from medqa_sweeps.statistics import wilson_interval
from medqa_sweeps.trial.folder import TrialDir
from tests.analysis.safety_lines import assess
from tests.analysis.trial_folders import complete, right_at

BASE = right_at(0, 100)
OF_BASE = {"placebo": range(10), "order": range(60)}


def two_ranks(folder: Path) -> tuple[TrialDir, TrialDir]:
    """r=16 is the best; of its 250 correct answers, an edit changes the first 90. r=8 keeps more."""
    worse = complete(folder / "0", right_at(0, 200), BASE, lora__r=8)
    best = complete(folder / "1", right_at(0, 250), BASE, lora__r=16)
    assess(best, {"placebo": range(10), "order": range(90)}, OF_BASE)
    assess(worse, {"placebo": range(10), "order": range(50)}, OF_BASE)
    return worse, best


def board_of(folder: Path) -> Leaderboard:
    return leaderboard(read_study(folder))


def test_kept_are_the_answers_that_are_correct_before_and_under_every_edit(tmp_path: Path) -> None:
    two_ranks(tmp_path)
    board = board_of(tmp_path)
    best, worse = board.rows
    assert best.safety.kept is not None and worse.safety.kept is not None and best.safety.base_kept is not None
    assert (best.safety.kept.accuracy, worse.safety.kept.accuracy) == (160 / 400, 150 / 400)
    assert (best.safety.kept.low, best.safety.kept.high) == pytest.approx(wilson_interval(160, 400))
    assert best.safety.base_kept.accuracy == 40 / 400
    assert board.shows_kept


def test_of_several_seeds_kept_is_the_mean_and_the_suites_are_those_of_the_first(tmp_path: Path) -> None:
    for number, changed in enumerate((50, 90)):
        trial = complete(tmp_path / str(number), right_at(0, 200), BASE, lora__r=8, seed=number)
        assess(trial, {"placebo": range(10), "order": range(changed)}, OF_BASE)
    (row,) = board_of(tmp_path).rows
    assert row.safety.kept is not None and (row.safety.kept.seeds, row.safety.kept.accuracy) == (2, 130 / 400)
    assert row.safety.kept.high - row.safety.kept.low > 0.1, "it allows for seeds"
    assert row.safety.trial is not None and row.safety.trial.name == "0"
    assert row.safety.by_suite["order"].outcome.value == 50 / 400


def test_the_verdict_names_a_winner_that_is_worse_than_its_base(tmp_path: Path) -> None:
    two_ranks(tmp_path)
    board = board_of(tmp_path)
    says = verdict(board)
    assert "r=16 is worse than its untuned base in 1 of 2 suites of the safety assessment: order (" in says
    assert "7.5 points" in says and "up to 5% of studies would show one in a given suite" in says
    assert NOT_SAFE in cautions(board)


def test_a_winner_that_is_not_worse_is_not_called_safe(tmp_path: Path) -> None:
    assess(complete(tmp_path / "0", right_at(0, 200), BASE), {"order": range(61)}, {"order": range(60)})
    board = board_of(tmp_path)
    which = board.best.label if board.best else ""
    assert f"In the safety assessment (1 suite), {which} is in no suite significantly worse" in verdict(board)
    assert NOT_SAFE in cautions(board)


def test_the_winner_by_another_metric_is_named_too(tmp_path: Path) -> None:
    two_ranks(tmp_path)
    assess(TrialDir(tmp_path / "0"), {"placebo": range(10), "order": range(95)}, OF_BASE)
    (tmp_path / "study.yaml").write_text("metric: calibration_error\n")
    for number, error in enumerate((0.1, 0.2)):
        file = tmp_path / str(number) / "result.json"
        result = json.loads(file.read_text())
        file.write_text(json.dumps(result | {"score": result["score"] | {"calibration_error": error}}))
    says = verdict(board_of(tmp_path))
    assert "r=16 is worse than its untuned base in" in says and "r=8 is worse than its untuned base in" in says


def test_without_an_assessment_nothing_is_said_but_how_to_make_one(tmp_path: Path) -> None:
    for number in range(2):
        complete(tmp_path / str(number), right_at(0, 200 + number), BASE, lora__r=8 + number)
    board = board_of(tmp_path)
    assert "safety" not in verdict(board) and NOT_SAFE not in cautions(board) and not board.shows_kept
    assert not any(key.startswith(("kept", "worse_than")) for entry in entries(board) for key in entry)
    ((what, command),) = not_assessed(board)
    assert what.startswith("Not assessed") and f"medqa-sweeps assess {tmp_path}" in command


def test_without_its_base_a_model_is_compared_with_nothing(tmp_path: Path) -> None:
    assess(complete(tmp_path / "0", right_at(0, 200)), {"placebo": range(10), "order": range(99)})
    board = board_of(tmp_path)
    assert "has no untuned base to compare with" in verdict(board)
    assert board.rows[0].safety.base_kept is None and board.rows[0].safety.kept is not None


def test_some_that_were_not_assessed_are_named(tmp_path: Path) -> None:
    two_ranks(tmp_path)
    complete(tmp_path / "2", right_at(0, 100), BASE, lora__r=32)
    board = board_of(tmp_path)
    sentences = [what for what, _ in not_assessed(board)]
    assert sentences[0].startswith("Not assessed: r=32.")
    assert sentences[1].startswith("Not run: stem_removed, none_of_these,") and "which need files" in sentences[2]
    assert board.shows_kept and board.rows[2].safety.kept is None


def test_what_was_assessed_by_other_edits_is_in_no_common_column(tmp_path: Path) -> None:
    worse, _ = two_ranks(tmp_path)
    assess(worse, {"sex": range(3)}, {"sex": range(3)})
    board = board_of(tmp_path)
    assert not board.shows_kept and all(row.safety.kept for row in board.rows)
    assert any("not all assessed by the same edits" in sentence for sentence in cautions(board))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda text: text.replace('"gold"', '"gold', 1), "is damaged in line 1 ("),
        (lambda text: text.replace('{"samples_seen": 0', '{"samples": 0', 1), "is damaged in line 1 ("),
        (lambda text: text.replace('"order": [0, 1, 2, 3]', '"order": []'), "is damaged (IndexError"),
    ],
)
def test_a_damaged_file_is_a_sentence_and_the_others_are_there(
    tmp_path: Path, damage: Callable[[str], str], says: str
) -> None:
    _, best = two_ranks(tmp_path)
    best.safety_file.write_text(damage(best.safety_file.read_text()))
    board = board_of(tmp_path)
    (sentence,) = [one for one in cautions(board) if says in one]
    assert sentence.startswith("Safety of trial 1: ") and str(best.safety_file) in sentence
    assert not board.rows[0].safety.suites and board.rows[1].safety.suites
    assert "significantly worse than its untuned base" not in verdict(board), "the winner's is not known"


def test_for_other_programs(tmp_path: Path) -> None:
    two_ranks(tmp_path)
    board = board_of(tmp_path)
    found = entries(board)
    assert [entry["kept_under_edits"] for entry in found] == [0.4, 0.375]
    assert [entry["worse_than_base_in"] for entry in found] == [["order"], []]
    assert "kept_under_edits,kept_low,kept_high,worse_than_base_in" in as_csv(found).splitlines()[0]
    suites = {(one["trial"], one["suite"]): one for one in json.loads(as_json(board, found))["safety"]}
    assert suites["1", "order"]["value"] == 90 / 400 and suites["1", "order"]["base_value"] == 60 / 400
    assert suites["1", "order"]["to_base"] == pytest.approx(30 / 400) and suites["1", "order"]["worse_than_base"]
    assert suites["1", "order"]["to_placebo"] == pytest.approx(80 / 400)
