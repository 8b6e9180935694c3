"""Learning curves: validation accuracy and training loss along the training questions seen."""

from analysis.comparing.leaderboard import Leaderboard, Row
from analysis.plots.plot import COLOURS, DASHES, SYMBOLS, Picture, Table, figure, label
from analysis.reading.history import history
from medqa_sweeps.wording import in_percent

SHOWN = 8  # curves: the best, and every so many-th of the others down to the last of the leaderboard
POINTS = 300


def learning(board: Leaderboard) -> Picture | None:
    """Validation accuracy of the leading configs; None where no report is on file."""
    drawn = figure("training questions seen", "validation accuracy, %")
    cells = []
    for place, row in enumerate(_some(board)):
        lines = history(row.trial).validation
        drawn.add_scatter(
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
            line={"color": COLOURS[place % len(COLOURS)], "dash": DASHES[place % len(DASHES)]},
            marker={"symbol": SYMBOLS[place % len(SYMBOLS)], "size": 8},
        )
        cells += [
            (row.settings or row.label, f"{line.samples_seen:,}", in_percent(line.score.accuracy))
            for line in lines[-12:]
        ]
    if not cells:
        return None
    says = "Validation accuracy at each evaluation, with its 95% CI. The untuned base stands at 0. " + _which(board)
    table = Table("Validation accuracy at the evaluations, %", ("config", "questions seen", "accuracy"), cells)
    return Picture("learning", "Learning curves", says, drawn, (table,))


def loss(board: Leaderboard) -> Picture | None:
    """Training loss of the leading configs; None where no training line is on file."""
    drawn = figure("training questions seen", "training loss, nats")
    cells = []
    for place, row in enumerate(_some(board)):
        lines = [line for line in history(row.trial).training if line.loss is not None]
        step = max(1, len(lines) // POINTS)
        drawn.add_scatter(
            x=[line.samples_seen for line in lines[::step]],
            y=[line.loss for line in lines[::step]],
            mode="lines",
            name=label(row.settings or row.label),
            line={"color": COLOURS[place % len(COLOURS)], "dash": DASHES[place % len(DASHES)]},
        )
        if lines:
            cells.append((row.settings or row.label, f"{lines[0].loss:.3f}", f"{lines[-1].loss:.3f}"))
    if not cells:
        return None
    table = Table("Training loss, nats a supervised token", ("config", "first", "last"), cells)
    return Picture("loss", "Training loss", "Mean loss between two log lines. " + _which(board), drawn, (table,))


def _some(board: Leaderboard) -> list[Row]:
    if len(board.rows) <= SHOWN:
        return list(board.rows)
    last = len(board.rows) - 1
    return [board.rows[round(place * last / (SHOWN - 1))] for place in range(SHOWN)]


def _which(board: Leaderboard) -> str:
    several = any(len(row.trials) > 1 for row in board.rows)
    seed = " Of several seeds the first is drawn." if several else ""
    return (
        f"{SHOWN} of {len(board.configs):,} configs, from best to last shown." if len(board.rows) > SHOWN else ""
    ) + seed
