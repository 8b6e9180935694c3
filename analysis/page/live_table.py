"""A table that its reader can sort and filter, of any number of rows: the script shows 50 of them at a time.

Python writes every cell. Without a script the first rows are there as they are. Long columns of few different texts
are written as numbers of those texts, so that 10,000 rows take half a megabyte.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from medqa_sweeps.analysis.page.markup import escaped, framed_table, json_in_script
from medqa_sweeps.wording import counted

_FILE = Path(__file__).with_name("live_table.html")
_FEW = 8  # rows that need no filter


@dataclass(frozen=True)
class Column:
    """A column, and how its cells are read."""

    name: str  # "place" counts the rows from 1
    kind: str = "text"  # or "number", "trial" (names that are links), "words" (long text)
    highest_first: bool = False  # when a reader sorts by it


@dataclass(frozen=True)
class LiveTable:
    """The content of a table; a cell's second line is shown smaller."""

    name: str  # unique in the page
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, str]]  # by column; a missing cell is empty
    settings: Mapping[str, Sequence[str]] = field(default_factory=dict)  # a value per row; "config" is made of them
    foot: Sequence[Mapping[str, str]] = ()  # rows that are always shown, below the others
    links: Mapping[str, str] = field(default_factory=dict)  # by name of a trial
    static: int = 20  # rows that are there without a script
    noun: str = "row"


def live_table_html(table: LiveTable) -> str:
    """The table, its controls, and its data for the script."""
    head = "".join(f'<th scope="col"{_class(column)}>{escaped(column.name)}</th>' for column in table.columns)
    body = "".join(_row(table, row) for row in table.rows[: table.static])
    foot = "".join(_row(table, row) for row in table.foot)
    inside = f"<caption>{escaped(table.caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    more = len(table.rows) - table.static
    return Template(_FILE.read_text(encoding="utf-8").rstrip()).substitute(
        name=table.name,
        few="few" if len(table.rows) <= _FEW else "many",
        table=framed_table(inside + (f"<tfoot>{foot}</tfoot>" if foot else ""), table.caption, "live"),
        more=f"<p>{counted(more, f'more {table.noun}')} can be seen where scripts are allowed.</p>" if more > 0 else "",
        data=json_in_script(_data(table)),
    )


def _row(table: LiveTable, row: Mapping[str, str]) -> str:
    cells = []
    for index, column in enumerate(table.columns):
        tag = 'th scope="row"' if index == 0 else "td"
        content = _linked(row, table) if column.kind == "trial" else _lines(row.get(column.name, ""))
        end = tag.split()[0]
        cells.append(f'<{tag}{_class(column)} data-label="{escaped(column.name)}">{content}</{end}>')
    mark = ' class="best"' if row.get("verdict") == "best" else ""
    return f"<tr{mark}>{''.join(cells)}</tr>"


def _linked(row: Mapping[str, str], table: LiveTable) -> str:
    names = row.get("trial", "").split(" ")
    return " ".join(
        f'<a href="{escaped(table.links[name])}">{escaped(name)}</a>' if name in table.links else escaped(name)
        for name in names
    )


def _lines(text: str) -> str:
    first, _, second = text.partition("\n")
    return escaped(first) + (f"<small>{escaped(second)}</small>" if second else "")


def _class(column: Column) -> str:
    return "" if column.kind == "text" else f' class="{column.kind}"'


def _data(table: LiveTable) -> dict[str, Any]:
    return {
        "noun": table.noun,
        "columns": [
            {
                "name": column.name,
                "kind": column.kind,
                "highest": column.highest_first,
                **_column(table, column.name),
            }
            for column in table.columns
        ],
        "settings": [{"name": name, **_packed(values)} for name, values in table.settings.items()],
        **_packed_links(table),
    }


def _column(table: LiveTable, name: str) -> dict[str, Any]:
    """The cells of a column; of "config" only those that are not the settings of their row."""
    texts = [row.get(name, "") for row in table.rows]
    if name == "place":
        return {"count": len(texts)}
    if name != "config" or not table.settings:
        return _packed(texts)
    rows = zip(*table.settings.values(), strict=True)
    composed = (" ".join(map("=".join, zip(table.settings, values, strict=True))) for values in rows)
    others = {at: text for at, (text, same) in enumerate(zip(texts, composed, strict=True)) if text != same}
    return {"count": len(texts), "others": others}


def _packed(texts: Sequence[str]) -> dict[str, Any]:
    """The texts; where few differ, each once and the number of each row's."""
    different = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    if len(different) * 2 > len(texts):
        return {"texts": list(texts)}
    return {"texts": list(different), "at": [different[text] for text in texts]}


def _packed_links(table: LiveTable) -> dict[str, Any]:
    """The part of a link before the trial's name, where all trials of the table share it; or each link."""
    names = {name for row in table.rows for name in row.get("trial", "").split(" ")} - {"!", ""}
    first = next(iter(names & table.links.keys()), None)
    if first is None:
        return {"links": {}}
    before = table.links[first].removesuffix(f"{first}/")
    if all(table.links.get(name) == f"{before}{name}/" for name in names):
        return {"before": before}
    return {"links": {name: table.links[name] for name in names & table.links.keys()}}
