"""When and where trials ran, and how they learned: from the lines of `metrics.jsonl`."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from medqa_sweeps.analysis.reading.studies import Trial
from medqa_sweeps.analysis.reading.trial_state import State
from medqa_sweeps.durable.lines import read_lines
from medqa_sweeps.errors import ConfigError, FailureKind
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
    machine: str  # node or host
    card: str  # "GPU 0", "GPU-5a3f1c2b", "cpu"
    on_gpu: bool
    samples: int = 0  # that it trained on, work that was lost included
    failure: FailureKind | None = None  # why it failed; None: it did not, or it still runs

    @property
    def device(self) -> str:
        return f"{self.machine} {self.card}"

    @property
    def state(self) -> State:
        """Of the attempt: a trial that was completed at its second has failed at its first."""
        return State.FAILED if self.failure is not None else self.trial.state


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
    """The training and validation lines in the order of samples seen; of a damaged file those above the damage."""
    training: dict[int, TrainLine] = {}
    validation: dict[int, ValidationLine] = {}
    for line in _lines(trial):
        if isinstance(line, TrainLine):
            training[line.samples_seen] = line
        elif isinstance(line, ValidationLine):
            validation[line.samples_seen] = line
    return History(tuple(training[at] for at in sorted(training)), tuple(validation[at] for at in sorted(validation)))


def spans(trial: Trial) -> list[Span]:
    """The attempts at a trial; of one that is still running, up to its last line. One whose process was lost before it
    began has no length.

    A completed trial of one attempt is read only to its first line: a study has thousands.
    """
    result = trial.result
    if result is not None and result.attempts == 1 and trial.state is State.COMPLETED:
        first = next(_lines(trial), None)
        if not isinstance(first, AttemptLine) or result.finished_at < first.time:
            return []
        return [_span(trial, first, result.finished_at, result.samples_seen)]
    found: list[Span] = []
    last: AttemptLine | None = None
    until, reached = 0.0, 0
    for line in _lines(trial):
        if isinstance(line, AttemptLine) and last is not None:
            found.append(_span(trial, last, until, reached))
        if isinstance(line, AttemptLine):
            last, reached = line, line.samples_seen
        until = line.time
        reached = max(reached, line.samples_seen)
        if isinstance(line, AttemptEndLine) and last is not None:
            found.append(_span(trial, last, until, reached, line.failure))
            last = None
        elif isinstance(line, AttemptEndLine) and line.node and line.failure:
            card = line.card or ""
            found.append(Span(trial, until, until, line.node, card, card.startswith("GPU"), failure=line.failure))
    if last is not None:
        if result is not None:
            until, reached = max(until, result.finished_at), max(reached, result.samples_seen)
        found.append(_span(trial, last, until, reached, result.failure if result is not None else None))
    return found


def tokens_of(trials: Iterable[Trial]) -> float:
    """Trained on, over all of them."""
    return sum(history(trial).tokens for trial in trials)


def gpu_hours_of(trials: Iterable[Trial]) -> float:
    """Of work on a GPU; 0 for a trial that ran on a CPU."""
    worked = [trial for trial in trials if any(span.on_gpu for span in spans(trial))]
    return sum(trial.result.seconds for trial in worked if trial.result is not None) / 3600


def _span(
    trial: Trial, begin: AttemptLine, ended: float, samples_seen: int, failure: FailureKind | None = None
) -> Span:
    """Without a card's name it has the beginning of the UUID; of an older record, which has neither, `cuda`."""
    card = begin.card or (begin.gpu[:_UUID_CHARACTERS] if begin.gpu else begin.device)
    samples = max(0, samples_seen - begin.samples_seen)
    return Span(trial, begin.time, ended, begin.machine, card, begin.device != "cpu", samples, failure)


def _lines(trial: Trial) -> Iterator[MetricsLine]:
    """The lines up to the first that cannot be read: a curve or a lane is drawn as far as it is known."""
    with contextlib.suppress(ConfigError, OSError):
        yield from read_lines(trial.directory.metrics_file, line_from_json)
