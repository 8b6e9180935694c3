"""Learning curves: validation accuracy along the training questions seen."""

from typing import Any

from medqa_sweeps.analysis.comparing.discordant import FIRST_SEED
from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard, Row
from medqa_sweeps.analysis.plots.plot import COLOURS, DASHES, GREY, SYMBOLS, Plot, Table, empty_figure, name_of
from medqa_sweeps.analysis.plots.reference_lines import add_reference_lines
from medqa_sweeps.analysis.reading.history import history
from medqa_sweeps.wording import CI, in_percent

SHOWN = len(COLOURS)  # configs in colour: no colour stands for two
_FADED: dict[str, Any] = {"mode": "lines", "line": {"color": GREY, "width": 1}, "opacity": 0.45}


def learning_curves(board: Leaderboard) -> Plot | None:
    """Validation accuracy of the leading configs; None where no evaluation is on file."""
    figure = empty_figure("training questions seen", "validation accuracy, %")
    cells = []
    for row in rows_faded(board):
        lines = history(row.trial).validation
        figure.add_scatter(
            x=[line.samples_seen for line in lines],
            y=[100 * line.score.accuracy for line in lines],
            **faded(row),
        )
    for index, row in enumerate(rows_drawn(board)):
        lines = history(row.trial).validation
        figure.add_scatter(
            x=[line.samples_seen for line in lines],
            y=[100 * line.score.accuracy for line in lines],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [100 * (line.score.high - line.score.accuracy) for line in lines],
                "arrayminus": [100 * (line.score.accuracy - line.score.low) for line in lines],
                "thickness": 1,
                "width": 3,
            },
            mode="lines+markers",
            name=name_of(row),
            line={"color": COLOURS[index], "dash": DASHES[index]},
            marker={"symbol": SYMBOLS[index], "size": 8},
        )
        cells += [
            (row.settings or row.label, f"{line.samples_seen:,}", in_percent(line.score.accuracy))
            for line in lines[-12:]
        ]
    if not cells:
        return None
    caption = (
        f"Validation accuracy at each evaluation, with its {CI}. The untuned base is at 0 training questions. "
        f"{add_reference_lines(figure, board)} {rows_text(board)}"
    ).strip()
    table = Table("Validation accuracy at each evaluation, %", ("config", "questions seen", "accuracy"), cells)
    return Plot("learning", "Learning curves", caption, figure, (table,))


def rows_drawn(board: Leaderboard) -> list[Row]:
    """The configs in colour: the best, and the others evenly spaced down to the last of the leaderboard."""
    if len(board.rows) <= SHOWN:
        return list(board.rows)
    last = len(board.rows) - 1
    return [board.rows[round(index * last / (SHOWN - 1))] for index in range(SHOWN)]


def rows_faded(board: Leaderboard) -> list[Row]:
    """The other configs of the leaderboard, in grey."""
    drawn = {id(row) for row in rows_drawn(board)}
    return [row for row in board.rows if id(row) not in drawn]


def faded(row: Row) -> dict[str, Any]:
    """How a grey line is drawn: its name appears over it, and is not in the legend."""
    name = name_of(row)
    return {**_FADED, "name": name, "showlegend": False, "hovertemplate": f"{name}: %{{y}}<extra></extra>"}


def rows_text(board: Leaderboard) -> str:
    """What the colours are, and which seeds are drawn; "" where every config and seed is in colour."""
    several = any(len(row.trials) > 1 for row in board.rows)
    seed = f" {FIRST_SEED}" if several else ""
    others = len(board.rows) - SHOWN
    grey = f"In colour: {SHOWN} configs from the best to the last of the leaderboard; grey: the other {others}."
    return ((grey if others > 0 else "") + seed).strip()
