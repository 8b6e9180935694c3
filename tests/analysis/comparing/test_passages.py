"""What the leaderboard says of passages: the claim, the figures beside k=0 and both controls, and what is missing."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard, leaderboard
from medqa_sweeps.analysis.comparing.passages_verdict import passages_sentences
from medqa_sweeps.analysis.comparing.verdict import cautions, verdict
from medqa_sweeps.analysis.export import as_csv, as_json, entries
from medqa_sweeps.analysis.reading.studies import read_study
from medqa_sweeps.statistics import compare_one_of
from medqa_sweeps.trial.folder import TrialDir
from tests.analysis.passage_lines import with_passages, without_passages
from tests.analysis.trial_folders import complete, right_at

FEW = right_at(0, 100)


def board_of(folder: Path) -> Leaderboard:
    return leaderboard(read_study(folder))


def three(folder: Path) -> Leaderboard:
    """k=0, k=1 that helps, and k=4 that is no better than another question's."""
    without_passages(folder / "0", right_at(0, 120))
    with_passages(folder / "1", right_at(0, 250), right_at(10, 100), right_at(0, 120), k=1)
    with_passages(folder / "2", right_at(0, 200), FEW, right_at(0, 201), k=4)
    return board_of(folder)


def test_help_is_claimed_of_what_beats_both_controls_alone(tmp_path: Path) -> None:
    board = three(tmp_path)
    assert "The passages of k=1 help: significantly more accurate with them than" in verdict(board)
    assert "harm" not in verdict(board)
    beside_k0, beside_controls = passages_sentences(board)
    assert beside_k0.startswith("The best config with passages is k=1 (62.5%), better by 32.5 points (95% CI ")
    assert beside_k0.endswith("than k=0, the best without (30.0%).")
    paired = compare_one_of(right_at(0, 250), right_at(10, 100), 3)
    limits = f"95% CI {100 * paired.low:.1f} to {100 * paired.high:.1f}"
    assert beside_controls.startswith(f"Its passages help: with them the model is 37.5 points ({limits}) more accurate")
    assert beside_controls.endswith("more accurate than with another question's; corrected for 3 configs.")


def test_more_text_alone_is_no_help(tmp_path: Path) -> None:
    without_passages(tmp_path / "0", right_at(0, 120))
    with_passages(tmp_path / "1", right_at(0, 200), FEW, right_at(0, 201))
    board = board_of(tmp_path)
    assert "passages" not in verdict(board)
    assert "Its passages are not shown to help: with them the model is 25.0 points" in passages_sentences(board)[1]


def test_harm_is_claimed_and_the_best_without_is_named_as_better(tmp_path: Path) -> None:
    without_passages(tmp_path / "0", right_at(0, 220))
    with_passages(tmp_path / "1", FEW, right_at(0, 200), FEW)
    board = board_of(tmp_path)
    assert "The passages of k=1 harm: significantly less accurate with them than without." in verdict(board)
    assert "k=1 (25.0%), worse by 30.0 points" in passages_sentences(board)[0]


def test_intervals_are_corrected_for_all_configs_of_the_study(tmp_path: Path) -> None:
    """On its own k=1 helps: 6 more questions than without, and 8 than with another question's."""
    without, foreign = right_at(0, 188), right_at(0, 186)
    with_passages(tmp_path / "0", right_at(0, 194), without, foreign)
    alone = board_of(tmp_path)
    assert "The passages of trial 0 help" in verdict(alone), passages_sentences(alone)
    for number in range(1, 12):
        without_passages(tmp_path / str(number), right_at(0, 120 + number), lora__r=2 * number)
    assert "help" not in verdict(board_of(tmp_path))


def test_without_passages_nothing_is_said(tmp_path: Path) -> None:
    complete(tmp_path / "0", FEW, lora__r=8)
    without_passages(tmp_path / "1", FEW, lora__r=16)
    board = board_of(tmp_path)
    assert passages_sentences(board) == [] and "passages" not in " ".join([verdict(board), *cautions(board)])
    assert not any("passages" in key for entry in entries(board) for key in entry)


