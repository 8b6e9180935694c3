"""A plot as a part of the page: a figure that the script draws, its caption, and its numbers in tables."""

import json

from medqa_sweeps.analysis.page.markup import escaped, json_in_script, table_html
from medqa_sweeps.analysis.plots.plot import Plot


def plot_html(plot: Plot) -> str:
    name = plot.name
    parts = [
        f'<figure aria-labelledby="{name}" aria-describedby="{name}-says">',
        f'<h3 id="{name}">{escaped(plot.title)}</h3>',
        f'<figcaption id="{name}-says">{escaped(plot.caption)}</figcaption>',
    ]
    if plot.figure is not None:
        height = plot.figure.layout.height
        parts.append(
            f'<div class="plot" id="{name}-plot" role="img" aria-label="{escaped(plot.title)}: '
            f'{escaped(plot.caption)}" style="min-height:{height}px"></div>'
            f'<script type="application/json" data-plot="{name}-plot">{_json(plot)}</script>'
        )
    for table in plot.tables:
        parts.append(f"<details><summary>{escaped(table.caption)}</summary>{table_html(table)}</details>")
    return "\n".join([*parts, "</figure>"])


def _json(plot: Plot) -> str:
    assert plot.figure is not None
    data = json.loads(plot.figure.to_json(), parse_float=_of_twelve_digits)
    data["layout"].pop("template", None)
    named = [trace for trace in data["data"] if trace.get("name") and trace.get("showlegend") is not False]
    if len(named) < 2:
        data["layout"].setdefault("showlegend", False)  # one entry distinguishes nothing
    return json_in_script(data)


def _of_twelve_digits(text: str) -> float:
    """28.25 of 28.249999999999996, which Plotly would show as 28.2 beside a table's 28.3."""
    return float(f"{float(text):.12g}")
