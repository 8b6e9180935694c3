"""Accuracy of each config with its passages, without them, and with another question's."""

from collections.abc import Sequence

import plotly.graph_objects as go

from medqa_sweeps.analysis.comparing.config_passages import Compared
from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard
from medqa_sweeps.analysis.comparing.passages_verdict import best_without, with_passages
from medqa_sweeps.analysis.plots.plot import COLOURS, GREY, SYMBOLS, Plot, Table, empty_figure, label, name_of
from medqa_sweeps.statistics import wilson_interval
from medqa_sweeps.trial.records import PassageScore
from medqa_sweeps.wording import CI, counted, in_percent, limits, listed, percent

SHOWN = 12
_LINE = 20  # pixels per mark
_KINDS = ("with its passages", "without them", "with another question's")


def passage_controls(board: Leaderboard) -> Plot | None:
    """A row per config, in it a mark per kind; None where no config was compared with both controls."""
    shown = [(name_of(row), row.passages.compared) for row in with_passages(board) if row.passages]
    known = [(name, found) for name, found in shown if found is not None][:SHOWN]
    if not known:
        return None
    figure = empty_figure("accuracy, %", "", height=140 + (_LINE * len(_KINDS) + 12) * len(known))
    for index, kind in enumerate(_KINDS):
        _draw(figure, known, index, kind)
    reference = _best_without(figure, board, len(known))
    names = [name for name, _ in known]
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=names, range=[len(names) - 0.5, -0.5], showgrid=False
    )
    for at in range(1, len(names)):
        figure.add_hline(y=at - 0.5, line={"color": GREY, "width": 0.5})
    table = Table(f"Accuracy with and without passages, with {CI}", ("config", "passages", "%", CI), _table(known))
    return Plot("passage-controls", "With and without passages", _caption(known, reference), figure, (table,))


def _shares(score: PassageScore) -> tuple[float, float, float]:
    return score.accuracy, score.without, score.foreign


def _interval(share: float, score: PassageScore) -> tuple[float, float]:
    return wilson_interval(round(share * score.questions), score.questions)


def _draw(figure: go.Figure, known: Sequence[tuple[str, Compared]], index: int, kind: str) -> None:
    shares = [_shares(found.score)[index] for _, found in known]
    intervals = [_interval(share, found.score) for share, (_, found) in zip(shares, known, strict=True)]
    texts = [
        f"{name}, {kind}: {percent(share)} ({limits(*interval)})"
        for (name, _), share, interval in zip(known, shares, intervals, strict=True)
    ]
    colour = COLOURS[index]
    figure.add_scatter(
        x=[100 * share for share in shares],
        y=[at + 0.26 * (index - 1) for at in range(len(known))],
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [100 * (high - share) for share, (_, high) in zip(shares, intervals, strict=True)],
            "arrayminus": [100 * (share - low) for share, (low, _) in zip(shares, intervals, strict=True)],
            "color": colour,
            "width": 3,
        },
        mode="markers",
        name=kind,
        marker={"color": colour, "symbol": SYMBOLS[index], "size": 9},
        text=[label(text, 90) for text in texts],
        hovertemplate="%{text}<extra></extra>",
    )


def _best_without(figure: go.Figure, board: Leaderboard, configs: int) -> str:
    """A line for the best config that shows none; a sentence for the caption, or "" without one."""
    row = best_without(board)
    if row is None:
        return ""
    share = row.accuracy.accuracy
    figure.add_scatter(
        x=[100 * share] * 2,
        y=[-0.5, configs - 0.5],
        mode="lines",
        line={"color": GREY, "width": 2, "dash": "dot"},
        name=label(f"{row.label}: none shown"),
        hoverinfo="skip",
    )
    return f" Dotted: {row.label}, the best config that shows none ({percent(share)})."


def _caption(known: Sequence[tuple[str, Compared]], reference: str) -> str:
    helped = [name for name, found in known if found.effect.helps]
    verdict = f"Passages help {listed(helped)}." if helped else "For no config shown are passages shown to help."
    fewer = [found.score for _, found in known if found.score.none_found]
    most = max((score.none_found for score in fewer), default=0)
    asked = f" Up to {counted(most, 'question')} without a passage are left out." if fewer else ""
    return (
        "Accuracy of the same model with its passages and in both controls, on the questions that have passages, each "
        f"with its own, uncorrected {CI}; the paired differences are in the section Passages. {verdict}{asked}"
        f"{reference}"
    )


def _table(known: Sequence[tuple[str, Compared]]) -> list[tuple[str, ...]]:
    return [
        (name, kind, in_percent(share), limits(*_interval(share, found.score)))
        for name, found in known
        for kind, share in zip(_KINDS, _shares(found.score), strict=True)
    ]
