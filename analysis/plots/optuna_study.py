"""The trials as a study of Optuna's, in memory: what its visualisations and importances are made from.

Made from the trial folders and not from the journal, so that it is there for a study whose journal is in a database or
was lost, and for several folders together.
"""

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from medqa_sweeps.analysis.comparing.configs import SEED, accuracy_of
from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard
from medqa_sweeps.analysis.reading.studies import Trial
from medqa_sweeps.wording import setting


def thinned(trials: Sequence[Trial], most: int) -> list[Trial]:
    """At most so many: the best fifth of them, and evenly from the rest."""
    ordered = sorted(trials, key=lambda trial: -accuracy_of(trial))
    if len(ordered) <= most:
        return ordered
    best, rest = ordered[: most // 5], ordered[most // 5 :]
    wanted = most - len(best)
    return best + [rest[index * len(rest) // wanted] for index in range(wanted)]


def optuna_study(board: Leaderboard, most: int) -> tuple[optuna.Study, list[str]]:
    """A study of completed trials, and the names of its parameters (the seed is none)."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # its own lines stay out of the terminal
    names = {key: name for key, name in board.names.items() if key != SEED}
    trials = thinned([trial for config in board.configs for trial in config.trials], most)
    distributions = {name: _distribution(trials, key) for key, name in names.items()}
    study = optuna.create_study(direction="maximize", study_name="report")
    study.add_trials(
        optuna.trial.create_trial(
            value=100 * accuracy_of(trial),
            params={name: _value(trial.settings.get(key), distributions[name]) for key, name in names.items()},
            distributions=distributions,
        )
        for trial in reversed(trials)  # the best last: it is drawn on top
    )
    return study, list(names.values())


def _distribution(trials: Sequence[Trial], key: str) -> BaseDistribution:
    values = [trial.settings.get(key) for trial in trials]
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if numeric and len(set(values)) > 2:
        low, high = float(min(values)), float(max(values))  # type: ignore[type-var,arg-type]
        return FloatDistribution(low, high, log=low > 0 and high / low >= 8)
    return CategoricalDistribution(_ordered(setting(value) for value in values))


def _ordered(texts: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _value(value: Any, distribution: BaseDistribution) -> Any:
    return float(value) if isinstance(distribution, FloatDistribution) else setting(value)
