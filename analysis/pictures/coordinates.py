"""Parallel coordinates: Optuna's own."""

import warnings

from optuna.visualization import plot_parallel_coordinate

from analysis.leaderboard import Leaderboard
from analysis.pictures.optuna_study import optuna_study
from analysis.pictures.picture import Picture, figure

MOST = 1000
KNOBS = 8


def coordinates(board: Leaderboard) -> Picture | None:
    if len(board.configs) < 3 or len(board.names) < 2:
        return None
    study, names = optuna_study(board, MOST)
    if len(names) < 2:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is experimental in it
        drawn = plot_parallel_coordinate(study, params=names[:KNOBS], target_name="accuracy, %")
    layout = figure("", "").layout
    drawn.update_layout(layout, overwrite=True)
    drawn.update_layout(margin={"l": 70, "r": 70, "t": 60, "b": 30}, title=None)
    drawn.update_traces(line={"colorscale": "Cividis", "reversescale": False})  # even for colour-blind people
    count = len(study.trials)
    which = f"{count:,} of them are drawn, the best among them. " if count == MOST else ""
    says = (
        f"Each line is a trial, from its accuracy on the left through its {', '.join(names[:KNOBS])}. {which}"
        "Lighter lines are more accurate. The leaderboard has the same in numbers."
    )
    return Picture("coordinates", "Parallel coordinates", says, drawn)
