"""What is to be said of the nodes that a study ran on; nothing where one device did all."""

from collections.abc import Sequence

from medqa_sweeps.analysis.comparing.slow_nodes import slow_nodes
from medqa_sweeps.analysis.reading.history import Span, spans
from medqa_sweeps.analysis.reading.nodes import Node, nodes_of, samples_per_second
from medqa_sweeps.analysis.reading.studies import Trial
from medqa_sweeps.wording import counted


def nodes_sentences(trials: Sequence[Trial]) -> list[str]:
    """The sums over the nodes, what failed where, and which are slow."""
    found = [span for trial in trials for span in spans(trial)]
    nodes = nodes_of(found)
    return [] if len(nodes) < 2 else [*_sums(nodes, found), *troubles(nodes)]


def troubles(nodes: Sequence[Node]) -> list[str]:
    """What failed where, and which nodes are slow."""
    if len(nodes) < 2:
        return []
    kind = "card" if all(node.cards == {node.name} for node in nodes) else "node"
    failed = [f"{node.name}: {counted(node.failures.total(), 'attempt')} ({failures_text(node)})" for node in nodes
              if node.failures]  # fmt: skip
    slow = [
        f"{one.name} is slow: its trials trained {one.ratio:.2f} times as many samples per second as the same work "
        f"elsewhere (median over the pairs of {counted(one.trials, 'trial')} there and {one.others} elsewhere)."
        for one in slow_nodes(nodes)
    ]
    return [*([f"Failures by {kind}: {'; '.join(failed)}."] if failed else []), *slow]


def failures_text(node: Node) -> str:
    """`2 killed, 1 device`; empty where nothing failed."""
    return ", ".join(
        f"{count} {kind}" for kind, count in sorted(node.failures.items(), key=lambda one: (-one[1], one[0]))
    )


def hours_text(nodes: Sequence[Node]) -> str:
    """`1.4 GPU hours`, or `0.2 hours` where nothing ran on a GPU."""
    on_gpu = sum(node.gpu_seconds for node in nodes)
    return f"{on_gpu / 3600:.1f} GPU hours" if on_gpu else f"{sum(node.seconds for node in nodes) / 3600:.1f} hours"


def _sums(nodes: Sequence[Node], found: Sequence[Span]) -> list[str]:
    """Nothing for the cards of one machine."""
    if len({span.machine for span in found}) < 2:
        return []
    cards = counted(len({(span.machine, span.card) for span in found}), "device")
    speed = sum(samples_per_second(nodes, found))
    return [
        f"{counted(len(found), 'attempt')} on {counted(len(nodes), 'node')} ({cards}): {hours_text(nodes)}, "
        f"{speed:.1f} training samples per second together."
    ]
