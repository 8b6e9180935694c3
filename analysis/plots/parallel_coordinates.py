"""Parallel coordinates: Optuna's own, with the best trials in colour before the others in grey."""

import warnings

import plotly.graph_objects as go
from optuna.visualization import plot_parallel_coordinate

from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard
from medqa_sweeps.analysis.plots.optuna_study import optuna_study
from medqa_sweeps.analysis.plots.plot import COLOURS, GREY, Plot, empty_figure, label
from medqa_sweeps.wording import listed

MOST = 200  # lines
SETTINGS = 8
FEW = 8  # distinct values, each of which is a tick of its axis
BEST_SHARE = 0.2  # of the trials, in colour: a scale over all of them shows no path


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
    figure.data = figure.data[:-1]  # the colour bar's: the first axis is the accuracy
    _mark_the_values_tried(figure)
    coloured = max(1, round(BEST_SHARE * len(figure.data)))
    for rank, trace in enumerate(reversed(figure.data)):
        trace.line.color, trace.opacity = (COLOURS[3], 0.9) if rank < coloured else (GREY, 0.35)
        trace.customdata = [[label(str(word)) for word in pair] for pair in trace.customdata]
    figure.update_xaxes(ticktext=[label(str(word)) for word in figure.layout.xaxis.ticktext])
    for note in figure.layout.annotations:
        note.text, note.bgcolor = label(note.text), "white"  # the page's own colour takes its place
    page = empty_figure("", "").layout
    figure.update_layout(
        template="none", title=None, height=430, margin={"l": 30, "r": 20, "t": 40, "b": 60}, dragmode=False,
        paper_bgcolor=page.paper_bgcolor, plot_bgcolor=page.plot_bgcolor,
    )  # fmt: skip
    through = listed([str(name) for name in figure.layout.xaxis.ticktext[1:]], SETTINGS)  # in the order drawn
    which = f"{MOST} of them are drawn, the best included. " if len(study.trials) == MOST else ""
    caption = (
        f"Each line is a trial, from its accuracy on the left through {through}. {which}"
        f"Orange: the {coloured} most accurate of {len(figure.data)}. "
        "A setting may matter where the orange lines meet and the grey ones do not."
    )
    return Plot("coordinates", "Parallel coordinates", caption, figure)


def _mark_the_values_tried(figure: go.Figure) -> None:
    """In place of Optuna's evenly spaced ticks, of which 14 between batches of 8 and 16 is one, where they are few."""
    for axis in range(1, len(figure.layout.xaxis.ticktext)):
        ticks = {trace.y[axis]: trace.customdata[axis][1] for trace in figure.data}
        of_axis = [note for note in figure.layout.annotations if note.x == axis]
        if len(ticks) <= FEW:
            others = [note for note in figure.layout.annotations if note.x != axis]
            at_values = [go.layout.Annotation(of_axis[0]).update(y=y, text=text) for y, text in ticks.items()]
            figure.layout.annotations = [*others, *at_values]
