"""A file of questions whose passages are known: JSON lines with `question`, and `file`, `page` or `contains`.

{"question": "How is gout treated?", "file": "guide.pdf", "page": 3}
{"question": "What raises urate?", "contains": "Thiazides raise urate"}
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medqa_sweeps.ask.lookup import checked_question
from medqa_sweeps.data.cells import from_json
from medqa_sweeps.data.encodings import text_of
from medqa_sweeps.errors import ConfigError, DataError
from medqa_sweeps.retrieval.chunks import Passage
from medqa_sweeps.retrieval.corpus import Corpus

_KEYS = {"question": str, "file": str, "page": int, "contains": str}
_ALLOWED = (
    'a JSON object per line, with "question" and the passage that answers it: "file", "file" and "page", or "contains"'
)


@dataclass(frozen=True)
class KnownQuestion:
    """A question with the passages that answer it."""

    question: str
    passage_ids: frozenset[str]  # at least one


def read_known(path: Path, corpus: Corpus) -> list[KnownQuestion]:
    """The questions of a file, each with its passages of the corpus.

    Raises:
        DataError: if the file cannot be read or has no question; if a line is not as allowed, names no passage of the
            corpus, or has a question that another line has or that cannot be searched for.
    """
    found: dict[str, KnownQuestion] = {}
    for number, line in enumerate(text_of(path, None, can_be_named=False).split("\n"), start=1):
        if not line.strip():
            continue
        known = _known(line, f"{path}, line {number}", corpus)
        if found.setdefault(known.question, known) is not known:
            raise DataError(f"{path}, line {number}: an earlier line has the same question. Remove one of them.")
    if not found:
        raise DataError(f"{path} has no question. Allowed is {_ALLOWED}.")
    return list(found.values())


def _known(line: str, location: str, corpus: Corpus) -> KnownQuestion:
    record = _record(line, location)
    try:
        question = checked_question(record["question"])
    except ConfigError as error:
        raise DataError(f"{location}: {error}") from None
    ids = frozenset(passage.id for passage in corpus.passages if _answers(passage, record))
    if not ids:
        raise DataError(
            f"{location}: no passage of the corpus is meant. Name a file of --corpus that can be read, a page that has "
            "text, or words that stand in one passage (passages have at most 1,000 characters)."
        )
    return KnownQuestion(question, ids)


def _record(line: str, location: str) -> dict[str, Any]:
    try:
        record = from_json(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{location}: not JSON ({error}). Allowed is {_ALLOWED}.") from None
    if not isinstance(record, dict) or not _is_allowed(record):
        raise DataError(f"{location}: Allowed is {_ALLOWED}. Fix the line.")
    return record


def _is_allowed(record: dict[str, Any]) -> bool:
    typed = all(key in _KEYS and type(value) is _KEYS[key] and value != "" for key, value in record.items())
    named = "file" in record or ("contains" in record and "page" not in record)
    return typed and "question" in record and named


def _answers(passage: Passage, record: dict[str, Any]) -> bool:
    file, page, words = record.get("file"), record.get("page"), record.get("contains")
    if file is not None and passage.document != file and not passage.document.endswith(f"/{file}"):
        return False
    if page is not None and (passage.place.unit, passage.place.number) != ("page", page):
        return False
    return words is None or _folded(words) in _folded(passage.text)


def _folded(text: str) -> str:
    return " ".join(text.split())
