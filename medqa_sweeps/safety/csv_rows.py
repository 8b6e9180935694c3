"""The rows of a CSV file of the user's, each with its line."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from medqa_sweeps.data.cells import parsed_cell
from medqa_sweeps.errors import DataError

_LONGEST_CELL = 1_000_000  # characters; Python's limit of 131,072 is short for a cell of an export
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True)
class Row:
    """Cells without the blanks around them."""

    line: int  # where the row begins, from 1
    cells: list[str]


def rows_of(path: Path) -> list[Row]:
    """The rows that are not blank, parted by commas, or by the semicolons or tabs of the first line.

    Raises:
        DataError: if the file is missing, cannot be read, is empty, is not Unicode, or is not CSV.
    """
    text = _text_of(path)
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    csv.field_size_limit(_LONGEST_CELL)
    reader, rows, before = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), list[Row](), 0
    try:
        for cells in reader:
            line, before = before + 1, reader.line_num
            if any(cell.strip() for cell in cells):
                rows.append(Row(line, [cell.strip() for cell in cells]))
    except csv.Error as error:
        raise DataError(f"{path}, line {before + 1}: not CSV ({error}). Fix the quotes of that row.") from error
    if not rows:
        raise DataError(f"{path} is empty. Name a file with rows.")
    return rows


def texts_in(cell: str) -> list[str]:
    """The texts of a cell: itself, or the items of a list that is written as text (`['a', 'b']`, `[['a']]`)."""
    return [text.strip() for text in _flat(parsed_cell(cell)) if text.strip()]


def _flat(value: object) -> list[str]:
    return [text for one in value for text in _flat(one)] if isinstance(value, list) else [str(value)]


def _text_of(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file. Fix the path.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}). Name a CSV file that can be.") from error
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: not {encoding.removesuffix('-sig').upper()}. Save it as UTF-8."
        ) from error
    if "\0" in text:
        raise DataError(f"{path}, line {text[: text.index(chr(0))].count(chr(10)) + 1}: not text. Name a CSV file.")
    return text
