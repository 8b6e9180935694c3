"""Whether answers that a trial gives with a probability of 70% are correct 70% of the time."""

import numpy as np

from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard
from medqa_sweeps.analysis.plots.plot import COLOURS, GREY, SYMBOLS, Plot, Table, empty_figure, label, name_of
from medqa_sweeps.analysis.reading.predictions import predictions
from medqa_sweeps.analysis.reading.studies import Trial
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.statistics import calibration_error, wilson_interval
from medqa_sweeps.wording import in_percent

SHOWN = 3
BINS = 10
LEAST = 5  # answers in a bin that is drawn


def calibration(board: Leaderboard) -> Plot | None:
    """Accuracy against confidence; None where no trial gave probabilities."""
    figure = empty_figure("probability the model gave its answer", "accuracy, %")
    figure.add_scatter(
        x=[0, 1],
        y=[0, 100],
        mode="lines",
        name="perfect calibration",
        line={"color": GREY, "dash": "dot"},
        hoverinfo="skip",
    )
    cells, damaged = [], list[str]()
    shown: list[tuple[str, Trial, int | None]] = [(name_of(row), row.trial, None) for row in board.rows[:SHOWN]]
    shown += [(label(base.label), base.trial, 0) for base in board.bases[:SHOWN]]
    for index, (name, trial, samples) in enumerate(shown):
        at = samples if samples is not None else trial.result.samples_seen if trial.result else 0
        try:
            answers = [(one.confidence(), one.predicted == one.gold) for one in predictions(trial, at).values()]
        except ConfigError as damage:
            damaged.append(f" {name} is left out: {damage}")
            continue
        known = [(sure, correct) for sure, correct in answers if sure is not None]
        if not known:
            continue
        confidences, right = np.array([sure for sure, _ in known]), np.array([correct for _, correct in known])
        error = calibration_error(np.clip(confidences, 0, 1), right, BINS)
        bins = np.clip(np.ceil(confidences * BINS).astype(int) - 1, 0, BINS - 1)
        used = [b for b in range(BINS) if np.sum(bins == b) >= LEAST]
        shares = [float(right[bins == b].mean()) for b in used]
        limits = [wilson_interval(int(right[bins == b].sum()), int(np.sum(bins == b))) for b in used]
        figure.add_scatter(
            x=[float(confidences[bins == b].mean()) for b in used],
            y=[100 * share for share in shares],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [100 * (high - share) for (_, high), share in zip(limits, shares, strict=True)],
                "arrayminus": [100 * (share - low) for (low, _), share in zip(limits, shares, strict=True)],
                "thickness": 1,
            },
            mode="lines+markers",
            name=name,
            line={"color": GREY if samples == 0 else COLOURS[index]},
            marker={"symbol": SYMBOLS[index % len(SYMBOLS)], "size": 8},
        )
        cells.append((name, in_percent(float(confidences.mean())), in_percent(float(right.mean())), in_percent(error)))
    if not cells:
        return None
    figure.update_xaxes(range=[0, 1.02])
    figure.update_yaxes(range=[0, 102])
    bases = " and the untuned base" * bool(board.bases)
    caption = (
        f"Accuracy by the probability the model gave its answer, in ten equal ranges, for the first {SHOWN} of the "
        f"leaderboard{bases}. Points below the diagonal mean overconfidence."
    )
    caption += "".join(damaged)
    header = ("config", "mean probability of the answer, %", "accuracy, %", "expected calibration error, points")
    return Plot("calibration", "Calibration", caption, figure, (Table("Calibration", header, cells),))
