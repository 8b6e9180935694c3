"""What the plots of a report draw."""

from itertools import pairwise
from pathlib import Path

from analysis.comparing.leaderboard import leaderboard
from analysis.plots import PLOTS
from analysis.plots.accuracy_by_cost import front_of, minutes_of
from analysis.plots.disagreement import pairs_of
from analysis.plots.timeline import lanes_of
from analysis.reading.history import Span
from analysis.reading.studies import read_study
from tests.analysis.page.page_tags import Page


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
