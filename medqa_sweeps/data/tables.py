"""The rows of a table of text: CSV, or with semicolons, tabs or bars, as the header shows or data.delimiter names."""

import contextlib
import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import ascii_uppercase

from medqa_sweeps.config import DELIMITERS, DataConfig
from medqa_sweeps.data.encodings import text_of
from medqa_sweeps.data.fields import is_known, layout_of
from medqa_sweeps.data.raw_record import BadRecord, RawRecord
from medqa_sweeps.errors import DataError

_LONGEST_CELL = 16_000_000  # characters; Python's limit of 131,072 is a fifth of a cell of a large export
_NAMED_BY_EXCEL = re.compile(r'"?sep=([,;|\t])"?\s*', re.IGNORECASE)
_COMPARED = 200_000  # characters, to tell delimiters apart


def table_records(path: Path, config: DataConfig) -> Iterator[RawRecord]:
    """One record per row; an empty cell is null. Blank rows are skipped, as are blank lines.

    A table without a header has MMLU's columns: question, options, letter.

    Raises:
        DataError: if it is not CSV, two columns have one name, or the delimiter cannot be told.
    """
    text, skipped = text_of(path, config.encoding), 0
    first, _, rest = text.partition("\n")
    delimiter = _named_delimiter(config.delimiter)
    if by_excel := _NAMED_BY_EXCEL.fullmatch(first):
        text, skipped, delimiter = rest, 1, delimiter or by_excel[1]
    if delimiter is None:
        delimiter = _shown_delimiter(path, text, config)
    rows = _rows(path, text, delimiter, skipped)
    line, header = next(rows, (0, []))
    if (columns := _mmlu_columns(header)) and not config.columns.given():
        every = [(line, header), *rows]
        fitting = sum(len(cells) == len(columns) and cells[-1].strip() in columns[1:-1] for _, cells in every)
        is_header = 2 * fitting <= len(every)
        header, rows = (header, iter(every[1:])) if is_header else (columns, iter(every))
    header = _without_empty_end(header, 0)
    if len(set(header)) < len(header):
        raise DataError(f"{path}: two columns have the same name; the columns are {', '.join(header)}. Rename one.")
    for line, cells in rows:
        yield _record(f"{path}, line {line}", header, cells)


def _rows(path: Path, text: str, delimiter: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, each with its first line. `strict`: an unclosed quote would swallow rows below it."""
    csv.field_size_limit(_LONGEST_CELL)
    rows, before = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), 0
    try:
        for cells in rows:
            line, before = skipped + before + 1, rows.line_num
            if any(cell.strip() for cell in cells):
                yield line, cells
    except csv.Error as error:
        raise DataError(
            f"{path}, line {skipped + before + 1}: not CSV ({error}). Fix it, or save the table as JSON lines."
        ) from error


def _record(location: str, header: list[str], cells: list[str]) -> RawRecord:
    cells = _without_empty_end(cells, len(header))
    if len(cells) != len(header):
        reason = f"has {len(cells)} cells, but the header has {len(header)}; check its delimiters and quotes"
        return RawRecord(location, cells, reason)
    return RawRecord(location, {name: cell or None for name, cell in zip(header, cells, strict=True)})


def _without_empty_end(cells: list[str], least: int) -> list[str]:
    """The cells without empty ones at the end beyond the first `least`: Excel keeps columns that were cleared."""
    stop = len(cells)
    while stop > least and not cells[stop - 1].strip():
        stop -= 1
    return cells[:stop]


def _mmlu_columns(first: Sequence[str]) -> list[str] | None:
    """The columns of MMLU's files, which have no header; None: the first row is a header, or no question."""
    options = len(first) - 2
    letters = list(ascii_uppercase[: max(options, 0)])
    if not 2 <= options <= 10 or first[-1].strip() not in letters or any(map(is_known, first)):
        return None
    return ["question", *letters, "answer"]


# Delimiters


def _named_delimiter(name: str | None) -> str | None:
    return None if name is None else DELIMITERS.get(name, name)


def _shown_delimiter(path: Path, text: str, config: DataConfig) -> str:
    """The delimiter under which the header has the columns of questions; else the one that gives rows of one length.

    Raises:
        DataError: if several do.
    """
    tables = {one: _first_rows(text[:_COMPARED], one) for one in DELIMITERS.values()}
    parted = {one: rows for one, rows in tables.items() if rows and len(rows[0]) > 1}
    if len(parted) < 2:
        return next(iter(parted), ",")
    for candidates in (
        {one: rows for one, rows in parted.items() if _has_questions(rows[0], config)},
        {one: rows for one, rows in parted.items() if len({len(row) for row in rows}) == 1},
    ):
        if len(candidates) == 1:
            return next(iter(candidates))
    names = {sign: name for name, sign in DELIMITERS.items()}
    shown = "; ".join(f"{names[one]}: {' / '.join(rows[0])}" for one, rows in parted.items())
    raise DataError(
        f"{path}: the header does not tell what parts its columns ({shown}). Name it: "
        f"data.delimiter={names[next(iter(parted))]}."
    )


def _first_rows(text: str, delimiter: str) -> list[list[str]]:
    """The header and some rows, up to one that is not CSV with this delimiter."""
    csv.field_size_limit(_LONGEST_CELL)
    rows, found = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), list[list[str]]()
    with contextlib.suppress(csv.Error):
        found.extend(filter(any, rows))
    return found[:-1] if len(text) == _COMPARED and len(found) > 1 else found  # the last may be cut


def _has_questions(header: list[str], config: DataConfig) -> bool:
    given = {name for _, name in config.columns.given()}
    if given:
        return given <= {name.strip() for name in header}
    try:
        layout_of(dict.fromkeys(header), config.columns)
    except BadRecord:
        return False
    return True
