"""When and where trials ran, and how they learned: from the lines of `metrics.jsonl`."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from analysis.reading.studies import State, Trial
from medqa_sweeps.trial.records import (
    AttemptEndLine,
    AttemptLine,
    MetricsLine,
    TrainLine,
    ValidationLine,
    line_from_json,
)

_UUID_CHARACTERS = 12  # "GPU-5a3f1c2b": enough for the cards of one host


@dataclass(frozen=True)
class Span:
    """An attempt at a trial; seconds since the epoch."""

    trial: Trial
    began: float
    ended: float
    place: str  # host and device: "node7 GPU-5a3f1c2b", "node7 cpu"


@dataclass(frozen=True)
class History:
    """A trial's lines; of those that a later attempt wrote again, the last."""

    training: tuple[TrainLine, ...]
    validation: tuple[ValidationLine, ...]

    @property
    def tokens(self) -> float:
        """Trained on, without padding: speed times time between lines, so that resumed work counts once."""
        lines: list[TrainLine | ValidationLine] = sorted([*self.training, *self.validation], key=lambda line: line.time)
        pairs = pairwise(lines)
        return sum(
            now.tokens_per_second * (now.time - before.time)
            for before, now in pairs
            if isinstance(now, TrainLine) and now.samples_seen > before.samples_seen
        )


def history(trial: Trial) -> History:
    """The training and validation lines in the order of samples seen; damaged files have none."""
    training: dict[int, TrainLine] = {}
    validation: dict[int, ValidationLine] = {}
    for line in _lines(trial):
        if isinstance(line, TrainLine):
            training[line.samples_seen] = line
        elif isinstance(line, ValidationLine):
            validation[line.samples_seen] = line
    return History(tuple(training[at] for at in sorted(training)), tuple(validation[at] for at in sorted(validation)))


def spans(trial: Trial) -> list[Span]:
    """The attempts at a trial; of one that is still running, up to its last line.

    A completed trial of one attempt is read only to its first line: a study has thousands.
    """
    result = trial.result
    if result is not None and result.attempts == 1 and trial.state is State.COMPLETED:
        first = next(_lines(trial), None)
        known = isinstance(first, AttemptLine) and result.finished_at >= first.time
        return [Span(trial, first.time, result.finished_at, _place(first))] if known else []  # type: ignore[union-attr,arg-type]
    found: list[Span] = []
    last: AttemptLine | None = None
    until = 0.0
    for line in _lines(trial):
        if isinstance(line, AttemptLine) and last is not None:
            found.append(Span(trial, last.time, until, _place(last)))
            last = None
        if isinstance(line, AttemptLine):
            last = line
        until = line.time
        if isinstance(line, AttemptEndLine) and last is not None:
            found.append(Span(trial, last.time, until, _place(last)))
            last = None
    if last is not None:
        ended = max(until, result.finished_at) if result is not None else until
        found.append(Span(trial, last.time, ended, _place(last)))
    return found


def _place(line: AttemptLine) -> str:
    """Of a GPU the beginning of its UUID; of an older record, which has none, `cuda`."""
    return f"{line.host} {line.gpu[:_UUID_CHARACTERS] if line.gpu else line.device}"


def _lines(trial: Trial) -> Iterator[MetricsLine]:
    """The lines of a file that may still grow, or be damaged: what can be read, up to what cannot."""
    try:
        with open(trial.directory.metrics_file, "rb") as file:
            for text in file:
                if not text.endswith(b"\n"):
                    return
                yield line_from_json(json.loads(text))
    except (OSError, ValueError, KeyError, TypeError):
        return
