"""What the screens, the page and the files say of a study that optimised something else than accuracy."""

import csv
import dataclasses
import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from medqa_sweeps.analysis.comparing.by_objective import by_objective, objective_sentences, objective_table
from medqa_sweeps.analysis.comparing.confirmation_result import read_confirmed
from medqa_sweeps.analysis.comparing.confirmation_verdict import confirmation_sentences
from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard, leaderboard
from medqa_sweeps.analysis.comparing.verdict import verdict
from medqa_sweeps.analysis.export import as_csv, as_json, entries
from medqa_sweeps.analysis.plots.confirmation import confirmation_plot
from medqa_sweeps.analysis.plots.pareto_front import pareto_front
from medqa_sweeps.analysis.reading.studies import read_studies, read_study
from medqa_sweeps.analysis.sending.summary_content import objective_answer
from medqa_sweeps.analysis.terminal.printing import print_board
from medqa_sweeps.command_line import short_path
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.study.confirmation import ChosenConfig, Confirmation, confirmed_winner, write_confirmation
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.study.selection import selected_trial
from medqa_sweeps.sweep.confirm import choose
from medqa_sweeps.trial.records import Outcome, Result
from tests.analysis.trial_folders import predict, right_at, score_of, submit

# By rank and seed: correct answers of 400, and the calibration error. r=8 is the most accurate, r=64 the best
# calibrated, r=16 between the two. r=32 is worse than r=16 in both on average, and its seed 1 is better in both.
SCORES = {8: [(280, 0.30), (284, 0.30)], 16: [(260, 0.20), (264, 0.20)], 32: [(230, 0.40), (274, 0.15)]}
SCORES |= {64: [(200, 0.04), (204, 0.06)]}


def write(folder: Path, metric: str | None, scores: dict[int, list[tuple[int, float | None]]] = SCORES) -> Leaderboard:
    number = 0
    for lora_r, by_seed in scores.items():
        for seed, (right, error) in enumerate(by_seed):
            trial, correct = submit(folder / str(number), lora__r=lora_r, seed=seed), right_at(0, right)
            predict(trial, correct, 100)
            score = dataclasses.replace(score_of(correct), calibration_error=error, gold_log_probability=-right / 400)
            trial.finish(Result(Outcome.COMPLETED, "abc", score=score, samples_seen=100, trainable_weights=9))
            number += 1
    (folder / "study.yaml").write_text(f"metric: {metric}\n" if metric else "direction: [maximize]\n")
    return leaderboard(read_study(folder))


@pytest.fixture(scope="module")
def accuracy(tmp_path_factory: pytest.TempPathFactory) -> Leaderboard:
    return write(tmp_path_factory.mktemp("accuracy") / "study", None)


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> Leaderboard:
    return write(tmp_path_factory.mktemp("calibration") / "study", "calibration_error")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Leaderboard:
    return write(tmp_path_factory.mktemp("both") / "study", "[accuracy, calibration_error]")


def printed(board: Leaderboard) -> str:
    stream = io.StringIO()
    print_board(board, "study", Console(file=stream, width=120))
    return stream.getvalue()


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_what_is_run_again_is_the_best_by_what_was_optimised(
    accuracy: Leaderboard, calibration: Leaderboard, both: Leaderboard
) -> None:
    for board, trial in ((accuracy, "0"), (calibration, "6"), (both, "0")):
        assert f"reproduce {short_path(board.study.folder / trial)}\n" in printed(board).replace("'", "")


def test_of_accuracy_nothing_more_is_said(accuracy: Leaderboard) -> None:
    assert objective_sentences(accuracy) == [] and objective_table(accuracy, 20) is None
    assert pareto_front(accuracy) is None
    assert "optimised" not in printed(accuracy)
    assert not {"calibration_error", "on_pareto_front"} & entries(accuracy)[0].keys()
    assert objective_answer(accuracy) == {"metric": "accuracy"}


def test_the_best_by_another_metric_is_named_and_not_the_most_accurate(calibration: Leaderboard) -> None:
    words = objective_sentences(calibration)
    assert words == [
        "This study optimised calibration_error (expected calibration error, lower is better).",
        "The best by it is r=64: 0.050, mean of 2 seeds. It is not the most accurate config; everything else here "
        "compares accuracies.",
    ]
    assert verdict(calibration).startswith(" ".join(words))
    assert " ".join(words) in one_line(printed(calibration)), "in the terminal, before the leaderboard"


