"""The record of trials without a folder: refused before they began, or repeats of another trial.

`not_run.jsonl` in the study's folder is append-only. If a study was killed while it wrote, a trial may occur twice: the
last line counts.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from medqa_sweeps.durable.lines import append_lines, read_lines
from medqa_sweeps.errors import FailureKind
from medqa_sweeps.trial.records import JsonRecord, Outcome

FILE = "not_run.jsonl"


@dataclass(frozen=True)
class NotRun(JsonRecord):
    """A trial that no process ran."""

    number: int  # in its study
    overrides: list[str]  # the trial's Hydra overrides: "lora.r=8"
    outcome: Outcome  # failed; for a repeat, how the other trial ended
    message: str
    failure: FailureKind | None = None
    same_as: int | None = None  # number of the trial whose result it repeats
    time: float = 0.0  # seconds since the epoch


def write(study: Path, trial: NotRun) -> None:
    append_lines(study / FILE, [{**trial.to_json(), "time": time.time()}])


def not_run(study: Path) -> list[NotRun]:
    """The trials without a folder, by number.

    Raises:
        ConfigError: if the file is damaged.
    """
    newest = {trial.number: trial for trial in read_lines(study / FILE, NotRun.from_json)}
    return [newest[number] for number in sorted(newest)]
