"""A study's configs by what it optimised: the best first, with means over seeds, and which are on the Pareto front.

The leaderboard compares accuracies, because its tests are tests of answers. These are the numbers beside it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from analysis.comparing.configs import Config, words_of
from analysis.comparing.leaderboard import Leaderboard
from analysis.reading.studies import Study, Trial
from medqa_sweeps.study.best import on_front, ranked
from medqa_sweeps.study.objective import BY_ACCURACY, Objective, objective_in


@dataclass(frozen=True)
class Placed:
    """A config in the order of the objective."""

    config: Config
    values: tuple[float, ...]  # of each metric, mean over seeds
    on_front: bool  # of several metrics; of one always false

    @property
    def name(self) -> str:
        """Of its trials: `3`, or of several seeds `0 4 8`."""
        return " ".join(trial.name for trial in self.config.trials)


def objectives_of(study: Study) -> dict[str, Objective]:
    """What each folder of a study was optimised for, by the folder's name; accuracy where nothing says otherwise.

    Raises:
        ConfigError: if a study.yaml is damaged or names a metric that is not known here.
    """
    folders = dict.fromkeys(trial.directory.path.parent for trial in study.trials)
    return {folder.resolve().name: objective_in(folder) for folder in folders}


def objective_of(study: Study) -> Objective:
    """What all of the study was optimised for; accuracy where its folders differ in that."""
    found = set(objectives_of(study).values())
    return found.pop() if len(found) == 1 else BY_ACCURACY


def by_objective(board: Leaderboard) -> list[Placed]:
    """The configs of the leaderboard whose scores have every metric, the best first."""
    objective, trials = objective_of(board.study), board.study.completed()
    scored = []
    for index, trial in enumerate(trials):
        values = objective.values(trial.result.score) if trial.result and trial.result.score else None
        if values and trial.scored is not None:
            scored.append(replace(trial.scored, number=index, value=values[0], others=tuple(values[1:])))
    configs = ranked(scored, objective)
    front = {id(config) for config in on_front(configs, objective)} if objective.is_pareto else set()
    return [
        Placed(Config(tuple(trials[one.number] for one in config.trials)), config.means, id(config) in front)
        for config in configs
    ]


def best_trial(board: Leaderboard) -> Trial | None:
    """The first seed of the best config by what was optimised, of several metrics by the first; None without any."""
    placed = by_objective(board)
    return placed[0].config.trials[0] if placed else None


def objective_columns(board: Leaderboard) -> Callable[[Config], dict[str, Any]]:
    """What `leaderboard.csv` says more of a config: each metric that was optimised, and whether it is on the front.

    Nothing where accuracy alone was optimised.
    """
    objective = objective_of(board.study)
    if objective.is_accuracy:
        return lambda config: {}
    placed = {one.config.trials[0].name: one for one in by_objective(board)}

    def columns(config: Config) -> dict[str, Any]:
        found = placed.get(config.trials[0].name)
        values = found.values if found else [None] * len(objective.metrics)
        front = {"on_pareto_front": found.on_front if found else None} if objective.is_pareto else {}
        return dict(zip(objective.names, values, strict=True)) | front

    return columns


def objective_answer(board: Leaderboard) -> dict[str, Any]:
    """What W&B's overview of a study says of it: the metric, and the best by it or the front."""
    objective = objective_of(board.study)
    answer: dict[str, Any] = {"metric": ", ".join(objective.names)}
    placed = [] if objective.is_accuracy else by_objective(board)
    if objective.is_pareto:
        return answer | {"pareto_front": [label_of(board, one) for one in placed if one.on_front]}
    if placed:
        answer |= {"best_by_metric": label_of(board, placed[0]), f"best_{objective.names[0]}": placed[0].values[0]}
    return answer


def label_of(board: Leaderboard, placed: Placed) -> str:
    """`r=16 lr=0.0001`, or `trial 3` where nothing sets the config apart."""
    return words_of(placed.config, board.names) or f"trial {placed.name}"
