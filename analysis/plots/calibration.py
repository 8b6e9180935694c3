"""Whether a trial that is 70 % sure is right 70 % of the time."""

import numpy as np

from analysis.comparing.leaderboard import Leaderboard
from analysis.plots.plot import COLOURS, GREY, SYMBOLS, Picture, Table, figure, label
from analysis.reading.predictions import choices
from analysis.reading.studies import Trial
from medqa_sweeps.statistics import calibration_error, wilson_interval
from medqa_sweeps.wording import in_percent

SHOWN = 3
BINS = 10
LEAST = 5  # answers in a bin that is drawn


def calibration(board: Leaderboard) -> Picture | None:
    """Share right against confidence; None where no trial gave probabilities."""
    drawn = figure("probability of the chosen letter", "share that is right, %")
    drawn.add_scatter(
        x=[0, 1],
        y=[0, 100],
        mode="lines",
        name="as sure as right",
        line={"color": GREY, "dash": "dot"},
        hoverinfo="skip",
    )
    cells = []
    shown: list[tuple[str, Trial, int | None]] = [
        (row.settings or row.label, row.trial, None) for row in board.rows[:SHOWN]
    ]
    shown += [(base.label, base.trial, 0) for base in board.bases[:SHOWN]]
    for place, (name, trial, samples) in enumerate(shown):
        at = samples if samples is not None else trial.result.samples_seen if trial.result else 0
        sure = [(c.confidence, c.chosen == c.gold) for c in choices(trial, at).values() if c.confidence is not None]
        if not sure:
            continue
        confidence, right = np.array([c for c, _ in sure]), np.array([r for _, r in sure])
        error = calibration_error(np.clip(confidence, 0, 1), right, BINS)
        bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
        used = [b for b in range(BINS) if np.sum(bins == b) >= LEAST]
        shares = [float(right[bins == b].mean()) for b in used]
        limits = [wilson_interval(int(right[bins == b].sum()), int(np.sum(bins == b))) for b in used]
        drawn.add_scatter(
            x=[float(confidence[bins == b].mean()) for b in used],
            y=[100 * share for share in shares],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [100 * (high - share) for (_, high), share in zip(limits, shares, strict=True)],
                "arrayminus": [100 * (share - low) for (low, _), share in zip(limits, shares, strict=True)],
                "thickness": 1,
            },
            mode="lines+markers",
            name=label(name),
            line={"color": COLOURS[place % len(COLOURS)]},
            marker={"symbol": SYMBOLS[place % len(SYMBOLS)], "size": 8},
        )
        cells.append((name, in_percent(float(confidence.mean())), in_percent(float(right.mean())), in_percent(error)))
    if not cells:
        return None
    drawn.update_xaxes(range=[0, 1.02])
    drawn.update_yaxes(range=[0, 102])
    says = "How often answers of each tenth of confidence are right; below the dotted line a model is too sure."
    header = ("config", "mean confidence, %", "accuracy, %", "expected calibration error, points")
    return Picture("calibration", "Calibration", says, drawn, (Table("Calibration", header, cells),))
