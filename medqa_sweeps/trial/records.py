"""The records of a trial: typed lines of `metrics.jsonl` and `predictions.jsonl`, and the final `result.json`.

Each record is a frozen dataclass that converts to a JSON object and back. Numbers that are not finite become null,
since JSON has no NaN. Readers ignore unknown keys, so that an older version can read a newer folder.
"""

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Self

from medqa_sweeps.errors import FailureKind

LEFT_OUT = "left out if None"  # a field that earlier versions did not have, so that their bytes stay as they were


class Outcome(StrEnum):
    """How a trial ended. `INTERRUPTED` trials have no result and can be resumed."""

    COMPLETED = "completed"
    PRUNED = "pruned"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class StoppedBy(StrEnum):
    """What stopped a completed trial before the end of its planned training."""

    REQUEST = "request"  # a person
    PATIENCE = "patience"  # the config's training.early_stopping_patience


@dataclass(frozen=True)
class JsonRecord:
    """Abstract: a dataclass that converts to JSON and back."""

    def to_json(self) -> dict[str, Any]:
        """A JSON object: keys in the order of the fields, nested records as objects, no null of a `LEFT_OUT` field."""
        values = [(f, getattr(self, f.name)) for f in dataclasses.fields(self)]
        return {f.name: _plain(value) for f, value in values if value is not None or not f.metadata.get(LEFT_OUT)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The record that `to_json` wrote.

        Raises:
            TypeError: if a key that has no default is missing.
        """
        this: Any = cls
        readers = _readers(this)
        return cls(**{key: readers[key](value) for key, value in data.items() if key in readers})


@dataclass(frozen=True)
class SuiteScore(JsonRecord):
    """What a suite of the safety assessment found of one model, over the questions that it applies to."""

    questions: int
    value: float | None  # the suite's own figure: see `safety.suites`; null: no question to tell from
    low: float | None = None  # its 95% interval
    high: float | None = None
    before: float | None = None  # share answered correctly without the edit
    after: float | None = None  # and with it, mean over its variants
    changed: float | None = None  # share of the variants with which another option was chosen
    figures: dict[str, float] = field(default_factory=dict)  # what else the suite measures, by name
    skipped: dict[str, int] = field(default_factory=dict)  # questions left out, by reason


@dataclass(frozen=True)
class PassageScore(JsonRecord):
    """What passages do to the answers of one model, on the questions that are shown any."""

    questions: int
    accuracy: float  # with the passages
    without: float  # of the same model without them
    foreign: float  # and with another question's
    helped: int = 0  # questions answered correctly with passages and not without
    harmed: int = 0  # and the other way round
    none_found: int = 0  # questions that are shown no passage, as none shares a word with them
    gold_mentioned: float | None = None  # share of questions whose passages name the correct option
    wrong_mentioned: float | None = None  # mean share of the wrong options that they name


@dataclass(frozen=True)
class Score(JsonRecord):
    """How well a model answers a set of questions, with its uncertainty."""

    questions: int
    accuracy: float  # share of questions whose gold letter was chosen
    standard_error: float  # of the accuracy, sqrt(p (1 - p) / Q)
    low: float  # 95% Wilson interval of the accuracy
    high: float
    gold_log_probability: float | None = None  # mean, nats; null if the answers were generated
    calibration_error: float | None = None  # expected calibration error of the chosen letter's probability
    recall_by_letter: dict[str, float] = field(default_factory=dict)
    accuracy_by_step: dict[str, float] = field(default_factory=dict)  # USMLE step of the question
    accuracy_by_region: dict[str, float] = field(default_factory=dict)
    # by suite of the safety assessment; null: not assessed
    safety: dict[str, SuiteScore] | None = field(default=None, metadata={LEFT_OUT: True})


@dataclass(frozen=True)
class AttemptLine(JsonRecord):
    """A process started to work on the trial."""

    kind: ClassVar[str] = "attempt"
    attempt: int  # from 1
    samples_seen: int  # where the attempt starts: 0, or a checkpoint
    time: float  # seconds since the epoch
    pid: int
    host: str
    device: str  # cuda or cpu
    micro_batch_size: int | None = None  # most questions per forward pass; null: no limit
    threads: int | None = None  # CPU threads; another number changes the order of sums and so their last bits
    gpu: str | None = None  # UUID of the GPU or its MIG instance; null on a CPU, or if NVML does not respond
    node: str | None = field(
        default=None, metadata={LEFT_OUT: True}
    )  # the host as the cluster names it; null: no cluster
    card: str | None = field(default=None, metadata={LEFT_OUT: True})  # as users know it: "GPU 0"; null: the CPU here

    @property
    def machine(self) -> str:
        """The name of the node or the host."""
        return self.node or self.host

    @property
    def device_for_users(self) -> str:
        """On a cluster with its node: `n3 GPU 0`; else `gpu0`, `cpu`."""
        return " ".join(filter(None, (self.node, self.card or self.device)))


@dataclass(frozen=True)
class AttemptEndLine(JsonRecord):
    """An attempt ended without a result; written by the parent."""

    kind: ClassVar[str] = "attempt_end"
    attempt: int
    samples_seen: int
    time: float
    outcome: Outcome  # interrupted, or failed
    failure: FailureKind | None
    message: str
    node: str | None = field(default=None, metadata={LEFT_OUT: True})  # as of its `AttemptLine`, which it may not have
    card: str | None = field(default=None, metadata={LEFT_OUT: True})


@dataclass(frozen=True)
class PassesLine(JsonRecord):
    """How an attempt cuts steps and evaluations into forward passes; later attempts and `reproduce` do so, too."""

    kind: ClassVar[str] = "passes"
    attempt: int
    samples_seen: int  # where the attempt starts
    time: float
    training_tokens: int  # most per forward pass, padding included
    scoring_tokens: int
    gradient_checkpointing: bool
    out_of_memory: int = 0  # attempts before this one that ran out of memory
    probed: bool = False  # whether this device's memory was measured to choose them


@dataclass(frozen=True)
class TrainLine(JsonRecord):
    """Training since the previous line: means over these steps, except where noted."""

    kind: ClassVar[str] = "train"
    samples_seen: int
    step: int  # optimizer steps done
    epoch: float
    time: float
    loss: float | None  # nats per supervised token; null: NaN or infinite
    learning_rate: float  # of the last step
    gradient_norm: float | None  # of the last step, before clipping
    tokens_per_second: float  # prompt and completion tokens, without padding
    memory_bytes: int  # peak so far: GPU memory, or resident memory without a GPU


@dataclass(frozen=True)
class ValidationLine(JsonRecord):
    """An evaluation: the validation score after `samples_seen` training samples (0: the untuned base)."""

    kind: ClassVar[str] = "validation"
    samples_seen: int
    step: int
    epoch: float
    time: float
    seconds: float  # duration of the evaluation; 0 if the base's score came from the cache
    score: Score


MetricsLine = AttemptLine | AttemptEndLine | PassesLine | TrainLine | ValidationLine
_LINES: dict[str, type[JsonRecord]] = {
    line.kind: line for line in (AttemptLine, AttemptEndLine, PassesLine, TrainLine, ValidationLine)
}


def line_to_json(line: MetricsLine) -> dict[str, Any]:
    """The object written to `metrics.jsonl`: the record and its `kind`."""
    return {"kind": line.kind, **line.to_json()}


def line_from_json(data: dict[str, Any]) -> MetricsLine:
    """The record that `line_to_json` wrote.

    Raises:
        KeyError: if the kind is not one of attempt, attempt_end, passes, train, validation.
    """
    return typing.cast(MetricsLine, _LINES[data["kind"]].from_json(data))


@dataclass(frozen=True)
class Prediction(JsonRecord):
    """The answer to one question at one evaluation."""

    samples_seen: int
    id: str  # of the question
    gold: str  # letter; empty if the question has none, which only `predict` answers
    predicted: str | None  # letter; null if the generated text contains none
    log_probabilities: dict[str, float] = field(
        default_factory=dict
    )  # nats, by letter; normalised over the whole vocabulary
    # the question's id in its own file; it decides nothing, and an earlier version wrote none
    source_id: str | None = field(default=None, compare=False, metadata={LEFT_OUT: True})

    def probabilities(self) -> dict[str, float]:
        """By letter, among the options: they sum to 1. Empty for an answer that was written as text, or where one is
        not known."""
        if not self.log_probabilities or None in self.log_probabilities.values():  # null: it was not a finite number
            return {}
        most = max(self.log_probabilities.values())
        weights = {letter: math.exp(value - most) for letter, value in self.log_probabilities.items()}
        total = sum(weights.values())
        return {letter: weight / total for letter, weight in weights.items()}

    def confidence(self) -> float | None:
        """Probability of the predicted letter among the options; None where it is not known."""
        return self.probabilities().get(self.predicted) if self.predicted else None


@dataclass(frozen=True)
class Result(JsonRecord):
    """How a trial ended; exists only for finished trials and never changes."""

    outcome: Outcome
    signature: str
    failure: FailureKind | None = None
    message: str = ""  # for users; for a failure with the next step
    score: Score | None = None  # on validation, of the exported adapter (pruned: at the last evaluation)
    baseline: Score | None = None  # the untuned base on the same questions
    passages: PassageScore | None = field(default=None, metadata={LEFT_OUT: True})  # null: no passages are shown
    samples_seen: int = 0
    planned_samples: int = 0  # samples of the whole planned training; 0: unknown
    stopped_by: StoppedBy | None = None  # null: the planned training was finished
    steps: int = 0
    attempts: int = 1
    seconds: float = 0.0  # running time of all attempts that reported it
    peak_memory_bytes: int = 0
    trainable_weights: int = 0
    adapter_sha256: str | None = None  # of the exported adapter's tensors
    effective: dict[str, Any] = field(
        default_factory=dict
    )  # what actually ran: dtypes, optimizer class, 4-bit layers, …
    finished_at: float = 0.0  # seconds since the epoch

    @property
    def stopped_on_request(self) -> bool:
        """Whether a user stopped it before the end of its planned training, so that no trial is comparable with it."""
        return self.stopped_by is StoppedBy.REQUEST or self.message.startswith("stopped on request")  # older results


@functools.cache
def _readers(record: Any) -> dict[str, Callable[[Any], Any]]:
    """For each field, the function that converts its JSON value; cached per class, since studies have many records."""
    hints = typing.get_type_hints(record)
    return {f.name: _reader(hints[f.name]) for f in dataclasses.fields(record)}


def _reader(hint: Any) -> Callable[[Any], Any]:
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        hint = next(option for option in typing.get_args(hint) if option is not type(None))
    if typing.get_origin(hint) is dict:
        read = _reader(typing.get_args(hint)[1])
        return lambda value: {name: read(item) for name, item in value.items()} if value else value
    if isinstance(hint, type) and issubclass(hint, JsonRecord | StrEnum):
        make: Any = hint.from_json if issubclass(hint, JsonRecord) else hint
        return lambda value: None if value is None else make(value)
    return lambda value: value


def _plain(value: Any) -> Any:
    if isinstance(value, JsonRecord):
        return value.to_json()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
