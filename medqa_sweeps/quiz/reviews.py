"""The learner's history: `reviews.jsonl` in the user's data folder, to which lines are only ever appended.

A line `shown` for each question that was shown or exported, a line `answered` for each answer. Several quizzes may run
at once: each appends under a lock, which also numbers the answers. The numbers, not the clock, order them.
"""

import math
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import Timeout

from medqa_sweeps.durable.claim import claim
from medqa_sweeps.durable.lines import append_lines, last_line, readable_lines
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.trial.records import JsonRecord

SHOWN, ANSWERED = "shown", "answered"
_WAIT_SECONDS = 30.0  # for another quiz that appends a line
_LATEST = 2.0**36  # seconds since the epoch, the year 4147: times beyond cannot be scheduled


@dataclass(frozen=True)
class Review(JsonRecord):
    """One answer of the learner."""

    number: int  # from 1, in the order of appending
    time: float  # seconds since the epoch, by this machine's clock
    id: str  # of the question
    chosen: str | None  # letter; None: "I don't know"
    gold: str
    seconds: float  # from showing the question to the answer
    source: str = ""  # where the question came from

    @property
    def correct(self) -> bool:
        return self.chosen == self.gold


@dataclass(frozen=True)
class History:
    """What a file of reviews holds."""

    reviews: list[Review]
    damaged: list[str]  # a sentence for each line that cannot be read

    @property
    def newest(self) -> float:
        """Time of the newest review; 0 without one."""
        return max((review.time for review in self.reviews), default=0.0)


class ReviewFile:
    """The reviews of one learner. Its folder must exist."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def history(self) -> History:
        """All complete lines; damaged ones are left out, and said."""
        lines, damaged = readable_lines(self.path, _review_or_nothing)
        return History([line for line in lines if line is not None], damaged)

    def add_shown(self, ids: Iterable[str], where: str, source: str) -> None:
        """Record that questions were shown, or exported.

        Args:
            where: terminal, page or anki.

        Raises:
            ConfigError: if the file cannot be written.
        """
        now = time.time()
        lines = [{"kind": SHOWN, "time": now, "id": id_, "where": where, "source": source} for id_ in ids]
        with self._locked():
            append_lines(self.path, lines)

    def add_answer(self, id_: str, chosen: str | None, gold: str, seconds: float, source: str) -> Review:
        """Record an answer, which is numbered.

        Raises:
            ConfigError: if the file cannot be written.
        """
        with self._locked():
            review = Review(self._next_number(), time.time(), id_, chosen, gold, round(seconds, 3), source)
            append_lines(self.path, [{"kind": ANSWERED, **review.to_json()}])
        return review

    def _next_number(self) -> int:
        """One more than the newest answer's, also if the lines after it are damaged."""
        newest = last_line(self.path, _review_or_nothing)
        return 1 + (newest.number if newest else 0)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            lock = claim(self.path.parent, _WAIT_SECONDS)
        except Timeout:
            raise ConfigError(
                f"{self.path} has been locked by another process for {_WAIT_SECONDS:.0f} s, so the answer was not "
                "recorded. End the other quiz, then start this one again."
            ) from None
        except OSError as error:
            raise self._unwritable(error) from None
        try:
            yield
        except OSError as error:
            raise self._unwritable(error) from None
        finally:
            lock.release()

    def _unwritable(self, error: OSError) -> ConfigError:
        return ConfigError(
            f"{self.path} cannot be written ({error.strerror}), so no more questions are asked: each one must be "
            "recorded. Free some space, or set XDG_DATA_HOME to another folder."
        )


def _review_or_nothing(line: dict[str, Any]) -> Review | None:
    """The answer in a line; None for a line of another kind.

    Raises:
        ValueError: if a value is not what `ReviewFile` writes.
    """
    if line["kind"] != ANSWERED:
        return None
    review = Review.from_json(line)
    texts = (review.id, review.gold, review.source, review.chosen or "")
    numbers = (review.number, review.time, review.seconds)
    if not all(isinstance(text, str) for text in texts) or not all(_is_number(number) for number in numbers):
        raise ValueError("a value has the wrong type")
    if not (0 <= review.time < _LATEST and review.seconds >= 0):
        raise ValueError(f"time {review.time}, {review.seconds} s: out of range")
    int(review.id, 16)
    return review


def _is_number(value: Any) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))
