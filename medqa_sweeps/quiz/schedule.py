"""Spaced repetition: when a question is due again. The state is a replay of the reviews; nothing else is stored.

FSRS as Anki has it (Ye et al. 2022, doi 10.1145/3534678.3539081), with its published default parameters. Its fuzz is
off: it would draw from Python's global random numbers, and two replays would differ.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from fsrs import Card, Rating, Scheduler

from medqa_sweeps.quiz.reviews import Review

SLOW_SECONDS = 90.0  # USMLE gives 90 s for a question; a right answer that took longer counts as hard
_SCHEDULER = Scheduler(enable_fuzzing=False)


@dataclass(frozen=True)
class Progress:
    """Where a learner stands with one question."""

    card: Card
    last: Review

    def is_due(self, now: datetime) -> bool:
        """Also if the last review is in the future: the clock was ahead then, and nobody should wait for that time."""
        return self.card.due <= now or moment(self.last) > now


def rating_of(review: Review) -> Rating:
    """Wrong or "I don't know": again. Right: good; right and slow: hard. Never easy, as nobody is asked."""
    if not review.correct:
        return Rating.Again
    return Rating.Hard if review.seconds > SLOW_SECONDS else Rating.Good


def replay(reviews: Iterable[Review]) -> dict[str, Progress]:
    """Progress by question id. The order in which the reviews come, and repeated ones, change nothing.

    Reviews are replayed by their number. Where the clock was set back in between, FSRS counts no time as passed.
    """
    state: dict[str, Progress] = {}
    for review in sorted(set(reviews), key=_order):
        before = state.get(review.id)
        # Without an id, a card sleeps for a millisecond to find one.
        card = before.card if before else Card(card_id=int(review.id, 16), due=moment(review))
        card, _ = _SCHEDULER.review_card(card, rating_of(review), moment(review))
        state[review.id] = Progress(card, review)
    return state


def moment(review: Review) -> datetime:
    """When it was given, in UTC: FSRS takes nothing else."""
    return datetime.fromtimestamp(review.time, UTC)


def _order(review: Review) -> tuple[object, ...]:
    return (review.number, review.time, review.id, review.chosen or "", review.gold, review.seconds, review.source)
