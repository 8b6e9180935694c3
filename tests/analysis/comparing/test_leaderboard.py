"""Order, pairing and words of the leaderboard."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from medqa_sweeps.analysis.comparing.configs import settings_text
from medqa_sweeps.analysis.comparing.leaderboard import leaderboard, leaderboards
from medqa_sweeps.analysis.comparing.verdict import about_alarms, alarm_lines, verdict
from medqa_sweeps.analysis.page.document import page_html
from medqa_sweeps.analysis.reading.studies import read_studies, read_study
from medqa_sweeps.analysis.reading.trial_state import State
from medqa_sweeps.analysis.terminal.printing import print_board
from medqa_sweeps.config import PromptConfig
from medqa_sweeps.errors import FailureKind
from medqa_sweeps.statistics import compare_with_best
from medqa_sweeps.study.not_run import NotRun, write as write_not_run
from medqa_sweeps.trial.records import Outcome, Prediction, Result, StoppedBy
from tests.analysis.trial_folders import SAMPLES_SEEN, complete, predict, right_at, score_of, submit

BASE = right_at(0, 100)


def four_ranks(folder: Path) -> None:
    """r=32 best; r=64 and r=16 differ from it on a few questions; r=8 is 10 points worse on a subset."""
    complete(folder / "0", right_at(0, 210), BASE, lora__r=8)
    complete(folder / "1", right_at(4, 247), BASE, lora__r=16)
    complete(folder / "2", right_at(0, 250), BASE, lora__r=32)
    complete(folder / "3", right_at(2, 248), BASE, lora__r=64)


def test_rows_are_sorted_and_compared_with_the_best_on_the_same_questions(tmp_path: Path) -> None:
    four_ranks(tmp_path)
    board = leaderboard(read_study(tmp_path))
    assert [row.settings for row in board.rows] == ["r=32", "r=64", "r=16", "r=8"]
    expected = compare_with_best([row.answers.correct_SxQ for row in board.rows], 4)
    assert [row.versus_best for row in board.rows] == [None, *expected]
    assert [row.worse for row in board.rows] == [False, False, False, True]
    assert [row.not_resolved for row in board.rows] == [False, True, True, False]
    (base,) = board.bases
    assert (base.label, base.accuracy.accuracy) == ("untuned base", 0.25)
    gain = board.rows[0].versus_base
    assert gain is not None and (gain.only_first, gain.only_second) == (150, 0) and gain.significant


def test_equal_accuracy_keeps_the_order_of_the_numbers(tmp_path: Path) -> None:
    for number in (10, 9, 2):
        complete(tmp_path / str(number), right_at(number, 200), lora__r=number)
    assert [row.trial.name for row in leaderboard(read_study(tmp_path)).rows] == ["2", "9", "10"]


def test_the_verdict_names_ties_and_the_size_of_what_is_real(tmp_path: Path) -> None:
    four_ranks(tmp_path)
    assert verdict(leaderboard(read_study(tmp_path))) == (
        "r=32 has the highest validation accuracy: 62.5% of 400 questions (95% CI 57.7 to 67.1). "
        "r=8 is worse by 10.0 points (95% CI 6.8 to 14.5). "
        "Not resolved: the differences between r=32 and r=64 and r=16 could be chance. "
        "r=32 is better than the untuned base (25.0%) by 37.5 points (95% CI 31.7 to 43.7)."
    )


def test_the_verdict_on_a_base_that_was_spoilt_or_hardly_moved(tmp_path: Path) -> None:
    complete(tmp_path / "worse" / "0", right_at(0, 100), right_at(0, 200))
    complete(tmp_path / "same" / "0", right_at(0, 100), right_at(0, 99))
    assert verdict(leaderboard(read_study(tmp_path / "worse"))) == (
        "One trial has completed. Its validation accuracy is 25.0% of 400 questions (95% CI 21.0 to 29.5). "
        "Check it before you trust it: it raised an alarm, named below. "
        "Trial 0 is worse than the untuned base (50.0%) by 25.0 points (95% CI 21.0 to 29.5)."
    )
    assert verdict(leaderboard(read_study(tmp_path / "same"))).endswith(
        "Trial 0 is not significantly different from the untuned base (24.8%)."
    )


def test_several_worse_trials_are_each_named_with_their_gap(tmp_path: Path) -> None:
    for number, (r, right) in enumerate([(4, 150), (8, 200), (16, 250)]):
        complete(tmp_path / str(number), right_at(0, right), lora__r=r)
    assert "r=8 is worse by 12.5 points (95% CI 9.6 to 16.1) and r=4 by 25.0 points (95% CI 20.3 to 30.4)." in verdict(
        leaderboard(read_study(tmp_path))
    )


def test_a_long_list_of_ties_is_cut(tmp_path: Path) -> None:
    for number in range(8):
        right = 250 - number if number < 6 else 230
        complete(tmp_path / str(number), right_at(0, right), lora__r=number + 1)
    told = verdict(leaderboard(read_study(tmp_path)))
    assert "the differences between r=1 and r=2, r=3, r=4, r=5 and 1 more could be chance" in told
    assert "r=7 is worse by 5.0 points" in told


def test_several_varying_keys_are_spelt_out_once(tmp_path: Path) -> None:
    complete(tmp_path / "0", right_at(0, 240), lora__r=8, optimizer__lr=1e-4)
    complete(tmp_path / "1", right_at(0, 250), lora__r=16, optimizer__lr=2e-4)
    complete(tmp_path / "2", right_at(1, 250), lora__r=16, optimizer__lr=1e-4)
    assert verdict(leaderboard(read_study(tmp_path))) == (
        "Trial 1 (r=16 lr=0.0002) has the highest validation accuracy: "
        "62.5% of 400 questions (95% CI 57.7 to 67.1). Trial 2 has the same. "
        "Trial 0 (r=8 lr=0.0001) is worse by 2.5 points (95% CI 1.1 to 5.1). "
        "Not resolved: the difference between trial 1 and trial 2 could be chance."
    )


def test_trials_of_one_config_are_told_apart_by_number(tmp_path: Path) -> None:
    for number in range(2):
        complete(tmp_path / str(number), right_at(0, 250 - number))
    assert [row.label for row in leaderboard(read_study(tmp_path)).rows] == ["trial 0", "trial 1"]
    complete(tmp_path / "2", right_at(0, 240), lora__r=8)
    assert [row.label for row in leaderboard(read_study(tmp_path)).rows] == ["trial 0", "trial 1", "r=8"]


def test_other_questions_give_no_paired_test(tmp_path: Path) -> None:
    complete(tmp_path / "0", right_at(0, 250), lora__r=8)
    complete(tmp_path / "1", right_at(0, 200), lora__r=16, first_id=1)
    row = leaderboard(read_study(tmp_path)).rows[1]
    assert (row.versus_best, row.no_test) == (None, "other questions")
    assert "Without a paired test: r=16." in verdict(leaderboard(read_study(tmp_path)))


def test_order_of_the_lines_does_not_matter(tmp_path: Path) -> None:
    complete(tmp_path / "0", right_at(0, 250), lora__r=8)
    shuffled = complete(tmp_path / "1", right_at(50, 200), lora__r=16).predictions_file
    lines = shuffled.read_text().splitlines(keepends=True)
    shuffled.write_text("".join(np.random.default_rng(0).permutation(lines)))
    paired = leaderboard(read_study(tmp_path)).rows[1].versus_best
    assert paired is not None and (paired.only_first, paired.only_second) == (0, 50)


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
    row = leaderboard(read_study(tmp_path)).rows[1]
    assert (row.versus_best, row.no_test) == (None, reason)


def test_answers_of_another_report_are_not_taken_for_the_scores(tmp_path: Path) -> None:
    """A result whose samples_seen is not that of the exported adapter would pair the wrong answers."""
    directory = complete(tmp_path / "0", right_at(0, 250))
    directory.predictions_file.unlink()
    predict(directory, right_at(0, 240), 6000)
    complete(tmp_path / "1", right_at(0, 200), lora__r=64)
    (_, row) = leaderboard(read_study(tmp_path)).rows
    assert row.no_test == "the other's answers on file (400) are not those of the score (400)"


def test_nothing_completed(tmp_path: Path) -> None:
    submit(tmp_path / "0")
    submit(tmp_path / "1").finish(Result(Outcome.FAILED, "x", message="No."))
    board = leaderboard(read_study(tmp_path))
    assert (board.rows, board.bases, board.best) == ((), (), None)
    assert verdict(board) == "No trial has completed its planned training, so there is nothing to compare."


def test_seeds_of_one_config_are_one_row(tmp_path: Path) -> None:
    """r=16 is 5 to 6 points ahead under each of three seeds; all that varies besides is the seed."""
    for number, (rank_, seed, right) in enumerate([(8, 0, 200), (16, 0, 222), (8, 1, 202), (16, 1, 226), (8, 2, 201)]):
        complete(tmp_path / str(number), right_at(0, right), BASE, lora__r=rank_, seed=seed)
    board = leaderboard(read_study(tmp_path))
    assert [(row.label, [trial.name for trial in row.trials]) for row in board.rows] == [
        ("r=16", ["1", "3"]),
        ("r=8", ["0", "2", "4"]),
    ]
    assert board.rows[0].accuracy.accuracy == pytest.approx(0.56)
    assert board.spread is not None and board.spread.freedom == 3
    paired = board.rows[1].versus_best
    assert paired is not None and paired.difference == pytest.approx(201 / 400 - 0.56)
    assert verdict(board).startswith(
        "r=16 has the highest validation accuracy: 56.0% of 400 questions, mean of 2 seeds"
    )
    assert "r=8 is worse by 5.8 points" in verdict(board)


def test_a_claim_is_corrected_for_the_number_of_configs(tmp_path: Path) -> None:
    """10 questions apart, none the other way: worse when the two are alone, not resolved among twenty."""
    for number, right in enumerate([250, 240]):
        complete(tmp_path / str(number), right_at(0, right), lora__r=number + 1)
    assert leaderboard(read_study(tmp_path)).rows[1].worse
    for number in range(2, 20):
        complete(tmp_path / str(number), right_at(0, 247), lora__r=number + 1)
    last = leaderboard(read_study(tmp_path)).rows[-1]
    assert last.not_resolved and last.versus_best is not None and last.versus_best.p_adjusted > 0.05


def test_an_interval_excludes_0_exactly_for_those_that_are_worse(tmp_path: Path) -> None:
    for number in range(15):
        complete(tmp_path / str(number), right_at(number, 250 - 3 * number), lora__r=number + 1)
    rows = leaderboard(read_study(tmp_path)).rows[1:]
    assert {row.worse for row in rows} == {True, False}
    assert all(row.versus_best is not None and row.worse == (row.versus_best.high < 0) for row in rows)


def test_what_is_claimed_does_not_depend_on_how_many_are_shown(tmp_path: Path) -> None:
    for number in range(62):
        complete(tmp_path / str(number), right_at(0, 250 - number), lora__r=number + 1)
    board = leaderboard(read_study(tmp_path), top=30)
    assert leaderboard(read_study(tmp_path), top=60).rows[20].versus_best == board.rows[20].versus_best


def test_several_folders_are_one_study(tmp_path: Path) -> None:
    complete(tmp_path / "first" / "0", right_at(0, 250), lora__r=8)
    complete(tmp_path / "second" / "0", right_at(0, 200), lora__r=16)
    study = read_studies([tmp_path / "first", tmp_path / "second"])
    assert [trial.name for trial in study.trials] == ["first/0", "second/0"]
    assert [row.label for row in leaderboard(study).rows] == ["r=8", "r=16"]


def test_each_config_is_compared_with_its_own_base(tmp_path: Path) -> None:
    """Two prompts have two untuned bases; the second config is below its own."""
    terse = PromptConfig(name="terse", template="{question} {options}")
    complete(tmp_path / "0", right_at(0, 250), right_at(0, 100), lora__r=8)
    complete(tmp_path / "1", right_at(0, 200), right_at(0, 230), lora__r=8, prompt=terse)
    board = leaderboard(read_study(tmp_path))
    assert [(base.label, base.accuracy.accuracy) for base in board.bases] == [
        ("untuned base (prompt=letter)", 0.25),
        ("untuned base (prompt=terse)", 0.575),
    ]
    first, second = (row.versus_base for row in board.rows)
    assert first is not None and second is not None
    assert (first.difference, second.difference) == (pytest.approx(0.375), pytest.approx(-0.075))
    assert "better than the untuned base (prompt=letter) (25.0%)" in verdict(board)
    assert any(alarm.name == "worse_than_base" for alarm in board.rows[1].alarms)


def test_trials_of_other_questions_have_a_leaderboard_of_their_own(tmp_path: Path) -> None:
    for number, (name, right) in enumerate([("a", 250), ("b", 390), ("a", 240)]):
        directory = complete(tmp_path / str(number), right_at(0, right), lora__r=number + 1)
        provenance = directory.provenance() | {"questions": {"validation_fingerprint": name}}
        directory.provenance_file.write_text(json.dumps(provenance))
    submit(tmp_path / "3").finish(Result(Outcome.FAILED, "x", message="No."))
    first, second = leaderboards(read_study(tmp_path))
    assert [row.trial.name for row in first.rows] == ["0", "2"] and [row.trial.name for row in second.rows] == ["1"]
    assert [trial.name for trial in first.study.others()] == ["3"] and not second.study.others()
    assert "r=1 has the highest" in verdict(first)


def test_a_trial_that_a_person_stopped_is_not_called_the_best(tmp_path: Path) -> None:
    complete(tmp_path / "0", right_at(0, 200), lora__r=8)
    stopped = submit(tmp_path / "1", lora__r=16)
    stopped.finish(
        Result(
            Outcome.COMPLETED,
            "x",
            message="stopped on request after 384 of 640 samples",
            score=score_of(right_at(0, 300)),
            stopped_by=StoppedBy.REQUEST,
        )
    )
    board = leaderboard(read_study(tmp_path))
    assert [row.trial.name for row in board.rows] == ["0"]
    (other,) = board.study.others()
    assert (other.state, other.reason) == (
        State.STOPPED,
        "stopped on request after 384 of 640 samples. Validation accuracy then: 75.0%.",
    )


def test_that_patience_ended_the_best_is_said(tmp_path: Path) -> None:
    directory = submit(tmp_path / "0")
    predict(directory, right_at(0, 200), SAMPLES_SEEN)
    message = "stopped early after 384 of 640 samples: no better accuracy in 2 evaluations"
    score, by = score_of(right_at(0, 200)), StoppedBy.PATIENCE
    directory.finish(
        Result(Outcome.COMPLETED, "x", message=message, score=score, samples_seen=SAMPLES_SEEN, stopped_by=by)
    )
    assert f"It {message}." in verdict(leaderboard(read_study(tmp_path)))


def test_a_best_that_raised_an_alarm_is_not_praised_without_saying_so(tmp_path: Path) -> None:
    directory = submit(tmp_path / "0")
    gold = ["ABCD"[number % 4] for number in range(400)]
    directory.append_predictions(
        Prediction(SAMPLES_SEEN, f"q{number}", letter, "B") for number, letter in enumerate(gold)
    )
    score = score_of([letter == "B" for letter in gold])
    directory.finish(Result(Outcome.COMPLETED, "x", score=score, samples_seen=SAMPLES_SEEN))
    board = leaderboard(read_study(tmp_path))
    assert "Check it before you trust it" in verdict(board)
    (line,) = alarm_lines(board)
    assert line.startswith("trial 0: The model answers B to 400 of 400 questions")


def test_the_legend_says_why_near_chance_only_some_have_an_alarm(tmp_path: Path) -> None:
    complete(tmp_path / "0", right_at(0, 250), lora__r=8)
    assert about_alarms(leaderboard(read_study(tmp_path))) == "Check these configs before you trust their scores:"
    complete(tmp_path / "1", right_at(0, 100), lora__r=16)
    board = leaderboard(read_study(tmp_path))
    assert [one.name for row in board.rows for one in row.alarms if one.name == "not_above_chance"]
    told = about_alarms(board)
    assert "others of the same accuracy do not. Check these configs" in told and "at most 1 of 1,000" in told
    screen = io.StringIO()
    print_board(board, "a study", Console(file=screen, width=400))
    assert f"! {told}" in screen.getvalue() and told in page_html(board, "a study", [], tmp_path)


def test_trials_that_never_ran_are_accounted_for(tmp_path: Path) -> None:
    complete(tmp_path / "0", right_at(0, 200), lora__r=8)
    write_not_run(
        tmp_path, NotRun(1, ["lora.r=0"], Outcome.FAILED, "lora.r=0: the rank is 1 or more", FailureKind.CONFIG)
    )
    write_not_run(tmp_path, NotRun(2, ["lora.r=8"], Outcome.COMPLETED, "the same experiment as trial 0", same_as=0))
    study = read_study(tmp_path)
    assert [(trial.name, trial.state) for trial in study.others()] == [("1", State.FAILED), ("2", State.REPEATED)]
    assert [settings_text(trial, {}) for trial in study.others()] == ["r=0", "r=8"]
    assert study.ended_badly()
