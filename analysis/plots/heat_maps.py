"""Mean accuracy for each combination of two swept settings."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from medqa_sweeps.analysis.comparing.configs import SEED, Config
from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard
from medqa_sweeps.analysis.plots.accuracy_by_setting import are_numbers, sortable, spans_magnitudes
from medqa_sweeps.analysis.plots.plot import Plot, Table, axis_title, empty_figure, label
from medqa_sweeps.statistics import estimate_from_accuracies
from medqa_sweeps.wording import CI, counted, in_percent, limits, setting

MAPS = 3
FEW = 12  # values of a setting: with more, numbers are put into ranges, and other settings have no map
RANGES = 6


@dataclass(frozen=True)
class Axis:
    """A setting of a map: the names of its values or ranges in order, and the one that each config is in."""

    name: str
    title: str
    names: list[str]
    of_config: list[str]


def heat_maps(board: Leaderboard) -> Plot | None:
    """A map per pair of settings, three at most; None for fewer than two settings or 4 configs."""
    axes = [axis for key, name in board.names.items() if key != SEED and (axis := _axis(board, key, name))]
    axes.sort(key=lambda axis: -_spread_between(axis, board.configs))
    pairs = list(combinations(axes, 2))[:MAPS]
    if not pairs or len(board.configs) < 4:
        return None
    figure = make_subplots(rows=len(pairs), cols=1, vertical_spacing=min(0.3, 0.36 / len(pairs)))
    height = 90 + sum(110 + 34 * len(pair[1].names) for pair in pairs)
    same = empty_figure("", "", height=max(330, height)).layout.to_plotly_json()
    figure.update_layout({name: value for name, value in same.items() if name not in ("xaxis", "yaxis")})
    tables = [_draw(board, x, y, figure, panel) for panel, (x, y) in enumerate(pairs, start=1)]
    figure.update_layout(coloraxis={"colorscale": "Cividis", "colorbar": {"title": {"text": "%"}, "thickness": 14}})
    several = len(axes) > 2
    others = (
        " A cell averages over all other settings, which need not be the same in two cells of a search."
        if several
        else ""
    )
    more = len(list(combinations(axes, 2))) - len(pairs)
    order = "the settings that change the accuracy most come first"
    are = "is" if more == 1 else "are"
    left_out = f" {counted(more, 'more pair')} of settings {are} not drawn: {order}." if more else ""
    caption = (
        f"Mean validation accuracy in % for each combination of {_and(pairs)}. The number of configs and the {CI} of a "
        f"cell are in the table and appear on hover. Empty cells have no completed trial.{others}{left_out}"
    )
    return Plot("heat", "Accuracy for each combination of two settings", caption, figure, tables)


def _spread_between(axis: Axis, configs: Sequence[Config]) -> float:
    """Variance of the accuracy between the values of a setting: the settings that matter most are drawn."""
    groups: dict[str, list[float]] = defaultdict(list)
    for name, config in zip(axis.of_config, configs, strict=True):
        groups[name].append(config.accuracy)
    mean = sum(map(sum, groups.values())) / len(configs)
    return sum(len(some) * (sum(some) / len(some) - mean) ** 2 for some in groups.values()) / len(configs)


def _and(pairs: list[tuple[Axis, Axis]]) -> str:
    return "; ".join(f"{x.name} and {y.name}" for x, y in pairs)


def _axis(board: Leaderboard, key: str, name: str) -> Axis | None:
    """None where there is one value, or more than can be names of rows and are no numbers."""
    values: list[Any] = [config.first.settings.get(key) for config in board.configs]
    texts = [setting(value) for value in values]
    ordered = [
        text for text, _ in sorted(dict(zip(texts, values, strict=True)).items(), key=lambda one: sortable(one[1]))
    ]
    if 1 < len(ordered) <= FEW:
        return Axis(name, axis_title(key, name), ordered, texts)
    if len(ordered) <= 1 or not are_numbers(values):
        return None
    scale, back = (math.log, math.exp) if spans_magnitudes(values) else (float, float)
    low, high = scale(min(values)), scale(max(values))
    edges = [back(low + (high - low) * index / RANGES) for index in range(RANGES + 1)]
    names = [f"{setting(float(f'{a:.2g}'))} to {setting(float(f'{b:.2g}'))}" for a, b in pairwise(edges)]
    at = [min(RANGES - 1, int(RANGES * (scale(value) - low) / (high - low))) for value in values]
    if len(set(names)) < RANGES:
        return None
    return Axis(name, axis_title(key, name), names, [names[index] for index in at])


def _draw(board: Leaderboard, x: Axis, y: Axis, figure: go.Figure, panel: int) -> Table:
    cells: dict[tuple[str, str], list[Config]] = defaultdict(list)
    for config, column, row in zip(board.configs, x.of_config, y.of_config, strict=True):
        cells[column, row].append(config)
    found = {at: _estimate(board, configs) for at, configs in cells.items()}
    means = [[100 * found[c, r].accuracy if (c, r) in found else None for c in x.names] for r in y.names]
    texts = [
        [
            f"{counted(len(cells[c, r]), 'config')}, {CI} {limits(found[c, r].low, found[c, r].high)}"
            if (c, r) in found
            else ""
            for c in x.names
        ]
        for r in y.names
    ]
    figure.add_trace(
        go.Heatmap(
            x=[label(name) for name in x.names],
            y=[label(name) for name in y.names],
            z=means,
            customdata=texts,
            coloraxis="coloraxis",
            texttemplate="%{z:.1f}",
            hovertemplate=(
                f"{label(x.name)}=%{{x}}, {label(y.name)}=%{{y}}: %{{z:.1f}}%, %{{customdata}}<extra></extra>"
            ),
            hoverongaps=False,
            xgap=2,
            ygap=2,
        ),
        row=panel,
        col=1,
    )
    axis: dict[str, Any] = {"type": "category", "automargin": True, "zeroline": False, "showgrid": False}
    columns = [label(name) for name in x.names]
    in_lines = {"tickvals": columns, "ticktext": [name.replace(" to ", "<br>to ") for name in columns], "tickangle": 0}
    figure.update_xaxes({**axis, **in_lines, "title": {"text": label(x.title)}}, row=panel, col=1)
    figure.update_yaxes({**axis, "title": {"text": label(y.title), "standoff": 12}}, row=panel, col=1)
    rows = [
        (c, r, str(len(cells[c, r])), in_percent(one.accuracy), limits(one.low, one.high))
        for c in x.names
        for r in y.names
        if (one := found.get((c, r))) is not None
    ]
    return Table(f"Accuracy in % by {x.name} and {y.name}", (x.name, y.name, "configs", "mean", CI), rows)


def _estimate(board: Leaderboard, configs: list[Config]) -> Any:
    """Of a cell, for other questions, and for other seeds where their spread is known."""
    results = [trial.result for config in configs for trial in config.trials]
    questions = next(result.score.questions for result in results if result is not None and result.score is not None)
    accuracies = [one for config in configs for one in config.by_seed().values()]
    return estimate_from_accuracies(accuracies, questions, board.spread)
