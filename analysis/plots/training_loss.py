"""Training loss along the training questions seen, of the configs whose learning curves are drawn."""

from analysis.comparing.leaderboard import Leaderboard
from analysis.plots.learning_curves import rows_drawn, rows_text
from analysis.plots.plot import COLOURS, DASHES, Plot, Table, empty_figure, label
from analysis.reading.history import history

POINTS = 300


def training_loss(board: Leaderboard) -> Plot | None:
    """Training loss of the leading configs; None where no training line is on file."""
    figure = empty_figure("training questions seen", "training loss, nats")
    cells = []
    for index, row in enumerate(rows_drawn(board)):
        lines = [line for line in history(row.trial).training if line.loss is not None]
        step = max(1, len(lines) // POINTS)
        figure.add_scatter(
            x=[line.samples_seen for line in lines[::step]],
            y=[line.loss for line in lines[::step]],
            mode="lines",
            name=label(row.settings or row.label),
            line={"color": COLOURS[index % len(COLOURS)], "dash": DASHES[index % len(DASHES)]},
        )
        if lines:
            cells.append((row.settings or row.label, f"{lines[0].loss:.3f}", f"{lines[-1].loss:.3f}"))
    if not cells:
        return None
    table = Table("Training loss, nats a supervised token", ("config", "first", "last"), cells)
    return Plot("loss", "Training loss", "Mean loss between two log lines. " + rows_text(board), figure, (table,))
