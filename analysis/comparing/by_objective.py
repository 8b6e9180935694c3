"""A study's configs by what it optimised: the best first, or the Pareto front, as numbers and in sentences.

The leaderboard compares accuracies, because its tests are tests of answers. Where something else was optimised, these
stand beside it: the best must not be read off accuracies then.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from medqa_sweeps.analysis.comparing.configs import Config, settings_text
from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard
from medqa_sweeps.analysis.reading.studies import Study, Trial
from medqa_sweeps.study.best import on_front, ranked
from medqa_sweeps.study.objective import ACCURACY, BY_ACCURACY, Direction, Metric, Objective, objective_in
from medqa_sweeps.wording import counted, listed

_FRONT = (
    "No other config is at least as good in every one of these and better in one. The differences were not tested: "
    "neighbours on the front may well be equal."
)


@dataclass(frozen=True)
class ConfigByObjective:
    """A config in the order of the objective."""

    config: Config
    values: tuple[float, ...]  # of each metric, mean over seeds
    on_front: bool  # of several metrics; of one always false


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


def by_objective(board: Leaderboard) -> list[ConfigByObjective]:
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
        ConfigByObjective(Config(tuple(trials[one.number] for one in config.trials)), config.means, id(config) in front)
        for config in configs
    ]


def best_trial(board: Leaderboard) -> Trial | None:
    """The first seed of the best config by what was optimised, of several metrics by the first; None without any."""
    found = by_objective(board)
    return found[0].config.first if found else None


def objective_label(board: Leaderboard, found: ConfigByObjective) -> str:
    """`r=16 lr=0.0001`, or `trial 3` where nothing sets the config apart."""
    return settings_text(found.config.first, board.names) or f"trial {found.config.trial_names}"


@dataclass(frozen=True)
class ObjectiveTable:
    """The configs by what was optimised, as text."""

    caption: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def objective_sentences(board: Leaderboard) -> list[str]:
    """Sentences: what the study optimised, and which config is the best by it, or which are on the front.

    None for a study that optimised accuracy alone: its leaderboard says all of that.
    """
    objectives, objective = objectives_of(board.study), objective_of(board.study)
    if len(set(objectives.values())) > 1:
        each = "; ".join(f"{name}: {one.in_words()}" for name, one in objectives.items())
        return [f"These studies optimised different metrics ({each}). They are compared by accuracy here."]
    if objective.is_accuracy:
        return []
    found = by_objective(board)
    if not found:
        return [f"This study optimised {objective.in_words()}. No trial with a score of that has completed yet."]
    if objective.is_pareto:
        return [f"This study optimised {objective.in_words()}.", _front(board, found)]
    (metric,) = objective.metrics
    return [f"This study optimised {metric.name} ({metric.title}, {_better(metric)}).", _best(board, metric, found)]


def objective_table(board: Leaderboard, top: int) -> ObjectiveTable | None:
    """The `top` configs by the metric that was optimised, or the first `top` on the front; None for accuracy alone."""
    objective, found = objective_of(board.study), by_objective(board)
    if objective.is_accuracy or not found:
        return None
    shown = [one for one in found if one.on_front] if objective.is_pareto else found
    beside = () if ACCURACY in objective.metrics else (ACCURACY.name,)
    kind = f"Pareto front: {len(shown)} of" if objective.is_pareto else "By what was optimised, best first:"
    caption = f"{kind} {counted(len(found), 'config')}"
    return ObjectiveTable(
        caption,
        ("trial", "config", *objective.names, *beside),
        [
            (
                one.config.trial_names,
                objective_label(board, one),
                *(metric.describe(value) for metric, value in zip(objective.metrics, one.values, strict=True)),
                *(ACCURACY.describe(one.config.accuracy) for _ in beside),
            )
            for one in shown[:top]
        ],
    )


def _best(board: Leaderboard, metric: Metric, found: Sequence[ConfigByObjective]) -> str:
    best = found[0]
    seeds = len(best.config.trials)
    mean = f", mean of {seeds} seeds" if seeds > 1 else ""
    first = f"The best by it is {objective_label(board, best)}: {metric.describe(best.values[0])}{mean}."
    if best.config.first.name == board.configs[0].first.name:
        return f"{first} It is the most accurate config, too."
    return f"{first} It is not the most accurate config; everything else here compares accuracies."


def _front(board: Leaderboard, found: Sequence[ConfigByObjective]) -> str:
    front = [objective_label(board, one) for one in found if one.on_front]
    are = "is" if len(front) == 1 else "are"
    return f"{len(front)} of {counted(len(found), 'config')} {are} on the Pareto front: {listed(front)}. {_FRONT}"


def _better(metric: Metric) -> str:
    return "lower is better" if metric.direction is Direction.MINIMIZE else "higher is better"
