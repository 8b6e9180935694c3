"""How large a forward pass of training a GPU has room for, from passes of its longest questions.

Two short passes tell what a question takes; a third one, of the size that follows, tells whether it is true.
"""

from collections.abc import Callable
from dataclasses import dataclass

_KEPT_FREE = 0.1  # share of the room: fragments, other lengths, the optimizer's temporary tensors


@dataclass(frozen=True)
class Measured:
    """A forward and backward pass over some of the longest questions."""

    bytes: int  # the most that was allocated, the base included
    seconds: float


@dataclass(frozen=True)
class Fit:
    """What a pass may hold, and what was measured of it."""

    samples: int  # of the longest questions
    recompute: bool  # activations
    seconds: float  # of a pass of so many


Measure = Callable[[int, bool], Measured | None]  # samples, recompute → what it took; None: it ran out of memory


def fitted(measure: Measure, room_bytes: int, most_samples: int, recompute: bool | None) -> Fit:
    """The pass that is fastest for a question, of those that fit.

    A whole step without recomputing is as good as it gets; else the best of both ways is taken. If nothing fits, one
    question with recomputing, for the training itself to say so.

    Args:
        room_bytes: what this process may allocate in all, of which a tenth is kept free.
        most_samples: of a pass: those of an optimizer step, or fewer if so asked.
        recompute: as asked; None: what suits.
    """
    room = int(room_bytes * (1 - _KEPT_FREE))
    fits: list[Fit] = []
    for way in (False, True) if recompute is None else (recompute,):
        if fit := _largest(measure, room, most_samples, way):
            fits.append(fit)
            if fit.samples == most_samples and not way:
                break
    if not fits:
        return Fit(1, recompute is not False, 0.0)
    return min(fits, key=lambda fit: fit.seconds / fit.samples)


def _largest(measure: Measure, room: int, most_samples: int, recompute: bool) -> Fit | None:
    """None: not even one question fits."""
    one = measure(1, recompute)
    if one is None or one.bytes > room:
        return None
    two = measure(2, recompute) if most_samples > 1 else None
    if two is None or two.bytes > room:
        return Fit(1, recompute, one.seconds)
    each = max(1, two.bytes - one.bytes)
    samples = max(2, min(most_samples, 1 + (room - one.bytes) // each))
    while samples > 2:
        found = measure(samples, recompute)
        if found is not None and found.bytes <= room:
            return Fit(samples, recompute, found.seconds)
        samples //= 2  # memory grew faster than in proportion
    return Fit(2, recompute, two.seconds)
