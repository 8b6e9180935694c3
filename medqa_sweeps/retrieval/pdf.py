"""The text of each page of a PDF, read once per content and kept in the shared cache."""

import hashlib
import logging
import re
from pathlib import Path
from typing import Any

from medqa_sweeps.config import short_hash
from medqa_sweeps.data.encodings import without_half_characters
from medqa_sweeps.durable.cache import shared
from medqa_sweeps.errors import DataError
from medqa_sweeps.versions import versions_of

_RULE = 1  # changes with what `_as_text` does
_CJK = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef"
_HYPHEN = re.compile(r"(?<=[^\W\d_])[-\u00ad]\n(?=[a-zà-ÿ])")
_BREAK_IN_CJK = re.compile(rf"(?<=[{_CJK}])\n(?=[{_CJK}])")
_BREAK = re.compile(r"(?<!\n)\n(?!\n)")
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})


def pdf_pages(path: Path) -> list[str]:
    """The text of each page; "" for a page without any, such as a scan.

    Words that a line's end divides are joined, ligatures are written as letters, and a paragraph is one line.

    Raises:
        DataError: if the file cannot be read, is encrypted or broken.
        ConfigError: if no cache folder is writable.
    """
    try:
        with open(path, "rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}). Fix its permissions, or use a copy.") from error
    key = short_hash([content, versions_of(("pypdf",)), _RULE])
    value, _ = shared("pdf_pages", key, lambda: {"pages": [_as_text(text) for text in _extracted(path)]})
    pages: list[str] = value["pages"]
    return pages


def _extracted(path: Path) -> list[str]:
    import pypdf
    from pypdf.errors import DependencyError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it logs each oddity of a file that it reads all the same
    try:
        reader = pypdf.PdfReader(path)
        if reader.is_encrypted and not _opens_without_password(reader):
            raise DataError(f"{path} is encrypted with a password. Save it without one, or leave it out.")
        return [page.extract_text() for page in reader.pages]
    except DataError:
        raise
    except DependencyError:
        raise DataError(
            f"{path} is encrypted with AES, which needs another package. Save it without encryption (qpdf "
            "--decrypt), or leave it out."
        ) from None
    except Exception as error:  # pypdf/errors.py: "broken PDF files might cause other Exceptions"
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(f"{path}: not a readable PDF ({reason}). Save it again, or leave it out.") from error


def _opens_without_password(reader: Any) -> bool:
    """Many PDFs are encrypted with an empty password, which restricts printing alone."""
    return bool(reader.decrypt(""))


def _as_text(extracted: str) -> str:
    text = without_half_characters(extracted).translate(_LIGATURES).replace("\r\n", "\n").replace("\r", "\n")
    text = re.sub(r"[^\S\n]+", " ", text)
    text = re.sub(r" ?\n ?", "\n", text)
    text = _BREAK.sub(" ", _BREAK_IN_CJK.sub("", _HYPHEN.sub("", text)))
    return text.strip()
