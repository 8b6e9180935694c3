"""The suites of the safety assessment that a study has scores of, as metrics."""

from collections.abc import Sequence

from medqa_sweeps.analysis.comparing.leaderboard import Base, Leaderboard
from medqa_sweeps.analysis.reading.studies import Trial
from medqa_sweeps.study.objective import SAFETY_METRICS, Metric
from medqa_sweeps.trial.records import Score


def assessed_metrics(trials: Sequence[Trial]) -> list[Metric]:
    """The metrics of the suites that any trial was assessed by."""
    scores = [trial.result.score for trial in trials if trial.result and trial.result.score]
    found = {suite for score in scores for suite in score.safety or {}}
    return [metric for metric in SAFETY_METRICS.values() if metric.needs_suite in found]


def means(scores: Sequence[Score | None], metrics: Sequence[Metric]) -> list[float | None]:
    """By metric, the mean over the scores that have it, in percent for shares; None: none has."""
    found = []
    for metric in metrics:
        values = [value for score in scores if score and (value := metric.of(score)) is not None]
        found.append(metric.plotted(sum(values) / len(values)) if values else None)
    return found


def scores_of_base(board: Leaderboard, base: Base) -> list[Score | None]:
    """The base's scores in all trials over it: in one that was not assessed it has no suites."""
    rows = [row for row in board.rows if row.base and row.base.settings == base.settings]
    return [trial.result.baseline for row in rows for trial in row.trials if trial.result]
