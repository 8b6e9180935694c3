"""How often the locked test questions of a study were read, and what came of it: `final.jsonl`, for the page."""

import time
from dataclasses import dataclass
from pathlib import Path

from medqa_sweeps.study.ledger import Reading, readings, readings_beside, sentences


@dataclass(frozen=True)
class FinalTest:
    """One reading of the test questions, ready to be shown."""

    when: str  # 2026-11-24 22:08 UTC
    who: str  # user@host
    trial: int
    reading: Reading
    sentences: tuple[str, ...]  # scores beside the validation score, and how often the questions were read before


def final_tests(folder: Path) -> list[FinalTest]:
    """Every reading for a study, the first first; none if nobody has asked for the test.

    Raises:
        ConfigError: if the ledger, or one beside it, is damaged.
    """
    return [_shown(folder, reading) for reading in readings(folder)]


def _shown(folder: Path, reading: Reading) -> FinalTest:
    asked = reading.request
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(asked.time))
    text = sentences(reading, readings_beside(folder, reading))
    return FinalTest(when, f"{asked.user}@{asked.host}", asked.trial, reading, tuple(text))
