"""What the plots of a report draw."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from medqa_sweeps.analysis.comparing.leaderboard import leaderboard
from medqa_sweeps.analysis.plots import PLOTS
from medqa_sweeps.analysis.plots.accuracy_by_cost import accuracy_by_cost, front_of, parameters_of
from medqa_sweeps.analysis.plots.accuracy_by_group import step_title
from medqa_sweeps.analysis.plots.accuracy_by_setting import accuracy_by_setting
from medqa_sweeps.analysis.plots.best_so_far import best_so_far
from medqa_sweeps.analysis.plots.differences_to_best import resolved_text
from medqa_sweeps.analysis.plots.disagreement import pairs_of
from medqa_sweeps.analysis.plots.heat_maps import heat_maps
from medqa_sweeps.analysis.plots.learning_curves import learning_curves
from medqa_sweeps.analysis.plots.letter_shares import letter_shares
from medqa_sweeps.analysis.plots.parallel_coordinates import parallel_coordinates
from medqa_sweeps.analysis.plots.plot import COLOURS, GREY, name_of
from medqa_sweeps.analysis.plots.reference_lines import ReferenceLevels, reference_levels
from medqa_sweeps.analysis.plots.seeds import seeds
from medqa_sweeps.analysis.plots.timeline import lanes_of
from medqa_sweeps.analysis.plots.training_loss import training_loss
from medqa_sweeps.analysis.reading.history import Span
from medqa_sweeps.analysis.reading.studies import read_study
from medqa_sweeps.trial.records import Outcome, Prediction, Result, TrainLine, ValidationLine
from tests.analysis.page.page_tags import Page
from tests.analysis.trial_folders import complete, right_at, score_of, submit


def test_every_plot_has_its_caption_and_a_table(hostile: Path) -> None:
    made = [make(leaderboard(read_study(hostile))) for make in PLOTS]
    plots = [plot for plot in made if plot is not None]  # the Pareto front is of several metrics alone
    names = [plot.name for plot in plots]
    assert names == [
        *("differences", "settings", "heat", "sofar", "learning", "loss", "coordinates", "importances", "cost"),
        *("timeline", "calibration", "letters", "groups", "disagreement"),
    ]
    for plot in plots:
        assert len(plot.caption) > 40
        assert plot.tables or plot.name == "coordinates"


def test_settings_each_have_a_panel(hostile: Path) -> None:
    layout = Page(hostile / "report" / "index.html").figures["settings-plot"]["layout"]
    domains = sorted(layout[name]["domain"] for name in layout if name.startswith("yaxis"))
    assert len(domains) == 3
    assert all(below[1] < above[0] for below, above in pairwise(domains))


def test_pareto_front_is_what_nothing_beats(hostile: Path) -> None:
    configs = leaderboard(read_study(hostile)).configs
    both = {index: (parameters_of(config), config.accuracy) for index, config in enumerate(configs)}
    front = front_of(both)
    for index, (cost, accuracy) in both.items():
        beaten = any(other <= cost and more > accuracy for other, more in both.values())
        assert (index in front) <= (not beaten)
    assert max(accuracy for _, accuracy in both.values()) == both[front[-1]][1]


def test_lanes_hold_what_does_not_overlap(hostile: Path) -> None:
    trial = read_study(hostile).trials[0]
    times = [(0.0, 10.0), (5.0, 20.0), (10.0, 15.0), (16.0, 30.0)]
    lanes = lanes_of([Span(trial, began, ended, "host", "cpu", on_gpu=False) for began, ended in times])
    assert {name: [span.began for span in lane] for name, lane in lanes.items()} == {
        "host cpu #0": [0.0, 10.0, 16.0],
        "host cpu #1": [5.0],
    }


def test_pairs_are_the_best_with_others(hostile: Path) -> None:
    pairs = pairs_of(leaderboard(read_study(hostile)))
    assert [pair.first.label for pair in pairs] == [pairs[0].first.label] * len(pairs)
    assert len({pair.second.label for pair in pairs}) == len(pairs) == 5


def test_the_most_accurate_fifth_is_coloured_and_drawn_last_and_few_values_are_the_ticks(tmp_path: Path) -> None:
    ranks = [rank for rank in (4, 8, 16, 32, 64) for _ in range(2)]
    for number, lora_rank in enumerate(ranks):
        right = right_at(0, 100 + 20 * ((7 * number) % 10))
        complete(tmp_path / str(number), right, lora__r=lora_rank, lora__dropout=0.1 * (number % 2))
    plot = parallel_coordinates(leaderboard(read_study(tmp_path)))
    assert plot is not None and plot.figure is not None
    lines = plot.figure.data
    assert [line.y[0] for line in lines] == sorted(line.y[0] for line in lines)
    assert [line.line.color == COLOURS[3] for line in lines] == 8 * [False] + 2 * [True]
    axis = list(plot.figure.layout.xaxis.ticktext).index("r")
    ticks = {note.text: note.y for note in plot.figure.layout.annotations if note.x == axis}
    assert sorted(ticks, key=ticks.__getitem__) == ["4", "8", "16", "32", "64"]


def test_no_colour_stands_for_two_configs_and_the_others_are_grey(tmp_path: Path) -> None:
    for number in range(9):
        directory = complete(tmp_path / str(number), right_at(0, 200 + number), lora__r=4 + number)
        for samples in (0, 6000):
            directory.append(ValidationLine(samples, samples, 0.0, 1.0 + samples, 1.0, score_of(right_at(0, 200))))
            directory.append(TrainLine(samples, samples, 0.0, 1.0 + samples, 1.0, 1e-3, 1.0, 1.0, 1))
    board = leaderboard(read_study(tmp_path))
    for plot in (learning_curves(board), training_loss(board)):
        assert plot is not None and plot.figure is not None and "grey: the other 3" in plot.caption
        named = [trace for trace in plot.figure.data if trace.showlegend is not False]
        assert len({trace.line.color for trace in named}) == len(named) == len(COLOURS)
        assert len({trace.line.dash for trace in named}) == len(COLOURS)
        assert {trace.line.color for trace in plot.figure.data if trace.showlegend is False} == {GREY}


def test_two_configs_whose_names_are_cut_to_the_same_text_are_drawn_apart(tmp_path: Path) -> None:
    """Cut at 40 characters they were one category, and shared a bar of 200%."""
    for number, rate in enumerate((0.00012345, 0.00012346, 0.00012347)):
        settings = {"lora__dropout": 0.05 * number, "optimizer__weight_decay": rate, "training__epochs": 1.0 + number}
        right = right_at(0, 200 + number)
        complete(tmp_path / str(number), right, lora__r=4, optimizer__lr=rate, scheduler__warmup_ratio=rate, **settings)
    board = leaderboard(read_study(tmp_path))
    names = [name_of(row) for row in board.rows]
    assert len(set(names)) == 3 and all(name.startswith(f"trial {2 - at}: ") for at, name in enumerate(names))
    assert all(len(name) <= 40 for name in names)


@pytest.mark.parametrize(
    ("worse", "shown", "says"),
    [
        (3, 3, "All 3 are significantly worse than r=8."),
        (0, 2, "Each of the 2 differences could be chance (not resolved)."),
        (1, 4, "1 of 4 is significantly worse; for the others the difference could be chance (not resolved)."),
        (1, 1, "It is significantly worse than r=8."),
    ],
)
def test_differences_are_counted_in_words(worse: int, shown: int, says: str) -> None:
    assert resolved_text(worse, shown, "r=8") == says


def test_steps_are_written_as_people_do() -> None:
    assert [step_title(one) for one in ("step1", "step2&3", "other")] == ["Step 1", "Step 2 and 3", "other"]


def test_one_line_where_one_letter_is_as_good_as_guessing() -> None:
    tied = ReferenceLevels(0.25, 0.25, None)
    assert [name for name, _ in tied.lines] == ["chance 25.0%"] and "one letter (25.0%)" in tied.caption
    assert [name for name, _ in ReferenceLevels(0.25, 0.3, "B").lines] == ["chance 25.0%", "always B 30.0%"]


def test_costs_are_parameters_and_tokens_where_they_differ(tmp_path: Path) -> None:
    for number, speed in enumerate((100.0, 100.0, 300.0)):
        directory = complete(tmp_path / str(number), right_at(0, 200 + number), lora__r=4 + number)
        for step in (0, 1):
            directory.append(TrainLine(step, step, 0.0, 10.0 * step, 1.0, 1e-3, 1.0, speed, 1))
    plot = accuracy_by_cost(leaderboard(read_study(tmp_path)))
    assert plot is not None and plot.figure is not None
    assert plot.figure.layout.xaxis.title.text == "training tokens"
    assert sorted(plot.figure.data[0].x) == [1000, 1000, 3000] and len(plot.tables) == 1


def test_chance_and_majority_are_drawn_beside_accuracies(tmp_path: Path) -> None:
    for number in range(2):
        directory = submit(tmp_path / str(number), lora__r=4 + number)
        answers = [(letter, letter) for letter in "ABBB"] + [("A", "B")] * (number + 1)
        scores = dict.fromkeys("ABCDE", -1.0)
        directory.append_predictions(
            Prediction(6, f"q{at}", gold, predicted, scores) for at, (gold, predicted) in enumerate(answers)
        )
        right = [gold == predicted for gold, predicted in answers]
        directory.finish(Result(Outcome.COMPLETED, "x", score=score_of(right), samples_seen=6))
    board = leaderboard(read_study(tmp_path))
    levels = reference_levels(board)
    assert levels is not None
    assert (levels.chance, levels.majority, levels.letter) == (pytest.approx(0.2), pytest.approx(3 / 5), "B")
    plot = accuracy_by_setting(board)
    assert plot is not None and plot.figure is not None
    assert sorted(shape.y0 for shape in plot.figure.layout.shapes) == [pytest.approx(20), pytest.approx(60)]
    assert "guessing (20.0%) and always answering B (60.0%)" in plot.caption


def test_a_heat_map_has_each_combination_with_its_count_and_interval(tmp_path: Path) -> None:
    grid = [(r, lr) for r in (4, 8, 16) for lr in (1e-4, 1e-3)]
    for number, (rank, rate) in enumerate(grid[:-1]):
        complete(tmp_path / str(number), right_at(0, 100 + 20 * number), lora__r=rank, optimizer__lr=rate)
    complete(tmp_path / "5", right_at(0, 300), lora__r=4, optimizer__lr=1e-4, lora__dropout=0.1)
    plot = heat_maps(leaderboard(read_study(tmp_path)))
    assert plot is not None and plot.figure is not None and len(plot.figure.data) == 3
    table = next(table for table in plot.tables if set(table.header[:2]) == {"r", "lr"})
    cells = {tuple(sorted(row[:2])): row[2:] for row in table.rows}
    assert cells["0.0001", "4"][:2] == ("2", "50.0") and len(cells) == 5  # 25.0 % and 75.0 %; one was not tried
    assert cells["0.001", "4"] == ("1", "30.0", "25.7 to 34.7")


def test_many_values_of_a_number_are_put_into_ranges(tmp_path: Path) -> None:
    for number in range(14):
        complete(
            tmp_path / str(number),
            right_at(0, 100 + number),
            lora__r=4 + number % 2,
            optimizer__lr=10 ** (-4 + number / 6),
        )
    plot = heat_maps(leaderboard(read_study(tmp_path)))
    assert plot is not None
    rates = {row[plot.tables[0].header.index("lr")] for row in plot.tables[0].rows}
    assert len(rates) == 6 and all(" to " in one for one in rates)
    assert sum(int(row[2]) for row in plot.tables[0].rows) == 14


def test_the_highest_so_far_never_falls_and_follows_the_ends(tmp_path: Path) -> None:
    for number, (right, ended) in enumerate([(200, 5.0), (150, 1.0), (180, 2.0), (120, 3.0), (190, 4.0)]):
        directory = complete(tmp_path / str(number), right_at(0, right), lora__r=4 + number)
        result = json.loads(directory.result_file.read_text()) | {"finished_at": ended}
        directory.result_file.write_text(json.dumps(result))
    plot = best_so_far(leaderboard(read_study(tmp_path)))
    assert plot is not None and plot.figure is not None
    dots, line = plot.figure.data
    assert list(dots.y) == [37.5, 45.0, 30.0, 47.5, 50.0]
    assert list(zip(line.x, line.y, strict=True)) == [(1, 37.5), (2, 45.0), (4, 47.5), (5, 50.0), (5, 50.0)]


def test_every_seed_is_a_dot_beside_its_mean(tmp_path: Path) -> None:
    for number, (rank, seed) in enumerate((rank, seed) for rank in (8, 16) for seed in range(3)):
        complete(tmp_path / str(number), right_at(0, 200 + 20 * seed + rank), lora__r=rank, seed=seed)
    plot = seeds(leaderboard(read_study(tmp_path)))
    assert plot is not None and plot.figure is not None
    dots, means = plot.figure.data
    assert len(dots.x) == 6 and list(means.x) == [pytest.approx(59), pytest.approx(57)]
    assert sorted(dots.x[:3]) == [54, 59, 64] and all(0 < y < 0.5 for y in dots.y[:3])


def test_the_share_of_each_letter_stands_beside_that_of_the_correct_answers(tmp_path: Path) -> None:
    directory = submit(tmp_path / "0")
    answers = [("A", "A"), ("B", "A"), ("C", "A"), ("D", None)]
    directory.append_predictions(
        Prediction(6, f"q{at}", gold, predicted, {}) for at, (gold, predicted) in enumerate(answers)
    )
    right = [gold == predicted for gold, predicted in answers]
    directory.finish(Result(Outcome.COMPLETED, "x", score=score_of(right), samples_seen=6))
    plot = letter_shares(leaderboard(read_study(tmp_path)))
    assert plot is not None
    assert plot.tables[0].rows == [
        ("correct answers", "25.0%", "25.0%", "25.0%", "25.0%", "0.0%"),
        ("trial 0", "75.0%", "0.0%", "0.0%", "0.0%", "25.0%"),
    ]
