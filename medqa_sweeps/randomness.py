"""Keyed randomness: each draw is a hash of its key, so it is equal on every machine and version and needs no state.

The key of a trial's data order, option order, adapter initialisation and dropout is the trial's seed and the purpose of
the draw. A resumed run and another engine therefore draw the same.
"""

import hashlib
from collections.abc import Iterable
from typing import TypeVar

Item = TypeVar("Item")


def draw(*key: object) -> int:
    """A 63-bit number that depends on `key` alone (SHA-256 of its parts)."""
    digest = hashlib.sha256("\x1f".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def shuffled(items: Iterable[Item], *key: object) -> list[Item]:
    """`items` in an order that depends on `key` and on the items' text, not on their original order."""
    return sorted(items, key=lambda item: (draw(*key, item), str(item)))
