"""Text, JSON and tables as HTML holds them: what comes from data is shown, never run."""

import html
import json
from collections.abc import Iterable, Sequence
from typing import Any

from medqa_sweeps.analysis.plots.plot import Table

_LONG = 60  # characters of a first cell that is a text: on a narrow screen its row is a card


def escaped(text: str) -> str:
    """For an element or a quoted attribute; control characters become spaces."""
    return html.escape("".join(c if c.isprintable() or c == "\n" else " " for c in text))


def json_in_script(data: Any) -> str:
    """For a script element of type application/json: no `<` in it can end the element."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e")


def table_html(table: Table) -> str:
    head = "".join(f'<th scope="col">{escaped(cell)}</th>' for cell in table.header)
    body = "".join(f"<tr>{_cells(row, table.header)}</tr>" for row in table.rows)
    kind = "plain cards" if any(len(row[0]) > _LONG for row in table.rows) else "plain"
    return framed_table(
        f"<caption>{escaped(table.caption)}</caption><thead><tr>{head}</tr></thead>{body}", table.caption, kind
    )


def framed_table(inside: str, name: str, kind: str = "plain") -> str:
    """A table that scrolls in its own frame, also by keyboard. `kind`: its class, for page.css."""
    frame = f'class="scroll" tabindex="0" role="region" aria-label="{escaped(name)}"'
    return f'<div {frame}><table class="{kind}">{inside}</table></div>'


def _cells(row: Iterable[str], header: Sequence[str]) -> str:
    first, *rest = row
    kind = ' class="text"' if len(first) > _LONG else ""
    return f'<th scope="row"{kind} style="font-weight:400">{escaped(first)}</th>' + "".join(
        f'<td data-label="{escaped(name)}">{escaped(cell)}</td>' for name, cell in zip(header[1:], rest, strict=True)
    )
