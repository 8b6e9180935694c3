"""Parallel coordinates: Optuna's own, in colours that show on light and dark."""

import warnings

import numpy as np
from optuna.visualization import plot_parallel_coordinate
from plotly.colors import sample_colorscale

from analysis.comparing.leaderboard import Leaderboard
from analysis.plots.optuna_study import optuna_study
from analysis.plots.plot import COLOURS, Plot, empty_figure, label

MOST = 200  # lines
SETTINGS = 8
_SCALE = ["#8FA3B5", COLOURS[3]]  # from the least accurate to the most


def parallel_coordinates(board: Leaderboard) -> Plot | None:
    """One line per config across its settings; None for fewer than three configs or two settings."""
    if len(board.configs) < 3 or len(board.names) < 2:
        return None
    study, names = optuna_study(board, MOST)
    if len(names) < 2:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is experimental in it
        figure = plot_parallel_coordinate(study, params=names[:SETTINGS], target_name="accuracy, %")
    values = np.array([trial.value for trial in study.trials], dtype=float)
    positions = (values - values.min()) / max(1e-12, float(np.ptp(values)))
    for trace, colour in zip(figure.data, sample_colorscale(_SCALE, positions.tolist()), strict=False):
        trace.line.color = colour
        trace.customdata = [[label(str(word)) for word in pair] for pair in trace.customdata]
    figure.data[-1].marker.colorscale = [[0, _SCALE[0]], [1, _SCALE[1]]]
    figure.update_xaxes(ticktext=[label(str(word)) for word in figure.layout.xaxis.ticktext])
    for note in figure.layout.annotations:
        note.text = label(note.text)
    page = empty_figure("", "").layout
    figure.update_layout(
        template="none", title=None, height=430, margin={"l": 30, "r": 20, "t": 40, "b": 60}, dragmode=False,
        paper_bgcolor=page.paper_bgcolor, plot_bgcolor=page.plot_bgcolor,
    )  # fmt: skip
    which = f"{MOST} of them are drawn, the best among them. " if len(study.trials) == MOST else ""
    caption = (
        f"Each line is a trial, from its accuracy on the left through its {', '.join(names[:SETTINGS])}. {which}"
        "The more orange, the more accurate. The leaderboard has the same in numbers."
    )
    return Plot("coordinates", "Parallel coordinates", caption, figure)
