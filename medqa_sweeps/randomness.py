"""Randomness as a function of names: the same draw on every machine and version, with no generator state to save.

A trial's data order, option order, adapter initialisation and dropout are draws keyed by its seed and what they are
for. A resumed run, another engine or another place in a pack therefore draws the same.
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
    """`items` in an order that depends on `key` and on their text, not on the order they came in."""
    return sorted(items, key=lambda item: (draw(*key, item), str(item)))
