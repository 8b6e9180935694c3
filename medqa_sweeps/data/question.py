"""A checked question, and a set of questions with counts of what was cleaned, flagged or quarantined."""

import hashlib
import json
import reprlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any, Literal

from medqa_sweeps.config import short_hash

Region = Literal["us", "taiwan", "mainland"]
Step = Literal["step1", "step2&3"]


UNLABELLED = -1  # gold of a question that has no answer; only `predict` reads such questions


@dataclass(frozen=True)
class Question:
    """One multiple-choice question, cleaned."""

    id: str  # 16 hex digits of question and options
    question: str
    options: tuple[str, ...]  # in the file's order
    gold: int  # index of the correct option, 0 .. len(options) - 1; or UNLABELLED
    region: Region | None = None
    step: Step | None = None  # of the USMLE
    in_order: bool = False  # whether the options keep the file's order in every training epoch
    source_id: str | None = field(default=None, compare=False)  # the record's own id; decides nothing
    passages: tuple[str, ...] = ()  # of the literature, as its prompt shows them; no part of the id


@dataclass(frozen=True)
class Quarantined:
    """A bad record that the trial goes without."""

    location: str  # file and line, or data set and row
    reason: str  # a sentence
    record: Any  # as read
    source_id: str | None = None  # the record's own id

    def to_json_line(self) -> str:
        """A line of `quarantine.jsonl`; values that JSON cannot represent are written as Python's repr."""
        own = {} if self.source_id is None else {"source_id": self.source_id}
        line = {"place": self.location, **own, "reason": self.reason, "record": self.record}
        try:
            text = json.dumps(line, ensure_ascii=False, default=repr)
        except (ValueError, TypeError, RecursionError):  # keys that are not strings, or too deep nesting
            text = json.dumps({**line, "record": reprlib.repr(self.record)}, ensure_ascii=False)
        return text.encode(errors="backslashreplace").decode() + "\n"  # half a character becomes its JSON escape


@dataclass(frozen=True)
class QuestionSet:
    """Questions in the order of their source, and counts of records that were cleaned, flagged or quarantined."""

    questions: list[Question]
    cleaned: Counter[str] = field(default_factory=Counter)  # number of records, by what was changed
    flagged: Counter[str] = field(default_factory=Counter)  # number of records, by oddity; none was changed
    quarantined: list[Quarantined] = field(default_factory=list)


def question_id(question: str, options: Iterable[str]) -> str:
    """16 hex digits of the SHA-256 of the cleaned texts, options in order; the gold answer is not included."""
    text = json.dumps([question, list(options)], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def fingerprint(questions: Iterable[Question]) -> str:
    """12 hex digits of ids, gold letters, and which options keep their order; independent of file and record format."""
    return short_hash([[one.id, ascii_uppercase[one.gold], *["in order"] * one.in_order] for one in questions])
