"""What a file is by its first bytes, for errors: a workbook, an archive or a web page that is named as a table.

Nothing here reads a question. A file that is what its name says is no business of this module.
"""

import re
import zipfile
from pathlib import Path

from medqa_sweeps.data.fields import is_known
from medqa_sweeps.errors import DataError

_EXPORT = "In Excel or LibreOffice, save the sheet as `CSV UTF-8 (comma delimited)`, and name that file"
_UNPACK = "Unpack it, and name the file in it"
# The first bytes, what such a file is, and the next step.
_BINARY = (
    (b"\x1f\x8b", "a gzip archive", _UNPACK),
    (b"BZh", "a bzip2 archive", _UNPACK),
    (b"\xfd7zXZ\x00", "an xz archive", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)", _EXPORT),
    (b"PAR1", "a Parquet file", "Rename it to .parquet"),
    (b"ARROW1", "an Arrow file", "Write it as Parquet or CSV"),
    (b"%PDF", "a PDF document", "Name a file of records instead"),
    (b"SQLite format 3\x00", "an SQLite database", "Export the table as CSV"),
)
_HTML = re.compile(rb"\s*(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_XML = re.compile(rb"\s*<\?xml\b", re.IGNORECASE)
_JSON_OBJECT = re.compile(rb'\s*(\[\s*)?\{\s*"(\\.|[^"\\])*"\s*:')
_WORKBOOKS = {".xlsx": "an Excel workbook", ".xlsm": "an Excel workbook", ".xls": "an old Excel workbook"}
_WORKBOOKS |= {".ods": "a LibreOffice workbook"}
_TABLES, _JSON = (".csv", ".tsv"), (".json", ".jsonl")
_START = 4096  # bytes
_DELIMITER = re.compile(r"[,;\t|]")


def refuse_other_content(path: Path) -> None:
    """Check that a file may be what its ending says: JSON, a table of text, or Parquet.

    Raises:
        DataError: naming what it is instead, and the next step.
    """
    suffix = path.suffix.lower()
    try:
        with open(path, "rb") as file:
            start = file.read(_START)
    except OSError:  # the reader says why
        return
    if (found := _content(path, start, suffix)) is not None:
        what, next_step = found
        raise DataError(f"{path} is {what}, not {_named(suffix)}. {next_step}.")


def why_unsupported(path: Path) -> str:
    """A sentence on a file whose ending no reader has; empty: there is nothing to add."""
    if what := _WORKBOOKS.get(path.suffix.lower()):
        return f" It is {what}. {_EXPORT}."
    try:
        with open(path, "rb") as file:
            found = _content(path, file.read(_START), "")
    except OSError:
        return ""
    return f" It is {found[0]}. {found[1]}." if found else ""


def _content(path: Path, start: bytes, suffix: str) -> tuple[str, str] | None:
    """What a file is, and the next step; None: it may be what its ending says."""
    if start.startswith(b"PK\x03\x04"):
        return ("an Excel workbook (.xlsx)", _EXPORT) if _has_sheets(path) else ("a zip archive", _UNPACK)
    for first, what, next_step in _BINARY:
        if start.startswith(first) and (first, suffix) != (b"PAR1", ".parquet"):
            return what, next_step
    text = start.removeprefix(b"\xef\xbb\xbf")
    if _HTML.match(text):
        return "a web page (HTML), perhaps an error message of the server that it was loaded from", "Load it again"
    if _XML.match(text):
        return "an XML document", "Export its records as CSV or JSON"
    if suffix not in _JSON and _JSON_OBJECT.match(text):
        return "JSON", f"Rename it to {'.json' if text.lstrip().startswith(b'[') else '.jsonl'}"
    if suffix in _JSON and _is_header(text):
        return "a table of text", "Rename it to .csv"
    if suffix == ".parquet" and text.strip() and b"\x00" not in text and not text.startswith(b"PAR1"):
        return "text", "Give it the ending of what it is, .csv, .tsv, .json or .jsonl"
    return None


def _is_header(text: bytes) -> bool:
    """Whether the first line has two columns at least that tables of questions have."""
    first = text.lstrip().partition(b"\n")[0].decode(errors="replace")
    return sum(map(is_known, _DELIMITER.split(first))) >= 2 if first[:1] not in ("{", "[") else False


def _has_sheets(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.startswith("xl/") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError):
        return False


def _named(suffix: str) -> str:
    return "JSON" if suffix in _JSON else "a table of text" if suffix in _TABLES else "Parquet"
