"""Order, pairing and words of the leaderboard."""

from pathlib import Path

import numpy as np
import pytest

from analysis.leaderboard import rank
from analysis.study import read_studies, read_study
from analysis.verdict import verdict
from medqa_sweeps.record import Outcome, Result
from medqa_sweeps.statistics import compare_counts
from tests.analysis.trial_folders import complete, predict, right_at, submit

BASE = right_at(0, 100)


def four_ranks(folder: Path) -> None:
    """r=32 best; r=64 and r=16 differ from it on a few questions; r=8 is 10 points worse on a subset."""
    complete(folder / "0", right_at(0, 210), BASE, lora__r=8)
    complete(folder / "1", right_at(4, 247), BASE, lora__r=16)
    complete(folder / "2", right_at(0, 250), BASE, lora__r=32)
    complete(folder / "3", right_at(2, 248), BASE, lora__r=64)


def test_rows_are_sorted_and_compared_with_the_best_on_the_same_questions(tmp_path: Path) -> None:
    four_ranks(tmp_path)
    board = rank(read_study(tmp_path))
    assert [row.settings for row in board.rows] == ["r=32", "r=64", "r=16", "r=8"]
    assert [row.versus_best for row in board.rows] == [
        None,
        compare_counts(0, 2, 400),
        compare_counts(1, 4, 400),
        compare_counts(0, 40, 400),
    ]
    assert [row.tied_with_best for row in board.rows] == [False, True, True, False]
    assert board.base is not None
    assert board.base.versus_best == compare_counts(0, 150, 400)


def test_equal_accuracy_keeps_the_order_of_the_numbers(tmp_path: Path) -> None:
    for number in (10, 9, 2):
        complete(tmp_path / str(number), right_at(number, 200), lora__r=number)
    assert [row.trial.name for row in rank(read_study(tmp_path)).rows] == ["2", "9", "10"]


def test_the_verdict_names_ties_and_the_size_of_what_is_real(tmp_path: Path) -> None:
    four_ranks(tmp_path)
    assert verdict(rank(read_study(tmp_path))) == (
        "r=32 has the highest validation accuracy, 62.5 % of 400 questions (95 % interval 57.7 to 67.1). "
        "r=64 and r=16 cannot be told apart from r=32; "
        "r=8 is worse by 10.0 points (95 % interval 7.4 to 13.3). "
        "r=32 is better than the untuned base (25.0 %) by 37.5 points (95 % interval 32.9 to 42.3)."
    )


def test_the_verdict_on_a_base_that_was_spoilt_or_hardly_moved(tmp_path: Path) -> None:
    complete(tmp_path / "worse" / "0", right_at(0, 100), right_at(0, 200))
    complete(tmp_path / "same" / "0", right_at(0, 100), right_at(0, 99))
    assert verdict(rank(read_study(tmp_path / "worse"))) == (
        "One trial has completed; its validation accuracy is 25.0 % of 400 questions (95 % interval 21.0 to 29.5). "
        "Trial 0 is worse than the untuned base (50.0 %) by 25.0 points (95 % interval 21.0 to 29.5)."
    )
    assert verdict(rank(read_study(tmp_path / "same"))).endswith(
        "Trial 0 cannot be told apart from the untuned base (24.8 %)."
    )


def test_several_worse_trials_are_each_named_with_their_gap(tmp_path: Path) -> None:
    for number, (r, right) in enumerate([(4, 150), (8, 200), (16, 250)]):
        complete(tmp_path / str(number), right_at(0, right), lora__r=r)
    assert (
        "Worse are r=8 by 12.5 points (95 % interval 9.6 to 16.1) and r=4 by 25.0 points (95 % interval 21.0 to 29.5)."
        in verdict(rank(read_study(tmp_path)))
    )


def test_a_long_list_of_ties_is_cut(tmp_path: Path) -> None:
    for number in range(8):
        right = 250 - number if number < 6 else 230
        complete(tmp_path / str(number), right_at(0, right), lora__r=number + 1)
    assert "r=2, r=3, r=4, r=5 and 1 more cannot be told apart from r=1; worse are r=7" in verdict(
        rank(read_study(tmp_path))
    )


def test_several_varying_keys_are_spelt_out_once(tmp_path: Path) -> None:
    complete(tmp_path / "0", right_at(0, 240), lora__r=8, optimizer__lr=1e-4)
    complete(tmp_path / "1", right_at(0, 250), lora__r=16, optimizer__lr=2e-4)
    complete(tmp_path / "2", right_at(1, 250), lora__r=16, optimizer__lr=1e-4)
    assert verdict(rank(read_study(tmp_path))) == (
        "Trial 1 (r=16 lr=0.0002) has the highest validation accuracy, "
        "62.5 % of 400 questions (95 % interval 57.7 to 67.1), and so has trial 2. "
        "Trial 2 cannot be told apart from trial 1; trial 0 is worse by 2.5 points (95 % interval 1.4 to 4.5)."
    )


def test_trials_of_one_config_are_told_apart_by_number(tmp_path: Path) -> None:
    for number in range(2):
        complete(tmp_path / str(number), right_at(0, 250 - number))
    assert [row.label for row in rank(read_study(tmp_path)).rows] == ["trial 0", "trial 1"]
    complete(tmp_path / "2", right_at(0, 240), lora__r=8)
    assert [row.label for row in rank(read_study(tmp_path)).rows] == ["trial 0", "trial 1", "r=8"]


