"""Which config of a study is the best: one rule for leaderboard, `confirm`, `final`, the live table and the records.

Trials that are equal in everything but the seed are replicates of one config. A config ranks by its mean over seeds,
never by its luckiest seed. Only trials that got their planned training are ranked.
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
    value: float  # the objective; of several the first
    questions: str = ""  # fingerprint of the validation questions that it was scored on
    others: tuple[float, ...] = ()  # the other objectives, in their order


@dataclass(frozen=True)
class ScoredConfig:
    """The replicates of one config, in the order of their seeds."""

    trials: tuple[ScoredTrial, ...]

    @property
    def mean(self) -> float:
        """Of the objective, over seeds; of several objectives, of the first."""
        return self.means[0]

    @property
    def means(self) -> tuple[float, ...]:
        """Of each objective, over seeds."""
        values = zip(*((trial.value, *trial.others) for trial in self.trials), strict=True)
        return tuple(sum(one) / len(self.trials) for one in values)

    @property
    def first(self) -> ScoredTrial:
        """Stands for the config where one trial is needed. It is not picked by its score, so it is not a lucky one."""
        return self.trials[0]


def ranked(trials: Iterable[ScoredTrial], objective: Objective = BY_ACCURACY) -> list[ScoredConfig]:
    """The configs, the best first; of equal ones, the one that was tried first.

    Of several objectives the first decides, and the next where that is equal: the first config is on the Pareto front.
    A trial that repeats a config *and* its seed says nothing new. It is a config of its own, not a replicate.
    """
    configs: dict[tuple[str, int], dict[int, ScoredTrial]] = {}
    for trial in trials:
        copy = 0
        while trial.seed in configs.setdefault((trial.replicate_key, copy), {}):
            copy += 1
        configs[trial.replicate_key, copy][trial.seed] = trial
    scored = [ScoredConfig(tuple(by_seed[seed] for seed in sorted(by_seed))) for by_seed in configs.values()]
    signs = [-1 if direction is Direction.MAXIMIZE else 1 for direction in objective.directions]

    def place(config: ScoredConfig) -> tuple[float, ...]:
        costs = (sign * mean for sign, mean in zip(signs, config.means, strict=True))
        return (*costs, min(trial.number for trial in config.trials))

    return sorted(scored, key=place)


def on_front(configs: Sequence[ScoredConfig], objective: Objective) -> list[ScoredConfig]:
    """Those of the configs that are on the Pareto front by their means over seeds, in the same order."""
    is_on_N = pareto_front([config.means for config in configs], objective.directions)
    return [config for config, is_on in zip(configs, is_on_N, strict=True) if is_on]


def comparable(trials: Iterable[ScoredTrial]) -> list[list[ScoredTrial]]:
    """The trials in groups that were scored on the same questions; the largest group first, then the earliest."""
    groups: dict[str, list[ScoredTrial]] = {}
    for trial in trials:
        groups.setdefault(trial.questions, []).append(trial)
    return sorted(groups.values(), key=len, reverse=True)


def ranked_in(study: Path) -> list[ScoredConfig]:
    """The configs of a study's folder, the best first; none if no trial can be ranked.

    Ranked by what the study optimises, validation accuracy unless it says otherwise; of several metrics, by the first.
    Of a study over several sets of validation questions, the configs of the set that most trials were scored on.
    """
    objective, found = objective_in(study), []
    for number, trial in StudyDir(study).trials().items():
        result = trial.result()
        values = objective.values(result.score) if result is not None and result.score is not None else None
        if result is not None and values and can_be_ranked(result):
            found.append(scored_trial(trial, number, *values))
    return ranked(comparable(found)[0], objective) if found else []


def can_be_ranked(result: Result) -> bool:
    """Whether a trial has a score that stands for its planned training."""
    return result.outcome is Outcome.COMPLETED and result.score is not None and not result.stopped_on_request


def scored_trial(trial: TrialDir, number: int, value: float, *others: float) -> ScoredTrial:
    """A trial of a folder, with a value per objective; one whose provenance is lost is a config of its own."""
    provenance = trial.provenance()
    key = provenance.get("replicate_key") or _derived_key(trial, provenance) or f"trial {number} alone"
    seed = provenance.get("seeds", {}).get("trial", 0)
    questions = provenance.get("questions", {}).get("validation_fingerprint", "")
    return ScoredTrial(number, key, seed, value, questions, others)


def _derived_key(trial: TrialDir, provenance: dict[str, Any]) -> str | None:
    """Of a folder that an earlier version wrote, which recorded what the key is made of, but not the key."""
    base, questions = (provenance.get(part, {}).get("fingerprint") for part in ("base", "questions"))
    return replicate_key(trial.config(), base, questions) if base and questions else None
