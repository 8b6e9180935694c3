"""What the plots of a report draw."""

from itertools import pairwise
from pathlib import Path

from analysis.comparing.leaderboard import leaderboard
from analysis.plots import PLOTS
from analysis.plots.accuracy_by_cost import front_of, minutes_of
from analysis.plots.disagreement import pairs_of
from analysis.plots.parallel_coordinates import parallel_coordinates
from analysis.plots.plot import COLOURS
from analysis.plots.timeline import lanes_of
from analysis.reading.history import Span
from analysis.reading.studies import read_study
from tests.analysis.page.page_tags import Page
from tests.analysis.trial_folders import complete, right_at


def test_every_plot_has_its_caption_and_a_table(hostile: Path) -> None:
    made = [make(leaderboard(read_study(hostile))) for make in PLOTS]
    plots = [plot for plot in made if plot is not None]  # the Pareto front is of several metrics alone
    names = [plot.name for plot in plots]
    assert names == [
        *("differences", "settings", "learning", "loss", "coordinates", "importances", "cost", "timeline"),
        *("calibration", "groups", "disagreement"),
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
    configs = list(leaderboard(read_study(hostile)).configs)
    front = front_of(configs)
    for config in configs:
        beaten = any(minutes_of(o) <= minutes_of(config) and o.accuracy > config.accuracy for o in configs)
        assert (config in front) <= (not beaten)
    assert max(configs, key=lambda config: config.accuracy).accuracy == front[-1].accuracy


def test_lanes_hold_what_does_not_overlap(hostile: Path) -> None:
    trial = read_study(hostile).trials[0]
    times = [(0.0, 10.0), (5.0, 20.0), (10.0, 15.0), (16.0, 30.0)]
    lanes = lanes_of([Span(trial, began, ended, "host cpu") for began, ended in times])
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
