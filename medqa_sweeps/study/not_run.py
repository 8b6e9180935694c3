"""The record of a study's trials that ended without a folder: refused before they began, or repeats of another trial.

`not_run.jsonl` in the study's folder is only ever appended to. A study that was killed while it wrote may hold a trial
twice: the last line counts.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from medqa_sweeps.durable.lines import append_lines, read_lines
from medqa_sweeps.errors import FailureKind
from medqa_sweeps.trial.records import Outcome, Record

FILE = "not_run.jsonl"


@dataclass(frozen=True)
class NotRun(Record):
    """A trial that no process worked on."""

    number: int  # in its study
    overrides: list[str]  # what sets it apart, in Hydra's words: "lora.r=8"
    outcome: Outcome  # failed; or, of a repeat, how the other trial ended
    message: str
    failure: FailureKind | None = None
    same_as: int | None = None  # number of the trial whose result it repeats
    time: float = 0.0  # seconds since the epoch


def record(study: Path, trial: NotRun) -> None:
    append_lines(study / FILE, [{**trial.to_json(), "time": time.time()}])


def not_run(study: Path) -> list[NotRun]:
    """By number; none if every trial of the study has a folder.

    Raises:
        ConfigError: if the file is damaged.
    """
    newest = {trial.number: trial for trial in read_lines(study / FILE, NotRun.from_json)}
    return [newest[number] for number in sorted(newest)]
