"""Reads the files of a corpus into documents: a text file, a page of a PDF, or a record of JSON lines is one each."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from medqa_sweeps.data.cells import from_json
from medqa_sweeps.data.encodings import text_of, without_half_characters
from medqa_sweeps.errors import DataError
from medqa_sweeps.retrieval.pdf import pdf_pages
from medqa_sweeps.retrieval.sources import find_sources
from medqa_sweeps.wording import counted

Unit = Literal["page", "line"]
OnBadFile = Literal["stop", "leave_out"]
# The longest paragraph that a person wrote is far shorter; a longer line is no text, or lost its line breaks.
MOST_LINE_BYTES = 10_000_000
_BLOCK_BYTES = 1 << 20
_TEXT_FIELDS = ("text", "content", "contents")
_ALLOWED_RECORD = f"one JSON object per line, with its text in {', '.join(_TEXT_FIELDS[:-1])} or {_TEXT_FIELDS[-1]}"
_HEADING = re.compile(r"#\s+(.+?)\s*#*\s*(?:\n|$)")


@dataclass(frozen=True)
class Place:
    """Where in a file."""

    unit: Unit
    number: int  # from 1

    def __str__(self) -> str:
        return f"{self.unit} {self.number}"


@dataclass(frozen=True)
class Document:
    """A text with the place that it comes from."""

    file: str  # its path, as named or found
    place: Place
    title: str  # of the record or Markdown file; else the file's name without its ending
    text: str  # with \n alone at line ends
    source_id: str | None = None  # of a record
    is_record: bool = False  # a line of JSON lines, so that lines of the text are no lines of the file


@dataclass(frozen=True)
class Documents:
    """The documents of a corpus in the order of files and places, and what was left out."""

    documents: list[Document]
    files: int  # that were read
    left_out: Counter[str] = field(default_factory=Counter)  # by reason
    refused: list[str] = field(default_factory=list)  # a sentence for each file that cannot be read


def read_documents(sources: Sequence[str], on_bad_file: OnBadFile = "stop") -> Documents:
    """The documents of files, globs, folders and bundled files. Empty pages and records are left out and counted.

    Args:
        on_bad_file: whether a file that cannot be read stops the reading, or is left out and described.

    Raises:
        DataError: as `find_sources`; if a file cannot be read and `on_bad_file` is "stop"; if no file has any text.
    """
    found = find_sources(sources)
    read = Documents([], 0, found.left_out, [])
    documents, files = read.documents, 0
    for path in found.files:
        try:
            documents += _READERS[path.suffix.lower()](path, read.left_out)
            files += 1
        except DataError as error:
            if on_bad_file == "stop":
                raise
            read.refused.append(str(error))
    if not documents:
        reason = f" The first: {read.refused[0]}" if read.refused else ""
        raise DataError(f"{', '.join(sources)}: no file has any text. Name files that do.{reason}")
    return Documents(documents, files, read.left_out, read.refused)


def _text_documents(path: Path, left_out: Counter[str]) -> Iterator[Document]:
    text = _text(path)
    if not text.strip():
        left_out["an empty file"] += 1
        return
    heading = _HEADING.match(text.lstrip()) if path.suffix.lower() == ".md" else None
    yield Document(_name(path), Place("line", 1), heading[1] if heading else _stem(path), text)


def _pdf_documents(path: Path, left_out: Counter[str]) -> Iterator[Document]:
    pages = pdf_pages(path)
    if not any(pages):
        raise DataError(
            f"{path}: {_none_of(len(pages))} has text; it seems to be a scan. Run text recognition over it (ocrmypdf "
            "writes a PDF with text), and name the result, or leave it out."
        )
    for number, text in enumerate(pages, start=1):
        if text:
            yield Document(_name(path), Place("page", number), _stem(path), text)
        else:
            left_out["an empty or scanned page"] += 1


def _none_of(pages: int) -> str:
    return "its only page is an image: no page" if pages == 1 else f"none of its {counted(pages, 'page')}"


def _record_documents(path: Path, left_out: Counter[str]) -> Iterator[Document]:
    seen: dict[str, int] = {}
    lines = _text(path).split("\n")  # splitlines() would also cut at U+2028 inside a text
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        location = f"{path}, line {number}"
        record = _record(line, location)
        source_id = _source_id(record)
        if source_id is not None and (first := seen.setdefault(source_id, number)) != number:
            raise DataError(
                f"{location}: has the id {source_id} of line {first}. Each id is allowed once per file. Fix or remove "
                "one of them."
            )
        text = _text_field(record, location)
        if text.strip():
            yield Document(
                _name(path), Place("line", number), _title(record, path, location), text, source_id, is_record=True
            )
        else:
            left_out["a record with an empty text"] += 1
    if not seen and not any(line.strip() for line in lines):
        left_out["an empty file"] += 1


def _record(line: str, location: str) -> dict[str, Any]:
    try:
        record = from_json(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{location}: not JSON ({error}). Allowed is {_ALLOWED_RECORD}. Fix the line.") from None
    if not isinstance(record, dict):
        raise DataError(f"{location}: is no JSON object. Allowed is {_ALLOWED_RECORD}. Fix the line.")
    return record


def _text_field(record: dict[str, Any], location: str) -> str:
    name = next((name for name in _TEXT_FIELDS if record.get(name) is not None), None)
    if name is None:
        has = ", ".join(map(str, list(record)[:8])) or "no field"
        raise DataError(f"{location}: has {has}, and no text. Allowed is {_ALLOWED_RECORD}. Rename the field.")
    if not isinstance(record[name], str):
        raise DataError(f"{location}: {name} is {type(record[name]).__name__}, not a text. Write it as a text.")
    return _with_plain_line_ends(without_half_characters(record[name]))


def _title(record: dict[str, Any], path: Path, location: str) -> str:
    title = record.get("title")
    if title is not None and not isinstance(title, str):
        raise DataError(f"{location}: title is {type(title).__name__}, not a text. Write it as a text.")
    return " ".join(without_half_characters(title or "").split()) or _stem(path)


def _source_id(record: dict[str, Any]) -> str | None:
    found = record.get("id")
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) and found != "" else None


def _text(path: Path) -> str:
    """The text of a file, Unicode, whose lines are those of a text.

    Raises:
        DataError: if it cannot be read, is not Unicode, or has a line above MOST_LINE_BYTES.
    """
    _refuse_long_line(path)
    return _with_plain_line_ends(text_of(path, None, can_be_named=False))


def _name(path: Path) -> str:
    return without_half_characters(str(path))


def _stem(path: Path) -> str:
    return without_half_characters(path.stem)


def _with_plain_line_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _refuse_long_line(path: Path) -> None:
    """Looks through a file in blocks, so that a file of one huge line is never in memory."""
    line, length = 1, 0
    try:
        with open(path, "rb") as file:
            while block := file.read(_BLOCK_BYTES):
                first, *rest = re.split(rb"[\r\n]", block)
                longest = max(length + len(first), *map(len, rest)) if rest else length + len(first)
                if longest > MOST_LINE_BYTES:
                    raise DataError(
                        f"{path}, line {line}: is longer than {MOST_LINE_BYTES // 10**6} MB, the most that a line may "
                        "be. Is it a text? Break it into lines, or leave the file out."
                    )
                length = len(rest[-1]) if rest else longest
                line += block.count(b"\n")
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}). Fix its permissions, or use a copy.") from error


_READERS: dict[str, Callable[[Path, Counter[str]], Iterator[Document]]] = {
    ".txt": _text_documents,
    ".md": _text_documents,
    ".pdf": _pdf_documents,
    ".jsonl": _record_documents,
}
