"""Every replicate as a dot beside the mean of its config."""

from medqa_sweeps.analysis.comparing.configs import accuracy_of, seed_of
from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard
from medqa_sweeps.analysis.plots.plot import COLOURS, GREY, Plot, Table, empty_figure, name_of
from medqa_sweeps.wording import CI, in_percent, limits

SHOWN = 20
_BESIDE = 0.24  # of the distance between two configs


def seeds(board: Leaderboard) -> Plot | None:
    """One line per config with its mean, interval and seeds; None where no config has several seeds."""
    rows = list(board.rows[:SHOWN])
    if not any(len(row.trials) > 1 for row in rows):
        return None
    figure = empty_figure("validation accuracy, %", "", height=150 + 40 * len(rows))
    dots = [(index, trial) for index, row in enumerate(rows) for trial in row.trials]
    figure.add_scatter(
        x=[100 * accuracy_of(trial) for _, trial in dots],
        y=[index + _BESIDE for index, _ in dots],
        mode="markers",
        name="one seed",
        text=[f"seed {seed_of(trial)}" for _, trial in dots],
        hovertemplate="%{text}: %{x:.1f}%<extra></extra>",
        marker={"color": GREY, "size": 7},
    )
    estimates = [row.accuracy for row in rows]
    figure.add_scatter(
        x=[100 * one.accuracy for one in estimates],
        y=list(range(len(rows))),
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [100 * (one.high - one.accuracy) for one in estimates],
            "arrayminus": [100 * (one.accuracy - one.low) for one in estimates],
            "color": COLOURS[0],
        },
        mode="markers",
        name=f"mean, {CI}",
        hovertemplate="%{x:.1f}%<extra></extra>",
        marker={"color": COLOURS[0], "symbol": "diamond", "size": 10},
    )
    names = [name_of(row) for row in rows]
    figure.update_yaxes(
        tickvals=list(range(len(rows))), ticktext=names, range=[len(rows) - 0.4, -0.6], showgrid=False
    )  # fmt: skip
    figure.update_layout(showlegend=True, legend={"y": -80 / (80 + 40 * len(rows))})
    caption = (
        f"Accuracy of every seed, below the mean of its config with the {CI} for other seeds and other questions. "
        "Differences smaller than the spread of the dots may be due to the random seed."
    )
    cells = [
        (
            row.settings or row.label,
            in_percent(row.accuracy.accuracy),
            limits(row.accuracy.low, row.accuracy.high),
            ", ".join(f"{seed_of(trial)}: {in_percent(accuracy_of(trial))}" for trial in row.trials),
        )
        for row in rows
    ]
    table = Table("Accuracy by seed, %", ("config", "mean", CI, "by seed"), cells)
    return Plot("seeds", "Seeds", caption, figure, (table,))