def test_the_configs_by_another_metric_are_a_table_best_first(calibration: Leaderboard) -> None:
    table = objective_table(calibration, 3)
    assert table is not None and table.header == ("trial", "config", "calibration_error", "accuracy")
    assert table.rows == [
        ("6 7", "r=64", "0.050", "50.5%"),
        ("2 3", "r=16", "0.200", "65.5%"),
        ("4 5", "r=32", "0.275", "63.0%"),
    ]
    assert "By what was optimised, best first: 4 configs" in printed(calibration)
    drawn = pareto_front(calibration)
    assert drawn is not None and drawn.figure is None and drawn.tables[0].rows[0] == table.rows[0]


def test_the_best_by_it_may_be_the_most_accurate_too(tmp_path: Path) -> None:
    board = write(tmp_path / "study", "gold_log_probability", {8: [(100, 0.1)], 16: [(90, 0.1)]})
    words = objective_sentences(board)
    assert words[0] == (
        "This study optimised gold_log_probability (mean log-probability of the correct answer, higher is better)."
    )
    assert (
        words[1] == "The best by it is r=16: -0.225 nats. It is not the most accurate config; everything else here "
        "compares accuracies."
    )
    (tmp_path / "study" / "study.yaml").write_text("metric: balanced_accuracy\n")
    assert objective_sentences(leaderboard(read_study(tmp_path / "study"))) == [
        "This study optimised balanced_accuracy (maximised). No trial with a score of that has completed yet."
    ]
    (tmp_path / "study" / "study.yaml").write_text("metric: calibration_error\n")
    again = leaderboard(read_study(tmp_path / "study"))
    assert objective_sentences(again)[1].endswith("It is the most accurate config, too.")


def test_the_front_of_two_metrics_is_of_means_over_seeds(both: Leaderboard) -> None:
    assert [one.config.trial_names for one in by_objective(both) if one.on_front] == ["0 1", "2 3", "6 7"]
    words = objective_sentences(both)
    assert words[0] == "This study optimised accuracy (maximised) and calibration_error (minimised)."
    assert words[1].startswith("3 of 4 configs are on the Pareto front: r=8, r=16 and r=64. No other config is")
    said = printed(both)
    assert "Pareto front: 3 of 4 configs" in said and " ".join(words) in one_line(said)
    front = said[said.index("Pareto front: 3") :].split("\n\n")[0]
    assert [line.split()[-3:] for line in front.splitlines()[3:]] == [
        ["r=8", "70.5%", "0.300"],
        ["r=16", "65.5%", "0.200"],
        ["r=64", "50.5%", "0.050"],
    ]


def test_the_tables_for_programs_have_the_metrics_and_the_front(both: Leaderboard) -> None:
    rows = {row["r"]: row for row in csv.DictReader(io.StringIO(as_csv(entries(both))))}
    assert {r: row["on_pareto_front"] for r, row in rows.items()} == {
        "8": "true",
        "16": "true",
        "32": "false",
        "64": "true",
    }
    assert float(rows["64"]["calibration_error"]) == pytest.approx(0.05)
    whole = json.loads(as_json(both, entries(both)))
    assert whole["objective"] == {"metric": ["accuracy", "calibration_error"], "direction": ["maximize", "minimize"]}
    assert whole["configs"][0]["on_pareto_front"] is True


def test_a_config_without_the_metric_is_on_no_front(tmp_path: Path) -> None:
    scores: dict[int, list[tuple[int, float | None]]] = {8: [(280, None)], 16: [(260, 0.2)]}
    board = write(tmp_path / "study", "[accuracy, calibration_error]", scores)
    assert [(row["r"], row["calibration_error"], row["on_pareto_front"]) for row in entries(board)] == [
        (8, None, None),
        (16, 0.2, True),
    ]
    assert objective_sentences(board)[1].startswith("1 of 1 config is on the Pareto front: r=16.")


def test_the_plot_draws_every_config_and_marks_the_front(both: Leaderboard) -> None:
    drawn = pareto_front(both)
    assert drawn is not None and drawn.figure is not None and drawn.name == "pareto"
    others, front = drawn.figure.data
    assert list(front.x) == pytest.approx([50.5, 65.5, 70.5]), "accuracy in percent"
    assert list(front.y) == pytest.approx([0.05, 0.2, 0.3]) and list(others.x) == pytest.approx([63.0])
    assert front.text[0] == "r=64: 50.5%, 0.050"
    assert drawn.figure.layout.xaxis.title.text == "accuracy, % (maximised)"
    assert drawn.figure.layout.yaxis.title.text == "calibration_error (minimised)"


