"""What every retriever is: settings that find the best passages of a corpus for some texts.

A retriever is given texts alone, so that the options of a question cannot reach it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from medqa_sweeps.retrieval.corpus import Corpus

if TYPE_CHECKING:
    import numpy as np


class Hit(NamedTuple):
    """A passage that was found, with its score: the higher, the better, in the unit of its retriever."""

    passage_id: str
    score: float


@dataclass(frozen=True)
class Found:
    """The passages of each text, in the order of the texts."""

    hits: Sequence[list[Hit]]  # best first; those of equal score by passage id
    cut: Mapping[str, int] = field(default_factory=dict)  # passages and questions longer than an encoder reads


class Retriever(Protocol):
    """Settings of a retriever."""

    def identity(self) -> list[Any]:
        """What a ranking's key holds: all that decides scores beside corpus and texts, as JSON."""

    def description(self) -> dict[str, Any]:
        """What a trial's provenance holds, as JSON."""

    def search(self, corpus: Corpus, texts: Sequence[str], most: int) -> Found:
        """The best passages for each text, at most `most`.

        Raises:
            ConfigError: if an encoder that it needs cannot be used.
        """


def best(scores: "np.ndarray", candidates: "np.ndarray", most: int) -> "np.ndarray":
    """The positions of the highest scores, at most `most`: by score, and those of equal score by position.

    Args:
        candidates: the positions to choose from, in ascending order.
    """
    import numpy as np

    if len(candidates) > most:
        least = np.partition(scores[candidates], -most)[-most]
        candidates = candidates[scores[candidates] >= least]  # with all that tie for the last rank
    return candidates[np.lexsort((candidates, -scores[candidates]))][:most]


def score_of(value: "np.float32") -> float:
    """The shortest decimal of a 32-bit float: the same number, in half the digits."""
    return float(str(value))