def test_alone_it_is_compared_with_its_controls_only(tmp_path: Path) -> None:
    with_passages(tmp_path / "0", right_at(0, 250), FEW, FEW)
    first, second = passages_sentences(board_of(tmp_path))
    assert first.endswith("(62.5%); none without passages was ranked beside it.") and "corrected" not in second


def test_of_several_seeds_it_is_the_first_that_has_controls(tmp_path: Path) -> None:
    for seed in range(3):
        with_passages(tmp_path / str(seed), right_at(0, 250 + seed), right_at(0, 100 + seed), FEW, seed=seed)
    (tmp_path / "0" / "controls.jsonl").unlink()
    (row,) = board_of(tmp_path).rows
    assert row.passages is not None and row.passages.compared is not None
    assert row.passages.compared.trial.name == "1" and row.passages.compared.score.without == 101 / 400
    assert "with them the model (trial 1 of its seeds) is" in passages_sentences(board_of(tmp_path))[1]


def test_without_controls_it_is_not_known_whether_they_help(tmp_path: Path) -> None:
    (with_passages(tmp_path / "0", right_at(0, 250), FEW, FEW).controls_file).unlink()
    board = board_of(tmp_path)
    assert passages_sentences(board)[1].startswith("The passages were not compared with the controls")
    assert "help" not in verdict(board)


@pytest.mark.parametrize(
    "damage",
    [lambda text: text.replace('"gold"', '"gold', 1), lambda text: text.replace('{"samples_seen"', '{"seen"', 1)],
)
def test_damaged_controls_are_a_sentence_and_the_other_configs_are_there(
    tmp_path: Path, damage: Callable[[str], str]
) -> None:
    three(tmp_path)
    file = TrialDir(tmp_path / "1").controls_file
    file.write_text(damage(file.read_text()))
    board = board_of(tmp_path)
    (sentence,) = [one for one in cautions(board) if "is damaged in line 1 (" in one]
    assert sentence.startswith("Passages of trial 1: ") and str(file) in sentence
    assert "help" not in verdict(board), "the winner's is not known"
    assert [bool(row.passages and row.passages.compared) for row in board.rows] == [False, True, False]


def test_a_gain_over_a_corpus_that_gives_answers_away_means_nothing(tmp_path: Path) -> None:
    found = ["1 passage states the letter of an answer."]
    with_passages(tmp_path / "0", right_at(0, 250), FEW, FEW, 1, {"leaks": found})
    assert any("The passages of trial 0 give answers away" in one for one in cautions(board_of(tmp_path)))
    with_passages(tmp_path / "1", right_at(0, 250), FEW, FEW, 1, {"leaks": found, "dropped": 1})
    assert not any("give answers away" in one for one in cautions(board_of(tmp_path / "1")))


def test_for_other_programs(tmp_path: Path) -> None:
    board = three(tmp_path)
    found = entries(board)
    assert [entry.get("accuracy_without_passages") for entry in found] == [0.25, 0.25, None]
    assert [entry.get("passages_help") for entry in found] == [True, False, None]
    assert "accuracy_without_passages,accuracy_with_foreign_passages,passages_help,passages_harm" in as_csv(found)
    first, second = json.loads(as_json(board, found))["passages"]
    assert (first["config"], first["accuracy"], first["without"], first["foreign"]) == ("k=1", 0.625, 0.25, 0.3)
    assert first["over_without"] == pytest.approx(0.375) and first["over_foreign_low"] > 0
    assert (first["helped"], first["harmed"], first["help"], second["help"]) == (150, 0, True, False)
    assert (first["corpus"], first["passages"], first["documents"]) == ("fff36aecfafa", 2022, 31)
    assert first["gold_mentioned"] == 0.25 and "secret" not in as_json(board, found)
