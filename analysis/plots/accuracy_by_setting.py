"""Accuracy against each swept setting."""

import math
from typing import Any

from plotly.subplots import make_subplots

from medqa_sweeps.analysis.comparing.configs import SEED
from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard
from medqa_sweeps.analysis.plots.plot import COLOURS, GREY, Plot, Table, axis_title, empty_figure, label, name_of
from medqa_sweeps.analysis.plots.reference_lines import add_reference_lines
from medqa_sweeps.wording import CI, in_percent, listed, setting

SETTINGS = 8
FEW = 12  # values, each of which is a tick and has a mean
POINTS = 1000  # of a setting; more than can be told apart by eye


def accuracy_by_setting(board: Leaderboard) -> Plot | None:
    """One panel per swept setting; None where nothing varies or one config has completed."""
    names = {key: name for key, name in board.names.items() if key != SEED}
    if not names or len(board.configs) < 2:
        return None
    keys = list(names)[:SETTINGS]
    figure = make_subplots(rows=len(keys), cols=1, vertical_spacing=min(0.3, 0.36 / len(keys)))
    same = empty_figure("", "", height=90 + 270 * len(keys)).layout.to_plotly_json()
    figure.update_layout({name: value for name, value in same.items() if name not in ("xaxis", "yaxis")})
    tables = []
    for index, key in enumerate(keys, start=1):
        _draw(board, key, names[key], figure, index, first=index == 1)
        tables.append(_table(board, key, names[key]))
    figure.update_layout(legend={"y": -0.3 / len(keys)})
    more = f" {len(names) - SETTINGS} more settings were swept and are not drawn." if len(names) > SETTINGS else ""
    held = " Other settings are not held constant." if len(names) > 1 else ""
    titles = [axis_title(key, names[key]) for key in keys]
    caption = (
        f"Validation accuracy against {listed(titles, SETTINGS)}. A {CI} is drawn "
        f"only if each value was used by a single config.{held}{more} {add_reference_lines(figure, board, len(keys))}"
    ).strip()
    return Plot("settings", "Accuracy against each setting", caption, figure, tables)


def _draw(board: Leaderboard, key: str, name: str, figure: Any, index: int, first: bool) -> None:
    values = [config.first.settings.get(key) for config in board.configs]
    numeric = are_numbers(values) and len(set(values)) > 2
    shown = len(board.rows)
    step = max(1, len(board.configs) // POINTS)
    rest = range(shown, len(board.configs), step)
    at = values if numeric else [label(setting(value)) for value in values]
    figure.add_scatter(
        x=[at[i] for i in rest],
        y=[100 * board.configs[i].accuracy for i in rest],
        mode="markers",
        name="other configs",
        showlegend=first and len(rest) > 0,
        marker={"color": GREY, "size": 5, "opacity": 0.5},
        row=index,
        col=1,
    )
    estimates = [row.accuracy for row in board.rows]
    alone = len(set(at[:shown])) == shown  # intervals of several configs at one value would hide each other
    errors = {
        "type": "data",
        "symmetric": False,
        "array": [100 * (e.high - e.accuracy) for e in estimates],
        "arrayminus": [100 * (e.accuracy - e.low) for e in estimates],
        "color": COLOURS[0],
        "thickness": 1.2,
    }
    figure.add_scatter(
        x=at[:shown],
        y=[100 * e.accuracy for e in estimates],
        error_y=errors if alone else None,
        mode="markers",
        name=f"top {shown}" if shown < len(board.configs) else "configs",
        showlegend=first,
        marker={"color": COLOURS[0], "size": 9, "opacity": 1 if alone else 0.85},
        text=[name_of(row) for row in board.rows],
        hovertemplate="%{text}: %{y:.1f}%<extra></extra>",
        row=index,
        col=1,
    )
    if not alone and len(means := _means(at, board)) <= FEW:
        figure.add_scatter(
            x=list(means),
            y=list(means.values()),
            mode="markers",
            name="mean of all configs",
            showlegend=first,
            marker={"color": COLOURS[3], "symbol": "line-ew-open", "size": 26, "line": {"width": 3}},
            hovertemplate="mean %{y:.1f}%<extra></extra>",
            row=index,
            col=1,
        )
    axis: dict[str, Any] = {"title": {"text": label(axis_title(key, name))}, "automargin": True, "zeroline": False}
    if numeric and spans_magnitudes(values):
        axis |= {"type": "log", "exponentformat": "power", "dtick": 1}
        few: list[Any] = sorted({*values}, key=sortable)
        if len(few) <= FEW:
            axis |= {"tickvals": few, "ticktext": [setting(value) for value in few]}
    elif not numeric:
        axis |= {"type": "category", "categoryorder": "array", "categoryarray": _in_order(values)}
    figure.update_xaxes(axis, row=index, col=1)
    figure.update_yaxes({"title": {"text": "accuracy, %"}, "automargin": True, "zeroline": False}, row=index, col=1)


def _means(at: list[Any], board: Leaderboard) -> dict[Any, float]:
    """In percent, by value."""
    groups: dict[Any, list[float]] = {}
    for value, config in zip(at, board.configs, strict=True):
        groups.setdefault(value, []).append(100 * config.accuracy)
    return {value: sum(some) / len(some) for value, some in groups.items()}


def _table(board: Leaderboard, key: str, name: str) -> Table:
    """The configs of each value together: how many, their mean, and the best of them."""
    groups: dict[str, list[float]] = {}
    ordered = sorted(board.configs, key=lambda config: sortable(config.first.settings.get(key)))
    for config in ordered:
        groups.setdefault(setting(config.first.settings.get(key)), []).append(config.accuracy)
    cells = [
        (value, str(len(accuracies)), in_percent(sum(accuracies) / len(accuracies)), in_percent(max(accuracies)))
        for value, accuracies in list(groups.items())[:30]
    ]
    more = f" (the first 30 of {len(groups)} values)" if len(groups) > 30 else ""
    return Table(f"Accuracy in % by {name}{more}", (name, "configs", "mean", "highest"), cells)


def are_numbers(values: list[Any]) -> bool:
    """Whether all of them are, and none is true or false."""
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def spans_magnitudes(values: list[Any]) -> bool:
    """Whether a logarithmic axis shows them better."""
    return min(values) > 0 and max(values) / min(values) >= 8


def _in_order(values: list[Any]) -> list[str]:
    return [label(setting(value)) for value in sorted(dict.fromkeys(map(_hashable, values)), key=sortable)]


def _hashable(value: Any) -> Any:
    return setting(value) if isinstance(value, list | dict) else value


def sortable(value: Any) -> tuple[bool, float, str]:
    """A key that puts numbers in their order before texts in theirs."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return (not number, float(value) if number else 0.0, "" if number else setting(value))
