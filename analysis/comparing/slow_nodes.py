"""Nodes whose trials run much slower than the same work elsewhere.

Each completed trial of a node is paired with each of the other nodes that did the same work. A node is slow if the
median of the pairs' ratios of samples per second is 2/3 or less, and it is slower in 3 of 4 pairs. The rule needs 4
trials on both sides. One trial that was delayed by something else changes neither.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from medqa_sweeps.analysis.reading.nodes import Node

_RATIO, _SHARE, _TRIALS = 2 / 3, 3 / 4, 4


@dataclass(frozen=True)
class SlowNode:
    """A node, and how its speed compares."""

    name: str
    ratio: float  # median over pairs of its samples per second and another node's
    trials: int  # of its own that have a partner
    others: int  # of other nodes that they were compared with


def slow_nodes(nodes: Sequence[Node]) -> list[SlowNode]:
    """The slow ones in the order of the nodes; their causes are not known here: another GPU, heat, a slow disk."""
    return [found for node in nodes if (found := _compared(node, nodes)) is not None]


def _compared(node: Node, nodes: Sequence[Node]) -> SlowNode | None:
    ratios: list[float] = []
    trials = others = 0
    for work, own in node.speeds.items():
        elsewhere = [speed for other in nodes if other is not node for speed in other.speeds.get(work, [])]
        ratios += [speed / other for speed in own for other in elsewhere if other > 0]
        trials += len(own) if elsewhere else 0
        others += len(elsewhere)
    if min(trials, others) < _TRIALS or not ratios:
        return None
    is_slow = median(ratios) <= _RATIO and sum(ratio < 1 for ratio in ratios) >= _SHARE * len(ratios)
    return SlowNode(node.name, median(ratios), trials, others) if is_slow else None
