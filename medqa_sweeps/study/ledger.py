"""The ledger of a study: every reading of its locked test questions, with user, trial and scores.

`final.jsonl` in the study's folder is append-only. A line is written before the questions are read, so a reading that
was killed counts too; a second line adds the scores.
"""

import getpass
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from medqa_sweeps.durable.lines import append_lines, read_lines
from medqa_sweeps.trial.question_overlap import OverlapCount, overlap_sentences
from medqa_sweeps.trial.records import JsonRecord, Score
from medqa_sweeps.wording import NOT_RESOLVED, accuracy, better_or_worse, gap, in_percent

FILE = "final.jsonl"


@dataclass(frozen=True)
class ReadingRequest(JsonRecord):
    """A user requests the test questions."""

    kind: ClassVar[str] = "asked"
    reading: str  # an id, repeated in the line with the scores
    time: float  # seconds since the epoch
    user: str
    host: str
    trial: int  # its number in the study
    signature: str
    adapter_sha256: str | None
    questions: str  # their source: a file, or data set and split
    readings_before: int  # earlier readings of this study


@dataclass(frozen=True)
class Gain(JsonRecord):
    """The trained model's accuracy minus the untuned base's, on the same questions: shares."""

    difference: float
    low: float  # 95% interval
    high: float
    p_value: float


@dataclass(frozen=True)
class ReadingScores(JsonRecord):
    """The scores of a reading."""

    kind: ClassVar[str] = "scored"
    reading: str
    time: float
    test_fingerprint: str  # 12 hex digits of the questions' content
    trained: Score
    base: Score  # untuned
    gain: Gain
    undisputed_trained: Score | None = None  # on the questions whose answer physicians did not dispute
    undisputed_base: Score | None = None
    undisputed_gain: Gain | None = None
    validation: Score | None = None  # of the trained model, on the validation questions
    seen_in_training: OverlapCount | None = None  # test questions in the trial's training data
    seen_in_validation: OverlapCount | None = None  # test questions in its validation data


@dataclass(frozen=True)
class Reading:
    """A reading, with its scores if it finished."""

    request: ReadingRequest
    scores: ReadingScores | None


def write_request(
    study: Path, reading: str, trial: int, signature: str, adapter_sha256: str | None, questions: str
) -> None:
    """Record that the test questions are about to be read."""
    request = ReadingRequest(
        reading=reading,
        time=time.time(),
        user=_user(),
        host=platform.node(),
        trial=trial,
        signature=signature,
        adapter_sha256=adapter_sha256,
        questions=questions,
        readings_before=len(readings(study)),
    )
    append_lines(study / FILE, [{"kind": request.kind, **request.to_json()}])


def write_scores(study: Path, scores: ReadingScores) -> None:
    append_lines(study / FILE, [{"kind": scores.kind, **scores.to_json()}])


def readings(study: Path) -> list[Reading]:
    """All readings of a study's test questions, in order.

    Raises:
        ConfigError: if the ledger is damaged.
    """
    lines = list(read_lines(study / FILE, _line))
    scores = {line.reading: line for line in lines if isinstance(line, ReadingScores)}
    return [Reading(line, scores.get(line.reading)) for line in lines if isinstance(line, ReadingRequest)]


def _line(data: dict[str, Any]) -> ReadingRequest | ReadingScores | None:
    """One line of the ledger; None: a later version wrote it."""
    if data["kind"] == ReadingRequest.kind:
        return ReadingRequest.from_json(data)
    return ReadingScores.from_json(data) if data["kind"] == ReadingScores.kind else None


def readings_beside(study: Path, reading: Reading) -> int:
    """Number of readings of the same test questions by studies in neighbouring folders."""
    beside = [file.parent for file in study.resolve().parent.glob(f"*/{FILE}") if file.parent != study.resolve()]
    return sum(_same_questions(one, reading) for folder in beside for one in readings(folder))


def _same_questions(one: Reading, other: Reading) -> bool:
    """Compared by content, since files move; by source if either reading has no scores."""
    if one.scores and other.scores:
        return one.scores.test_fingerprint == other.scores.test_fingerprint
    return one.request.questions == other.request.questions


def sentences(reading: Reading, beside: int) -> list[str]:
    """Sentences about a reading; `beside`: number of readings of the same questions by other studies."""
    scores, request = reading.scores, reading.request
    lines: list[str] = []
    if scores is None:
        lines.append(f"The final test of trial {request.trial} ended without a score.")
    else:
        lines.append(_compared("Test", scores.trained, scores.base, scores.gain))
        if scores.undisputed_trained and scores.undisputed_base and scores.undisputed_gain:
            undisputed = (scores.undisputed_trained, scores.undisputed_base, scores.undisputed_gain)
            lines.append(_compared("Undisputed labels only", *undisputed))
        lines += overlap_sentences(scores.seen_in_training, scores.seen_in_validation, "the test's")
        if scores.validation:
            gap = scores.trained.accuracy - scores.validation.accuracy
            lines.append(
                f"Validation, by which it was selected: {_share(scores.validation)}. The test accuracy is "
                f"{in_percent(abs(gap))} points {'higher' if gap > 0 else 'lower'}."
            )
    return [*lines, *_times_before(request.readings_before, beside)]


def _compared(name: str, trained: Score, base: Score, gain: Gain) -> str:
    ahead, sure = better_or_worse(gain.difference), "" if gain.low > 0 or gain.high < 0 else f": {NOT_RESOLVED}"
    return (
        f"{name}: {_share(trained)}; untuned base {_share(base)}. The trained model is {ahead} by "
        f"{gap(gain.difference, gain.low, gain.high)}{sure}."
    )


def _share(score: Score) -> str:
    return accuracy(score.accuracy, score.low, score.high, score.questions)


def _times_before(here: int, beside: int) -> Sequence[str]:
    if not here and not beside:
        return ["This is the first reading of the test questions, and the one to publish."]
    times = f"{here:,} time{'s' * (here != 1)} before for this study"
    others = f" and {beside:,} time{'s' * (beside != 1)} for other studies in the same folder" if beside else ""
    return [f"The test questions were read {times}{others}: each further reading makes selection bias more likely."]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return f"uid {os.getuid()}"
