"""Training loss along the training questions seen, of the configs whose learning curves are drawn."""

from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard, Row
from medqa_sweeps.analysis.plots.learning_curves import faded, rows_drawn, rows_faded, rows_text
from medqa_sweeps.analysis.plots.plot import COLOURS, DASHES, Plot, Table, empty_figure, name_of
from medqa_sweeps.analysis.reading.history import history
from medqa_sweeps.trial.records import TrainLine

POINTS = 300


def training_loss(board: Leaderboard) -> Plot | None:
    """Training loss of the leading configs; None where no training line is on file."""
    figure = empty_figure("training questions seen", "training loss")
    cells = []
    for row in rows_faded(board):
        _, some = _losses(row)
        figure.add_scatter(x=[line.samples_seen for line in some], y=[line.loss for line in some], **faded(row))
    for index, row in enumerate(rows_drawn(board)):
        lines, some = _losses(row)
        figure.add_scatter(
            x=[line.samples_seen for line in some],
            y=[line.loss for line in some],
            mode="lines",
            name=name_of(row),
            line={"color": COLOURS[index], "dash": DASHES[index]},
        )
        if lines:
            cells.append((row.settings or row.label, f"{lines[0].loss:.3f}", f"{lines[-1].loss:.3f}"))
    if not cells:
        return None
    table = Table("Training loss (cross-entropy per answer token, in nats)", ("config", "first", "last"), cells)
    caption = (
        f"Training loss, averaged between log lines{_every(board)}; lower means a better fit to the training "
        f"questions. {rows_text(board)}"
    ).strip()
    return Plot("loss", "Training loss", caption, figure, (table,))


def _losses(row: Row) -> tuple[list[TrainLine], list[TrainLine]]:
    """The lines with a loss, and those of them that are drawn."""
    lines = [line for line in history(row.trial).training if line.loss is not None]
    return lines, lines[:: max(1, len(lines) // POINTS)]


def _every(board: Leaderboard) -> str:
    """How far log lines are apart; "" where trials differ in that."""
    steps = {trial.settings.get("training.log_every_steps") for row in board.rows for trial in row.trials}
    return f" (every {steps.pop()} steps)" if len(steps) == 1 and None not in steps else ""
