"""Which objective a sweep was asked for, and what does not go with it: told before anything starts."""

from collections.abc import Sequence
from typing import Any

from omegaconf import DictConfig, ListConfig

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.jobs.launcher import trains_trials
from medqa_sweeps.study.objective import (
    METRICS,
    Direction,
    Metric,
    Objective,
    objective_named,
    refuse_unmeasured,
    typed,
)
from medqa_sweeps.wording import listed


def asked_objective(config: DictConfig, settings: DictConfig) -> Objective:
    """The objective of a sweep: for trials the metrics' own, for another Hydra program its directions.

    Args:
        config: what Hydra composed without the swept values.
        settings: of `hydra/sweeper=async_optuna`.

    Raises:
        ConfigError: if a metric or direction is not known, or they do not go together, or with the evaluation.
    """
    metric, directions = settings.metric, _directions(settings.direction)
    if trains_trials(config):
        objective = objective_named(metric)
        _refuse_other_directions(objective, directions)
        refuse_unmeasured(objective, config.evaluation.method, config.safety)
        return objective
    if metric is not None:
        raise ConfigError(
            f"hydra.sweeper.metric={metric}: this program returns its own values, which have no metric's name. Leave "
            "the metric out; hydra.sweeper.direction says how the values are optimised."
        )
    return Objective(tuple(directions or [Direction.MINIMIZE]))


def _directions(asked: Any) -> list[Direction]:
    """The directions that were asked for; none where that is left to the metric or to upstream's default."""
    if asked is None:
        return []
    names = [getattr(one, "name", one) for one in (asked if isinstance(asked, ListConfig) else [asked])]
    if not names or not set(names) <= set(Direction):
        raise ConfigError(
            f"hydra.sweeper.direction={asked}: allowed is minimize, maximize, or a list with one per objective."
        )
    return [Direction(name) for name in names]


def _refuse_other_directions(objective: Objective, asked: Sequence[Direction]) -> None:
    if not asked or tuple(asked) == objective.directions:
        return
    others = [metric for metric in METRICS.values() if metric not in objective.metrics and metric.direction in asked]
    raise ConfigError(
        f"hydra.sweeper.direction={typed(asked)}: {_directed(objective.metrics)}. Leave the direction out, or choose "
        f"another hydra.sweeper.metric{f' ({_directed(others)})' if others else ''}."
    )


def _directed(metrics: Sequence[Metric]) -> str:
    """`accuracy and balanced_accuracy are maximised, calibration_error is minimised`."""
    groups = {way: [metric.name for metric in metrics if metric.direction is way] for way in reversed(Direction)}
    clauses = (
        f"{listed(names)} {'is' if len(names) == 1 else 'are'} {way.done}" for way, names in groups.items() if names
    )
    return ", ".join(clauses)
