"""Learning curves: validation accuracy along the training questions seen."""

from analysis.comparing.leaderboard import Leaderboard, Row
from analysis.plots.plot import COLOURS, DASHES, SYMBOLS, Plot, Table, empty_figure, label
from analysis.reading.history import history
from medqa_sweeps.wording import CI, in_percent

SHOWN = 8


def learning_curves(board: Leaderboard) -> Plot | None:
    """Validation accuracy of the leading configs; None where no report is on file."""
    figure = empty_figure("training questions seen", "validation accuracy, %")
    cells = []
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
            name=label(row.settings or row.label),
            line={"color": COLOURS[index % len(COLOURS)], "dash": DASHES[index % len(DASHES)]},
            marker={"symbol": SYMBOLS[index % len(SYMBOLS)], "size": 8},
        )
        cells += [
            (row.settings or row.label, f"{line.samples_seen:,}", in_percent(line.score.accuracy))
            for line in lines[-12:]
        ]
    if not cells:
        return None
    caption = f"Validation accuracy at each evaluation, with its {CI}. The untuned base stands at 0. {rows_text(board)}"
    table = Table("Validation accuracy at the evaluations, %", ("config", "questions seen", "accuracy"), cells)
    return Plot("learning", "Learning curves", caption, figure, (table,))


def rows_drawn(board: Leaderboard) -> list[Row]:
    """The best, and every so many-th of the others down to the last of the leaderboard."""
    if len(board.rows) <= SHOWN:
        return list(board.rows)
    last = len(board.rows) - 1
    return [board.rows[round(index * last / (SHOWN - 1))] for index in range(SHOWN)]


def rows_text(board: Leaderboard) -> str:
    """Which of the configs and seeds are drawn; "" where all are."""
    several = any(len(row.trials) > 1 for row in board.rows)
    seed = " Of several seeds the first is drawn." if several else ""
    return (
        f"{SHOWN} of {len(board.configs):,} configs, from best to last shown." if len(board.rows) > SHOWN else ""
    ) + seed
