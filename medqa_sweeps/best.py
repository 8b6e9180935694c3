"""Which config of a study is the best: one rule for leaderboard, `confirm`, `final`, the live table and the records.

Trials that are equal in everything but the seed are replicates of one config. A config ranks by its mean over seeds,
never by its luckiest seed. Only trials that got their planned training are ranked.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medqa_sweeps.config import replicate_key
from medqa_sweeps.objective import Direction, objective_in
from medqa_sweeps.record import Outcome, Result
from medqa_sweeps.trial_dir import TrialDir, trial_folders


@dataclass(frozen=True)
class ScoredTrial:
    """A trial that can be ranked."""

    number: int  # in its study
    replicate_key: str  # equal for replicates; see `config.replicate_key`
    seed: int
    value: float  # the objective
    questions: str = ""  # fingerprint of the validation questions that it was scored on


@dataclass(frozen=True)
class ScoredConfig:
    """The replicates of one config, in the order of their seeds."""

    trials: tuple[ScoredTrial, ...]

    @property
    def mean(self) -> float:
        """Of the objective, over seeds."""
        return sum(trial.value for trial in self.trials) / len(self.trials)

    @property
    def first(self) -> ScoredTrial:
        """Stands for the config where one trial is needed. It is not picked by its score, so it is not a lucky one."""
        return self.trials[0]


def ranked(trials: Iterable[ScoredTrial], maximize: bool = True) -> list[ScoredConfig]:
    """The configs, the best first; of equal ones, the one that was tried first.

    A trial that repeats a config *and* its seed says nothing new. It is a config of its own, not a replicate.
    """
    configs: dict[tuple[str, int], dict[int, ScoredTrial]] = {}
    for trial in trials:
        copy = 0
        while trial.seed in configs.setdefault((trial.replicate_key, copy), {}):
            copy += 1
        configs[trial.replicate_key, copy][trial.seed] = trial
    scored = [ScoredConfig(tuple(by_seed[seed] for seed in sorted(by_seed))) for by_seed in configs.values()]
    sign = -1 if maximize else 1
    return sorted(scored, key=lambda config: (sign * config.mean, min(trial.number for trial in config.trials)))


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
    objective = objective_in(study)
    found = []
    for trial in trial_folders(study):
        result = trial.result()
        values = objective.values(result.score) if result is not None and result.score is not None else None
        if result is not None and values and can_be_ranked(result):
            found.append(scored_trial(trial, int(trial.path.name), values[0]))
    return ranked(comparable(found)[0], objective.directions[0] is Direction.MAXIMIZE) if found else []


def can_be_ranked(result: Result) -> bool:
    """Whether a trial has a score that stands for its planned training."""
    return result.outcome is Outcome.COMPLETED and result.score is not None and not result.stopped_on_request


def scored_trial(trial: TrialDir, number: int, value: float) -> ScoredTrial:
    """A trial of a folder; one whose provenance is lost is a config of its own."""
    provenance = trial.provenance()
    key = provenance.get("replicate_key") or _derived_key(trial, provenance) or f"trial {number} alone"
    seed = provenance.get("seeds", {}).get("trial", 0)
    questions = provenance.get("questions", {}).get("validation_fingerprint", "")
    return ScoredTrial(number, key, seed, value, questions)


def _derived_key(trial: TrialDir, provenance: dict[str, Any]) -> str | None:
    """Of a folder that an earlier version wrote, which recorded what the key is made of, but not the key."""
    base, questions = (provenance.get(part, {}).get("fingerprint") for part in ("base", "questions"))
    return replicate_key(trial.config(), base, questions) if base and questions else None
