"""What a study optimised, in words, where that is not accuracy alone: its best must not be read off accuracies."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.comparing.by_objective import Placed, by_objective, label_of, objective_of, objectives_of
from analysis.comparing.leaderboard import Leaderboard
from medqa_sweeps.study.objective import ACCURACY, Direction, Metric
from medqa_sweeps.wording import counted, listed

_FRONT = (
    "No other config is at least as good in every one of these and better in one. The differences were not tested: "
    "neighbours on the front may well be equal."
)


@dataclass(frozen=True)
class ObjectiveTable:
    """The configs by what was optimised, as text."""

    caption: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def objective_words(board: Leaderboard) -> list[str]:
    """Sentences: what the study optimised, and which config is the best by it, or which are on the front.

    None for a study that optimised accuracy alone: its leaderboard says all of that.
    """
    objectives, objective = objectives_of(board.study), objective_of(board.study)
    if len(set(objectives.values())) > 1:
        each = "; ".join(f"{name}: {one.in_words()}" for name, one in objectives.items())
        return [f"These studies optimised different metrics ({each}). They are compared by accuracy here."]
    if objective.is_accuracy:
        return []
    placed = by_objective(board)
    if not placed:
        return [f"This study optimised {objective.in_words()}. No trial with a score of that has completed yet."]
    if objective.is_pareto:
        return [f"This study optimised {objective.in_words()}.", _front(board, placed)]
    (metric,) = objective.metrics
    return [f"This study optimised {metric.name} ({metric.title}, {_better(metric)}).", _best(board, metric, placed)]


def objective_table(board: Leaderboard, top: int) -> ObjectiveTable | None:
    """The `top` configs by the metric that was optimised, or the first `top` on the front; None for accuracy alone."""
    objective, placed = objective_of(board.study), by_objective(board)
    if objective.is_accuracy or not placed:
        return None
    shown = [one for one in placed if one.on_front] if objective.is_pareto else placed
    beside = () if ACCURACY in objective.metrics else (ACCURACY.name,)
    kind = f"Pareto front: {len(shown)} of" if objective.is_pareto else "By what was optimised, best first:"
    caption = f"{kind} {counted(len(placed), 'config')}"
    return ObjectiveTable(
        caption,
        ("trial", "config", *objective.names, *beside),
        [
            (
                one.name,
                label_of(board, one),
                *(metric.describe(value) for metric, value in zip(objective.metrics, one.values, strict=True)),
                *(ACCURACY.describe(one.config.accuracy) for _ in beside),
            )
            for one in shown[:top]
        ],
    )


def _best(board: Leaderboard, metric: Metric, placed: Sequence[Placed]) -> str:
    best = placed[0]
    seeds = len(best.config.trials)
    mean = f", mean of {seeds} seeds" if seeds > 1 else ""
    first = f"The best by it is {label_of(board, best)}: {metric.describe(best.values[0])}{mean}."
    if best.config.trials[0].name == board.configs[0].trials[0].name:
        return f"{first} It is the most accurate config, too."
    return f"{first} It is not the most accurate config; everything else here compares accuracies."


def _front(board: Leaderboard, placed: Sequence[Placed]) -> str:
    front = [label_of(board, one) for one in placed if one.on_front]
    are = "is" if len(front) == 1 else "are"
    return f"{len(front)} of {counted(len(placed), 'config')} {are} on the Pareto front: {listed(front)}. {_FRONT}"


def _better(metric: Metric) -> str:
    return "lower is better" if metric.direction is Direction.MINIMIZE else "higher is better"
