"""The ranking of a study's configs, one rule for leaderboard, `confirm`, `final`, the live table and the records.

Trials that differ only in the seed are replicates of one config. A config ranks by its mean over seeds, never by its
best seed. Only trials that finished their planned training are ranked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medqa_sweeps.config import replicate_key
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.study.objective import BY_ACCURACY, Direction, Objective, objective_in
from medqa_sweeps.study.pareto import pareto_front
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import Outcome, Result


@dataclass(frozen=True)
class ScoredTrial:
    """A trial that can be ranked."""

    number: int  # in its study
    replicate_key: str  # equal for replicates; see `config.replicate_key`
    seed: int
    value: float  # the objective; the first of several
    questions: str = ""  # fingerprint of the validation questions that it was scored on
    others: tuple[float, ...] = ()  # the other objectives, in their order


@dataclass(frozen=True)
class ScoredConfig:
    """The replicates of one config, in the order of their seeds."""

    trials: tuple[ScoredTrial, ...]

    @property
    def mean(self) -> float:
        """Mean of the objective over seeds; of the first objective if there are several."""
        return self.means[0]

    @property
    def means(self) -> tuple[float, ...]:
        """Mean of each objective over seeds."""
        values = zip(*((trial.value, *trial.others) for trial in self.trials), strict=True)
        return tuple(sum(one) / len(self.trials) for one in values)

    @property
    def first(self) -> ScoredTrial:
        """The trial that represents the config. It is not chosen by its score, so there is no selection bias."""
        return self.trials[0]


def ranked(trials: Iterable[ScoredTrial], objective: Objective = BY_ACCURACY) -> list[ScoredConfig]:
    """The configs, best first; equal configs in the order of their first trials.

    With several objectives, the first decides, and the next one breaks ties: the first config is on the Pareto front. A
    trial that repeats a config *and* its seed adds no information. It is a config of its own, not a replicate.
    """
    configs: dict[tuple[str, int], dict[int, ScoredTrial]] = {}
    for trial in trials:
        copy = 0
        while trial.seed in configs.setdefault((trial.replicate_key, copy), {}):
            copy += 1
        configs[trial.replicate_key, copy][trial.seed] = trial
    scored = [ScoredConfig(tuple(by_seed[seed] for seed in sorted(by_seed))) for by_seed in configs.values()]
    signs = [-1 if direction is Direction.MAXIMIZE else 1 for direction in objective.directions]

    def sort_key(config: ScoredConfig) -> tuple[float, ...]:
        costs = (sign * mean for sign, mean in zip(signs, config.means, strict=True))
        return (*costs, min(trial.number for trial in config.trials))

    return sorted(scored, key=sort_key)


def on_front(configs: Sequence[ScoredConfig], objective: Objective) -> list[ScoredConfig]:
    """The configs whose means over seeds are on the Pareto front, in the same order."""
    is_on_N = pareto_front([config.means for config in configs], objective.directions)
    return [config for config, is_on in zip(configs, is_on_N, strict=True) if is_on]


def comparable(trials: Iterable[ScoredTrial]) -> list[list[ScoredTrial]]:
    """The trials in groups with the same validation questions; the largest group first, then the earliest."""
    groups: dict[str, list[ScoredTrial]] = {}
    for trial in trials:
        groups.setdefault(trial.questions, []).append(trial)
    return sorted(groups.values(), key=len, reverse=True)


def ranked_in(study: Path) -> list[ScoredConfig]:
    """The configs of a study's folder, best first; none if no trial can be ranked.

    They are ranked by the study's objective (default: validation accuracy), by the first of several metrics. If a study
    has several validation sets, only the configs of the set with the most trials are returned.
    """
    objective, found = objective_in(study), []
    for number, trial in StudyDir(study).trials().items():
        result = trial.result()
        values = objective.values(result.score) if result is not None and result.score is not None else None
        if result is not None and values and can_be_ranked(result):
            found.append(scored_trial(trial, number, *values))
    return ranked(comparable(found)[0], objective) if found else []


def can_be_ranked(result: Result) -> bool:
    """Whether a trial has a score after its planned training."""
    return result.outcome is Outcome.COMPLETED and result.score is not None and not result.stopped_on_request


def scored_trial(trial: TrialDir, number: int, value: float, *others: float) -> ScoredTrial:
    """The trial in a folder with one value per objective; without provenance it is a config of its own."""
    provenance = trial.provenance()
    key = provenance.get("replicate_key") or _derived_key(trial, provenance) or f"trial {number} alone"
    seed = provenance.get("seeds", {}).get("trial", 0)
    questions = provenance.get("questions", {}).get("validation_fingerprint", "")
    return ScoredTrial(number, key, seed, value, questions, others)


def _derived_key(trial: TrialDir, provenance: dict[str, Any]) -> str | None:
    """The key for a folder of an earlier version, which recorded the parts of the key but not the key."""
    base, questions = (provenance.get(part, {}).get("fingerprint") for part in ("base", "questions"))
    return replicate_key(trial.config(), base, questions) if base and questions else None
