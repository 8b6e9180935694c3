"""What everything else here is about: a checked question, and a set of them with what was met on the way."""

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


@dataclass(frozen=True)
class Question:
    """One multiple-choice question, cleaned."""

    id: str  # 16 hex digits of question and options
    question: str
    options: tuple[str, ...]  # in the file's order
    gold: int  # place of the right option, 0 .. len(options) - 1
    region: Region | None = None
    step: Step | None = None  # of the USMLE
    in_order: bool = False  # options keep the file's order in every training epoch


@dataclass(frozen=True)
class Quarantined:
    """A bad record that was set aside."""

    place: str  # file and line, or data set and row
    reason: str  # a sentence
    record: Any  # as it was read

    def to_json_line(self) -> str:
        """For `quarantine.jsonl`; what JSON cannot hold is written as Python shows it."""
        line = {"place": self.place, "reason": self.reason, "record": self.record}
        try:
            text = json.dumps(line, ensure_ascii=False, default=repr)
        except (ValueError, TypeError, RecursionError):  # keys that are no texts, or a depth that cannot be followed
            text = json.dumps({**line, "record": reprlib.repr(self.record)}, ensure_ascii=False)
        return text.encode(errors="backslashreplace").decode() + "\n"  # half a character becomes its JSON escape


@dataclass(frozen=True)
class QuestionSet:
    """Questions in the order of their source, and how many records were cleaned, look odd, or were set aside."""

    questions: list[Question]
    cleaned: Counter[str] = field(default_factory=Counter)  # what was changed: number of records
    flagged: Counter[str] = field(default_factory=Counter)  # what looks odd and was left as it is: number of records
    quarantined: list[Quarantined] = field(default_factory=list)


def question_id(question: str, options: Iterable[str]) -> str:
    """16 hex digits of the SHA-256 of the cleaned texts, options in order; the gold answer does not count."""
    text = json.dumps([question, list(options)], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def fingerprint(questions: Iterable[Question]) -> str:
    """12 hex digits of ids, gold letters, and which options keep their order: the same content in another file or shape
    has the same."""
    return short_hash([[one.id, ascii_uppercase[one.gold], *["in order"] * one.in_order] for one in questions])