def test_other_questions_give_no_paired_test(tmp_path: Path) -> None:
    complete(tmp_path / "0", right_at(0, 250), lora__r=8)
    complete(tmp_path / "1", right_at(0, 200), lora__r=16, first_id=1)
    row = rank(read_study(tmp_path)).rows[1]
    assert (row.versus_best, row.no_test) == (None, "other questions")
    assert "Without a paired test: r=16." in verdict(rank(read_study(tmp_path)))


def test_order_of_the_lines_does_not_matter(tmp_path: Path) -> None:
    complete(tmp_path / "0", right_at(0, 250), lora__r=8)
    shuffled = complete(tmp_path / "1", right_at(50, 200), lora__r=16).predictions_file
    lines = shuffled.read_text().splitlines(keepends=True)
    shuffled.write_text("".join(np.random.default_rng(0).permutation(lines)))
    assert rank(read_study(tmp_path)).rows[1].versus_best == compare_counts(0, 50, 400)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (slice(0, 0), "answers are not on file"),
        (slice(199, 201), "answers on file (2) are not those of the score (400)"),
    ],
)
def test_answers_that_are_missing_give_no_paired_test(tmp_path: Path, lines: slice, reason: str) -> None:
    complete(tmp_path / "0", right_at(0, 250), lora__r=8)
    file = complete(tmp_path / "1", right_at(0, 200), lora__r=16).predictions_file
    file.write_text("".join(file.read_text().splitlines(keepends=True)[lines]))
    row = rank(read_study(tmp_path)).rows[1]
    assert (row.versus_best, row.no_test) == (None, reason)


def test_answers_of_another_report_are_not_taken_for_the_scores(tmp_path: Path) -> None:
    """A result whose samples_seen is not that of the exported adapter would pair the wrong answers."""
    directory = complete(tmp_path / "0", right_at(0, 250))
    directory.predictions_file.unlink()
    predict(directory, right_at(0, 240), 6000)
    complete(tmp_path / "1", right_at(0, 200), lora__r=64)
    (_, row) = rank(read_study(tmp_path)).rows
    assert row.no_test == "the other's answers on file (400) are not those of the score (400)"


def test_nothing_completed(tmp_path: Path) -> None:
    submit(tmp_path / "0")
    submit(tmp_path / "1").finish(Result(Outcome.FAILED, "x", message="No."))
    board = rank(read_study(tmp_path))
    assert (board.rows, board.base, board.best) == ((), None, None)
    assert verdict(board) == "No trial has completed yet, so there is nothing to compare."


def test_seeds_of_one_config_are_one_row(tmp_path: Path) -> None:
    """r=16 is 5 to 6 points ahead under each of three seeds; all that varies besides is the seed."""
    for number, (rank_, seed, right) in enumerate([(8, 0, 200), (16, 0, 222), (8, 1, 202), (16, 1, 226), (8, 2, 201)]):
        complete(tmp_path / str(number), right_at(0, right), BASE, lora__r=rank_, seed=seed)
    board = rank(read_study(tmp_path))
    assert [(row.label, [trial.name for trial in row.trials]) for row in board.rows] == [
        ("r=16", ["1", "3"]),
        ("r=8", ["0", "2", "4"]),
    ]
    assert board.rows[0].accuracy.accuracy == pytest.approx(0.56)
    assert board.spread is not None and board.spread.freedom == 3
    paired = board.rows[1].versus_best
    assert paired is not None and paired.difference == pytest.approx(201 / 400 - 0.56)
    assert verdict(board).startswith(
        "r=16 has the highest validation accuracy, 56.0 % of 400 questions, mean of 2 seeds"
    )
    assert "r=8 is worse by 5.8 points" in verdict(board)


def test_a_claim_is_corrected_for_all_pairs(tmp_path: Path) -> None:
    """7 questions apart, none the other way: p = 0.008, worse when the two are alone, tied among six."""
    for number, right in enumerate([250, 243]):
        complete(tmp_path / str(number), right_at(0, right), lora__r=number + 1)
    assert not rank(read_study(tmp_path)).rows[1].tied_with_best
    for number in range(2, 6):
        complete(tmp_path / str(number), right_at(0, 247), lora__r=number + 1)
    board = rank(read_study(tmp_path))
    assert board.rows[-1].tied_with_best and board.rows[-1].p_adjusted == pytest.approx(15 / 2**7)
    assert board.rows[-1].versus_best == compare_counts(0, 7, 400)


def test_beyond_sixty_configs_the_family_is_all_of_them(tmp_path: Path) -> None:
    for number in range(62):
        complete(tmp_path / str(number), right_at(0, 250 - number), lora__r=number + 1)
    board = rank(read_study(tmp_path), top=61)
    assert board.rows[20].p_adjusted == pytest.approx(31 * 61 / 2**20)
    assert rank(read_study(tmp_path), top=30).rows[20].p_adjusted == board.rows[20].p_adjusted


def test_several_folders_are_one_study(tmp_path: Path) -> None:
    complete(tmp_path / "first" / "0", right_at(0, 250), lora__r=8)
    complete(tmp_path / "second" / "0", right_at(0, 200), lora__r=16)
    study = read_studies([tmp_path / "first", tmp_path / "second"])
    assert [trial.name for trial in study.trials] == ["first/0", "second/0"]
    assert [row.label for row in rank(study).rows] == ["r=8", "r=16"]
