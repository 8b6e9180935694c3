"""Clocks and delays between two machines, from the times of questions and answers, as NTP (RFC 5905) finds them."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Round:
    """One question and its answer; seconds since 1970 by the clock of whoever wrote or saw it."""

    asked: float  # here
    seen: float  # there
    answered: float  # there
    heard: float  # here

    @property
    def seconds(self) -> float:
        """There and back, without what the other side did between."""
        return (self.heard - self.asked) - (self.answered - self.seen)

    @property
    def offset(self) -> float:
        """How far the clock there is ahead, if both ways take as long."""
        return ((self.seen - self.asked) + (self.answered - self.heard)) / 2


@dataclass(frozen=True)
class Offset:
    """How far a clock is ahead of this machine's."""

    seconds: float
    error: float  # at most this much more or less, seconds


def offset_of(rounds: Sequence[Round]) -> Offset:
    """The offset by the quickest of some rounds, which leaves the least room for error."""
    quickest = min(rounds, key=lambda one: one.seconds)
    return Offset(quickest.offset, max(0.0, quickest.seconds) / 2)


def longest(rounds: Sequence[Round]) -> float:
    """The seconds of the slowest round: no way, there or back, took longer."""
    return max(one.seconds for one in rounds)
