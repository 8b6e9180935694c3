"""The text of a file: UTF-8, UTF-16 or UTF-32 with a byte order mark, or the encoding that data.encoding names.

An encoding is never guessed: in most of the old ones every byte is a letter, so a wrong one reads the file, too, and
writes `MÈniËre`. The error shows one line as each of them reads it.
"""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from medqa_sweeps.errors import DataError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Windows in the West and the East of Europe, China, Japan, Taiwan, Korea, Greece, Turkey; the old Mac and DOS.
_CANDIDATES = (
    *("utf-16-le", "utf-16-be", "cp1252", "gb18030", "cp1250", "cp1251", "shift_jis", "big5", "euc-kr", "mac-roman"),
    *("cp1253", "cp1254", "cp850"),
)
_SHOWN = 8  # encodings in an error
_AROUND = 24  # characters of a line to each side of the first that is not ASCII
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd\ue000-\uf8ff]")  # in no text of people
_HALF = re.compile("[\ud800-\udfff]")
_SOME_NULS = 0.1  # share of NUL bytes above which a text that is valid UTF-8 is UTF-16 without a mark


def text_of(path: Path, encoding: str | None, can_be_named: bool = True) -> str:
    """The content of a text file, without a byte order mark.

    Args:
        encoding: as data.encoding.
        can_be_named: whether data.encoding is what decides; else the error says how to convert the file.

    Raises:
        DataError: if the file cannot be read, or is not in that encoding; without one, if it is not Unicode.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}). Fix its permissions, or use a copy.") from error
    marked = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    if encoding is not None and marked is not None and not _same(encoding, marked):
        raise DataError(
            f"{path} begins with the byte order mark of {marked.removesuffix('-sig')}, and data.encoding={encoding}. "
            "Leave data.encoding out."
        )
    name = marked or encoding or "utf-8"
    try:
        text = data.decode(name)
    except UnicodeDecodeError as error:
        line = _line_of(data, error.start)
        told = f"{path}, line {line}: not {name.removesuffix('-sig').upper() if encoding is None else name}."
        raise DataError(f"{told} {_advice(data, error.start, encoding, can_be_named)}") from error
    if encoding is None and marked is None and data.count(0) > _SOME_NULS * len(data):
        advice = _advice(data, 0, None, can_be_named)
        raise DataError(f"{path}, line 1: not UTF-8: it has NUL characters. {advice}")
    return text


def without_half_characters(text: str) -> str:
    """The text with U+FFFD for each half of a surrogate pair, which JSON and file names can hold and UTF-8 cannot."""
    return text if text.isascii() else _HALF.sub("\ufffd", text)


def _advice(data: bytes, at: int, encoding: str | None, can_be_named: bool) -> str:
    """Which encodings read the whole file, and what the line at a byte is in each."""
    readings: dict[str, list[str]] = {}
    for name, reading in _readings(data, at):
        readings.setdefault(reading, []).append(name)
    shown = [f"{' or '.join(names)}: {reading}" for reading, names in list(readings.items())[:_SHOWN]]
    if not shown:
        return "No usual encoding reads it: it may be damaged, or no text. Use another copy."
    first = next(iter(readings.values()))[0]
    instead = "another" if encoding else "the right one"
    by_letters = f"Look at the letters, and name {instead}, as data.encoding={first}."
    if not can_be_named:
        by_letters = f"Look at the letters, and convert the file: iconv -f {first} -t UTF-8."
    return f"These encodings read it: {'; '.join(shown)}. {by_letters}"


def _readings(data: bytes, at: int) -> Iterator[tuple[str, str]]:
    for name in _CANDIDATES:
        if name.startswith("utf-16") and data.count(0) <= _SOME_NULS * len(data):
            continue
        try:
            text, before = data.decode(name), len(data[:at].decode(name, errors="ignore"))
        except UnicodeDecodeError:
            continue
        if not _CONTROL.search(text):
            yield name, repr(_excerpt(text, before))


def _excerpt(text: str, at: int) -> str:
    """The part of a line around a character."""
    start, stop = text.rfind("\n", 0, at) + 1, text.find("\n", at)
    line, place = text[start : None if stop < 0 else stop].rstrip("\r"), at - start
    low, high = max(0, place - _AROUND), place + _AROUND
    return "…" * (low > 0) + line[low:high] + "…" * (high < len(line))


def _line_of(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1


def _same(encoding: str, marked: str) -> bool:
    """Whether a named encoding is the one of the mark: `utf8` and `utf-16-le` are."""
    family = codecs.lookup(encoding).name.replace("_", "-").removesuffix("-sig")
    return family.startswith(marked.removesuffix("-sig"))
