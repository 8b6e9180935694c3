"""The nodes that a study ran on: what each worked, how fast its trials were, and what failed there."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from medqa_sweeps.analysis.reading.history import Span
from medqa_sweeps.analysis.reading.trial_state import State
from medqa_sweeps.errors import FailureKind

# Failures that may be the machine's; a wrong config or a loss that explodes are not.
_OF_MACHINES = (FailureKind.DEVICE, FailureKind.KILLED, FailureKind.TIMEOUT, FailureKind.INTERNAL)
# Settings that hardly change how long a trial takes; trials that agree in all others do the same work.
_HARDLY_COST = ("optimizer.", "scheduler.", "tracking.")
_COST_NOTHING = frozenset({"seed", "split.seed", "safety.seed", "lora", "lora.r", "lora.alpha", "lora.dropout"})


@dataclass
class Node:
    """A node of a cluster; where a study ran on one machine, a card of it."""

    name: str
    cards: set[str] = field(default_factory=set)
    attempts: int = 0
    seconds: float = 0.0  # of all attempts
    gpu_seconds: float = 0.0  # of those on a GPU
    samples: int = 0  # trained on
    failures: Counter[FailureKind] = field(default_factory=Counter)
    # samples per second of each completed trial that ran here alone, by what it worked
    speeds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


def nodes_of(found: Sequence[Span]) -> list[Node]:
    """The nodes of these attempts by name, or the cards where all ran on one machine."""
    by_machine = len({span.machine for span in found}) > 1
    attempts = Counter(id(span.trial) for span in found)
    nodes: dict[str, Node] = {}
    for span in found:
        name = span.machine if by_machine else span.card
        node = nodes.setdefault(name, Node(name))
        seconds = span.ended - span.began
        node.cards.add(span.card)
        node.attempts += 1
        node.seconds += seconds
        node.gpu_seconds += seconds * span.on_gpu
        node.samples += span.samples
        if span.failure in _OF_MACHINES:
            node.failures[span.failure] += 1
        result = span.trial.result
        if attempts[id(span.trial)] == 1 and span.trial.state is State.COMPLETED and result and result.seconds > 0:
            node.speeds[_work(span.trial.settings)].append(span.samples / result.seconds)
    return [nodes[name] for name in sorted(nodes)]


def samples_per_second(nodes: Sequence[Node], found: Sequence[Span]) -> list[float]:
    """Training samples of each node per second of the whole study, its pauses included: their sum is the study's."""
    elapsed = max(span.ended for span in found) - min(span.began for span in found)
    return [node.samples / elapsed if elapsed > 0 else 0.0 for node in nodes]


def _work(settings: Mapping[str, Any]) -> str:
    """Equal for trials that take about as long on the same hardware."""
    costly = [key for key in sorted(settings) if not key.startswith(_HARDLY_COST) and key not in _COST_NOTHING]
    return "\n".join(f"{key}={settings[key]}" for key in costly)
