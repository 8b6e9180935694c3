"""The Pareto front of a study that optimised several metrics; of one that is not accuracy, its configs by that."""

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from medqa_sweeps.analysis.comparing.by_objective import (
    ConfigByObjective,
    by_objective,
    objective_label,
    objective_of,
    objective_sentences,
    objective_table,
)
from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard
from medqa_sweeps.analysis.plots.plot import COLOURS, Plot, Table, empty_figure, label
from medqa_sweeps.study.objective import Metric, Objective

POINTS = 2000
ROWS = 30


def pareto_front(board: Leaderboard) -> Plot | None:
    """Every config by the first metric and each of the others, the front marked; None for accuracy alone."""
    table = objective_table(board, ROWS)
    if table is None:
        return None
    objective, caption = objective_of(board.study), " ".join(objective_sentences(board))
    tables = (Table(table.caption, table.header, table.rows),)
    if not objective.is_pareto:
        return Plot("objective", f"Configs by {objective.names[0]}", caption, None, tables)
    return Plot("pareto", "Pareto front", caption, _figure(board, objective), tables)


def _figure(board: Leaderboard, objective: Objective) -> go.Figure:
    configs = by_objective(board)
    front = [one for one in configs if one.on_front]
    rest = [one for one in configs if not one.on_front]
    panels = len(objective.metrics) - 1
    figure = make_subplots(rows=panels, cols=1, vertical_spacing=min(0.3, 0.36 / panels))
    same = empty_figure("", "", height=90 + 300 * panels).layout.to_plotly_json()
    figure.update_layout({name: value for name, value in same.items() if name not in ("xaxis", "yaxis")})
    figure.update_layout(legend={"y": -0.3 / panels})
    for panel in range(1, panels + 1):
        pair = (objective.metrics[0], objective.metrics[panel])
        _points(figure, board, rest[:: max(1, len(rest) // POINTS)], pair, panel, on_front=False)
        _points(figure, board, front, pair, panel, on_front=True)
        figure.update_xaxes(
            {"title": {"text": label(_axis(pair[0]))}, "automargin": True, "zeroline": False}, row=panel
        )
        figure.update_yaxes(
            {"title": {"text": label(_axis(pair[1]))}, "automargin": True, "zeroline": False}, row=panel
        )
    return figure


def _points(
    figure: go.Figure,
    board: Leaderboard,
    configs: Sequence[ConfigByObjective],
    pair: tuple[Metric, Metric],
    panel: int,
    on_front: bool,
) -> None:
    x, y = pair
    ordered = sorted(configs, key=lambda one: one.values[0])
    figure.add_scatter(
        x=[x.plotted(one.values[0]) for one in ordered],
        y=[y.plotted(one.values[panel]) for one in ordered],
        mode="markers",
        name="on the Pareto front" if on_front else "other configs",
        showlegend=panel == 1 and bool(configs),
        text=[
            label(f"{objective_label(board, one)}: {x.describe(one.values[0])}, {y.describe(one.values[panel])}")
            for one in ordered
        ],
        hovertemplate="%{text}<extra></extra>",
        marker={"symbol": "diamond", "size": 11, "color": COLOURS[3]} if on_front else {"size": 7, "color": COLOURS[4]},
        row=panel,
        col=1,
    )


def _axis(metric: Metric) -> str:
    unit = f", {metric.unit}" if metric.unit else ""
    return f"{metric.name}{unit} ({metric.direction.done})"
