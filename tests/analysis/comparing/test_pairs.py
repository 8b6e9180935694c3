"""Any two of the leading configs: numbers of the shared statistics, and what would tell the two apart, in words."""

from itertools import combinations
from pathlib import Path

import numpy as np

from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard, leaderboard
from medqa_sweeps.analysis.comparing.pairs import ALREADY, leading_pairs, needed_seeds, pair_text, power_cell
from medqa_sweeps.analysis.reading.studies import read_study
from medqa_sweeps.statistics import (
    compare_pairs,
    compare_replicates,
    questions_needed,
    seeds_needed,
    variance_from_questions,
)
from tests.analysis.trial_folders import complete, right_at

CORRECTED = "corrected"


def seeded(folder: Path, right: dict[int, list[list[bool]]]) -> Leaderboard:
    """By rank the answers under seeds 0, 1, …"""
    number = 0
    for rank_, of_rank in right.items():
        for seed, answers in enumerate(of_rank):
            complete(folder / str(number), answers, lora__r=rank_, seed=seed)
            number += 1
    return leaderboard(read_study(folder))


def test_every_pair_is_corrected_for_all_pairs(tmp_path: Path) -> None:
    ranges = {8: (0, 250), 16: (4, 247), 32: (30, 210)}
    board = seeded(tmp_path, {r: [right_at(*answers)] for r, answers in ranges.items()})
    pairs = leading_pairs(board)
    answers = [np.array(right_at(*one)) for one in ranges.values()]
    assert list(pairs) == list(combinations(range(3), 2))
    assert {which: pair.paired for which, pair in pairs.items()} == compare_pairs([one[None] for one in answers], 3)
    assert [pair.paired.significant for pair in pairs.values()] == [False, True, True]
    paired = pairs[0, 1].paired
    needed = questions_needed(paired, level=1 - paired.confidence)
    assert needed and power_cell(pairs[0, 1], board) == f"{needed:,} questions"


def test_one_seed_says_how_many_questions_and_that_seeds_cannot_be_said(tmp_path: Path) -> None:
    board = seeded(tmp_path, {8: [right_at(0, 250)], 16: [right_at(4, 248)]})
    (pair,) = leading_pairs(board).values()
    needed = questions_needed(pair.paired)
    assert needed is not None and needed > 400
    words = pair_text(pair, board, CORRECTED)
    assert words.startswith("r=8 is ahead of r=16 by 0.5 points (95% CI")
    assert "The difference is not resolved." in words
    assert f"about {needed:,} questions would show it (80% power; there are 400 now)" in words
    assert "With one seed, the number of seeds needed is unknown: run each config under seed=0,1,2." in words
    assert power_cell(pair, board) == f"{needed:,} questions"


def test_replicates_say_how_many_seeds(tmp_path: Path) -> None:
    right = {
        8: [right_at(0, 200 + luck) for luck in (0, 60, 30)],
        16: [right_at(0, 190 + luck) for luck in (60, 0, 30)],
    }
    board = seeded(tmp_path, right)
    (pair,) = leading_pairs(board).values()
    first, second = (np.array(right[r]) for r in (8, 16))
    paired = compare_replicates(first, second, board.spread)
    needed = seeds_needed(paired, variance_from_questions(first, second), board.spread)  # type: ignore[arg-type]
    assert not pair.paired.significant and pair.paired == paired and needed_seeds(pair, board) == needed and needed
    words = pair_text(pair, board, CORRECTED)
    assert (
        f"about {needed:,} seeds of each would show it (80% power; there are 3 now)" in words and "McNemar" not in words
    )
    assert power_cell(pair, board) == f"{needed:,} seeds each"


def test_where_seeds_cannot_help_it_says_so(tmp_path: Path) -> None:
    """Equal seeds that part on 40 questions each way but one: only other questions can tell."""
    board = seeded(tmp_path, {8: [right_at(0, 251)] * 2, 16: [right_at(40, 250)] * 2})
    (pair,) = leading_pairs(board).values()
    assert "no number of seeds would show it on these 400 questions" in pair_text(pair, board, CORRECTED)


def test_a_config_of_one_seed_beside_one_of_three_is_not_guessed(tmp_path: Path) -> None:
    board = seeded(tmp_path, {8: [right_at(0, 250 + luck) for luck in (0, 9, 5)], 16: [right_at(4, 246)]})
    (pair,) = leading_pairs(board).values()
    assert "the number of seeds needed is unknown" in pair_text(
        pair, board, CORRECTED
    ) and "questions would show" not in pair_text(pair, board, CORRECTED)
    assert power_cell(pair, board) == "unknown with one seed"


def test_a_real_difference_needs_no_more(tmp_path: Path) -> None:
    board = seeded(tmp_path, {8: [right_at(0, 250)], 16: [right_at(0, 200)]})
    (pair,) = leading_pairs(board).values()
    assert pair_text(pair, board, CORRECTED).endswith("The difference is significant.")
    assert power_cell(pair, board) == ALREADY


def test_beyond_sixty_configs_the_first_twelve_can_be_chosen_from(tmp_path: Path) -> None:
    board = seeded(tmp_path, {number + 1: [right_at(0, 250 - number)] for number in range(62)})
    pairs = leading_pairs(board)
    answers = [row.answers.correct_SxQ for row in board.rows[:12]]
    assert {which: pair.paired for which, pair in pairs.items()} == compare_pairs(answers, 62)
