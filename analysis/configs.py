"""Trials that are equal in everything but the seed are replicates: one config, and one row of the leaderboard."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.settings import settings_in_words, short_names, varying_keys
from analysis.study import Trial
from medqa_sweeps.statistics import SeedSpread, seed_spread

SEED = "seed"
_NOT_THE_EXPERIMENT = (f"{SEED}", "tracking.", "engine.")


@dataclass(frozen=True)
class Config:
    """One config and the completed trials of it, a seed each, in the order of the seeds."""

    trials: tuple[Trial, ...]

    @property
    def accuracy(self) -> float:
        """On validation, mean over seeds."""
        return sum(self.by_seed().values()) / len(self.trials)

    def by_seed(self) -> dict[int, float]:
        return {seed_of(trial): accuracy_of(trial) for trial in self.trials}


def configs_of(trials: Sequence[Trial]) -> list[Config]:
    """Completed trials by config, the most accurate first, then in the order of the trials.

    A trial that repeats a config *and* its seed is no replicate, it says nothing new: it is a config of its own.
    """
    keys = dict.fromkeys(key for trial in trials for key in trial.settings if not key.startswith(_NOT_THE_EXPERIMENT))
    varying = [key for key in keys if len({repr(trial.settings.get(key)) for trial in trials}) > 1]
    groups: dict[tuple[object, ...], dict[int, Trial]] = {}
    for trial in trials:
        values = tuple(repr(trial.settings.get(key)) for key in varying)
        again = 0
        while seed_of(trial) in groups.setdefault((*values, again), {}):
            again += 1
        groups[(*values, again)][seed_of(trial)] = trial
    configs = [Config(tuple(by_seed[seed] for seed in sorted(by_seed))) for by_seed in groups.values()]
    return sorted(configs, key=lambda config: -config.accuracy)


def names_of(trials: Sequence[Trial], configs: Sequence[Config]) -> dict[str, str]:
    """Short names of the keys that tell configs apart, by key; the seed is one only where no config has several."""
    replicated = any(len(config.trials) > 1 for config in configs)
    return short_names([key for key in varying_keys(trials) if not (replicated and key == SEED)])


def label_of(config: Config, words: str, names: dict[str, str], all_words: Sequence[str]) -> str:
    """For sentences: `r=16` where that one key tells the configs apart, else `trial 3`."""
    if all_words.count(words) == 1 and words and (len(names) == 1 or len(config.trials) > 1):
        return words
    return f"trial {config.trials[0].name}"


def words_of(config: Config, names: dict[str, str]) -> str:
    """What sets the config apart: `r=16 lr=0.0001`."""
    return settings_in_words(config.trials[0], names)


def spread_of(configs: Sequence[Config]) -> tuple[SeedSpread | None, bool]:
    """The variance between seeds, and whether all replicated configs have the same seeds."""
    spread = seed_spread([config.by_seed() for config in configs])
    return spread, len({tuple(config.by_seed()) for config in configs if len(config.trials) > 1}) == 1


def seed_of(trial: Trial) -> int:
    seed = trial.settings.get(SEED, 0)
    return seed if isinstance(seed, int) else 0


def accuracy_of(trial: Trial) -> float:
    assert trial.result is not None and trial.result.score is not None, "only completed trials are ranked"
    return trial.result.score.accuracy
