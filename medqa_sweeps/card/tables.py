"""Markdown tables, for text that may hold anything."""

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table, then an empty one; none if there are no rows."""
    cells = [[cell(text) for text in row] for row in rows]
    if not cells:
        return []
    return [_line(header), _line(["---"] * len(header)), *map(_line, cells), ""]


def facts(rows: Iterable[tuple[str, str]]) -> list[str]:
    """A table of names and values; rows without a value are left out."""
    return table(("", ""), [row for row in rows if row[1]])


def cell(text: str) -> str:
    """A text in one line, without what would end a cell or begin a tag."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