def test_three_metrics_have_a_panel_each_beside_the_first(tmp_path: Path) -> None:
    board = write(tmp_path / "study", "[accuracy, calibration_error, gold_log_probability]")
    drawn = pareto_front(board)
    assert drawn is not None and drawn.figure is not None and len(drawn.figure.data) == 4
    assert drawn.figure.layout.yaxis2.title.text == "gold_log_probability, nats (maximised)"
    assert [trace.showlegend for trace in drawn.figure.data].count(True) == 2 - (not drawn.figure.data[0].x)


def test_studies_that_optimised_different_metrics_are_compared_by_accuracy(tmp_path: Path) -> None:
    for name, metric in (("first", "accuracy"), ("second", "calibration_error")):
        write(tmp_path / name, metric)
    words = objective_sentences(leaderboard(read_studies([tmp_path / "first", tmp_path / "second"])))
    assert words == [
        "These studies optimised different metrics (first: accuracy (maximised); second: calibration_error "
        "(minimised)). They are compared by accuracy here."
    ]
    write(tmp_path / "third", "calibration_error")
    same = objective_sentences(leaderboard(read_studies([tmp_path / "second", tmp_path / "third"])))
    assert same[0].startswith("This study optimised calibration_error")


def test_what_wandb_s_overview_says(calibration: Leaderboard, both: Leaderboard) -> None:
    assert objective_answer(calibration) == {
        "metric": "calibration_error",
        "best_by_metric": "r=64",
        "best_calibration_error": pytest.approx(0.05),
    }
    assert objective_answer(both) == {
        "metric": "accuracy, calibration_error",
        "pareto_front": ["r=8", "r=16", "r=64"],
    }


def test_a_damaged_definition_is_said_and_not_passed_over(tmp_path: Path) -> None:
    board = write(tmp_path / "study", "accuracy")
    (tmp_path / "study" / "study.yaml").write_text("metric: [accuracy")
    with pytest.raises(ConfigError, match=r"study\.yaml is damaged"):
        objective_sentences(board)


def labels(rows: Sequence[tuple[str, ...]]) -> list[str]:
    return [row[1] for row in rows]


def test_no_more_than_asked_for_are_listed(both: Leaderboard) -> None:
    table = objective_table(both, 2)
    assert table is not None and labels(table.rows) == ["r=8", "r=16"]
    assert table.caption == "Pareto front: 3 of 4 configs"


def test_confirm_and_final_take_the_best_by_what_was_optimised(calibration: Leaderboard, both: Leaderboard) -> None:
    study = calibration.study.folder
    confirmation = choose(study, study.with_name("study-confirm"), 2, 3)
    best, second = confirmation.configs
    assert (best.trials, second.trials) == ([6, 7], [2, 3])
    assert best.chosen_by == "calibration_error 0.050" and best.accuracy == pytest.approx(0.505)
    assert selected_trial(StudyDir(study)) == (
        6,
        "the first seed of the best config by calibration_error on validation, on average over 2 seeds",
    )
    assert choose(both.study.folder, study, 1, 1).configs[0].chosen_by == "accuracy 70.5%, calibration_error 0.300"


def test_of_accuracy_a_confirmation_says_no_more_than_that(accuracy: Leaderboard) -> None:
    (best,) = choose(accuracy.study.folder, accuracy.study.folder.with_name("again"), 1, 1).configs
    assert best.chosen_by == "" and best.accuracy == pytest.approx(0.705)


def test_a_confirmation_speaks_of_what_its_configs_were_chosen_by(tmp_path: Path) -> None:
    again = tmp_path / "study-confirm"
    write(again, "calibration_error", {64: [(202, 0.25), (204, 0.27)], 16: [(261, 0.20), (262, 0.22)]})
    configs = [
        ChosenConfig("r=64", [6, 7], 0.505, [0, 1], "calibration_error 0.050"),
        ChosenConfig("r=16", [2, 3], 0.655, [2, 3], "calibration_error 0.200"),
    ]
    write_confirmation(again, Confirmation("../study", 4, [5, 6], configs))
    confirmed = read_confirmed(again)
    assert confirmation_sentences(confirmed) == [
        "The best 2 of 4 configs of study again, under new seeds (5, 6).",
        "r=64: selected at calibration_error 0.050; with 2 new seeds it averages calibration_error 0.260.",
        "r=16: selected at calibration_error 0.200; with 2 new seeds it averages calibration_error 0.210.",
        "r=16 leads now by calibration_error. That was not tested: chance alone could have decided it.",
        "The seeds are new, but these are the validation questions that were used for selection.",
    ]
    assert confirmed.configs[0].optimism is None
    assert "optimism of the selection" not in confirmation_plot(confirmed).caption
    winner = confirmed_winner(again)
    assert winner is not None and winner.settings == "r=16"
