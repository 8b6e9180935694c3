"""What each suite of the safety assessment found of the leading configs, beside the untuned base and placebo."""

from collections.abc import Sequence

import plotly.graph_objects as go

from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard, Row
from medqa_sweeps.analysis.comparing.safety_figures import (
    HIGHER,
    LOWER,
    Figure,
    figure_of,
    figure_of_base,
    is_relative,
    suites_of,
)
from medqa_sweeps.analysis.plots.plot import COLOURS, GREY, SYMBOLS, Plot, Table, empty_figure, label, name_of
from medqa_sweeps.safety.measures import Measure
from medqa_sweeps.wording import CI, WORSE, in_percent, listed

SHOWN = 4
_LINE = 17  # pixels per config and suite
_BASE = "untuned base"
_MINUS = " − base"


def safety_suites(board: Leaderboard) -> Plot | None:
    """A row per suite, in it a mark per config and one for the untuned base; None if nothing was assessed."""
    rows = [row for row in board.rows if row.safety.suites][:SHOWN]
    measures = suites_of(one for row in rows for one in row.safety.suites)
    if not measures:
        return None
    of_row = [_of_config(row) for row in rows]
    of_base = _of_base(rows)
    marks = [*zip(map(name_of, rows), of_row, COLOURS, SYMBOLS, strict=False)]
    if of_base:
        marks.append((_BASE, of_base, GREY, "diamond-open"))
    height = 120 + measures_height(len(measures), len(marks))
    figure = empty_figure("%, or percentage points", "", height=height)
    for index, (name, found, colour, symbol) in enumerate(marks):
        _draw(figure, measures, found, name, colour, symbol, _offset(index, len(marks)))
    _placebo(figure, measures, rows[0], of_row[0])
    names = [axis_name(measure) for measure in measures]
    figure.update_yaxes(
        tickvals=list(range(len(names))),
        ticktext=[label(name).replace(_MINUS, f"<br>{_MINUS.strip()}") for name in names],
        range=[len(names) - 0.5, -0.5],
        showgrid=False,
    )
    for at in range(1, len(names)):
        figure.add_hline(y=at - 0.5, line={"color": GREY, "width": 0.5})
    table = Table(f"Suites, with {CI}", ("suite", "config", "value", "low", "high"), _table(measures, marks))
    return Plot("safety-suites", "Safety by suite", _caption(rows, measures), figure, (table,))


def measures_height(suites: int, marks: int) -> int:
    """Of all suites, pixels."""
    return suites * (_LINE * marks + 12)


def axis_name(measure: Measure) -> str:
    """`order ↓`, `ECE × 100 ↓`: what has another unit is drawn in hundredths."""
    scaled = "" if measure.unit == "%" else " × 100"
    minus = _MINUS if is_relative(measure) else ""
    return f"{measure.column}{minus}{scaled} {LOWER if measure.direction == 'minimize' else HIGHER}"


def _of_config(row: Row) -> dict[str, Figure]:
    return {one.outcome.suite: found for one in row.safety.suites if (found := figure_of(one)) is not None}


def _of_base(rows: Sequence[Row]) -> dict[str, Figure]:
    """Of the first config's base; of several bases, the others are in the table of the page's section."""
    base = rows[0].base.settings if rows[0].base else ""
    same = [row for row in rows if (row.base.settings if row.base else "") == base]
    suites = [one for row in reversed(same) for one in row.safety.suites]
    return {one.outcome.suite: found for one in suites if (found := figure_of_base(one)) is not None}


def _offset(index: int, marks: int) -> float:
    return 0.76 * ((index + 0.5) / marks - 0.5)


def _draw(
    figure: go.Figure,
    measures: Sequence[Measure],
    found: dict[str, Figure],
    name: str,
    colour: str,
    symbol: str,
    offset: float,
) -> None:
    known = [(at, found[measure.name]) for at, measure in enumerate(measures) if measure.name in found]
    figure.add_scatter(
        x=[100 * one.value for _, one in known],
        y=[at + offset for at, _ in known],
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [100 * (one.high - one.value) for _, one in known],
            "arrayminus": [100 * (one.value - one.low) for _, one in known],
            "color": colour,
            "width": 3,
        },
        mode="markers",
        name=name,
        marker={"color": colour, "symbol": symbol, "size": 9},
        text=[label(f"{name}, {one.measure.column}: {one.text} ({one.limits})", 90) for _, one in known],
        hovertemplate="%{text}<extra></extra>",
    )


def _placebo(figure: go.Figure, measures: Sequence[Measure], row: Row, found: dict[str, Figure]) -> None:
    """A line through the suites that should change no more answers than placebo does."""
    beside = [at for at, measure in enumerate(measures) if measure.beside_placebo]
    if "placebo" not in found or not beside:
        return
    figure.add_scatter(
        x=[100 * found["placebo"].value] * 2,
        y=[min(beside) - 0.5, max(beside) + 0.5],
        mode="lines",
        line={"color": COLOURS[0], "width": 2, "dash": "dot"},
        name=label(f"placebo of {row.label}"),
        hoverinfo="skip",
    )


def _caption(rows: Sequence[Row], measures: Sequence[Measure]) -> str:
    which = {row.label: [one.outcome.suite for one in row.safety.worse] for row in rows}
    behind = [f"{name} ({listed(suites)})" for name, suites in which.items() if suites]
    verdict = (
        f"Significantly {WORSE} than the untuned base: {listed(behind)}."
        if behind
        else f"None of the configs shown is significantly {WORSE} than its untuned base in any suite."
    )
    line = "Dotted: answers of the first config that change under placebo, which is noise. " * any(
        measure.beside_placebo for measure in measures
    )
    return (
        f"The measure of each suite, each with its own, uncorrected {CI}; {LOWER}: lower is better, {HIGHER}: higher "
        f"is better. {line}{verdict}"
    )


def _table(
    measures: Sequence[Measure], marks: Sequence[tuple[str, dict[str, Figure], str, str]]
) -> list[tuple[str, ...]]:
    return [
        (axis_name(measure), name, *(in_percent(value) for value in (one.value, one.low, one.high)))
        for measure in measures
        for name, found, _, _ in marks
        if (one := found.get(measure.name)) is not None
    ]
