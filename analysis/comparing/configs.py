"""The configs of a study with their trials: one row of the leaderboard each.

`medqa_sweeps.study.best` decides which trials are replicates, which configs can be compared, and which is the best.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from analysis.comparing.settings import settings_in_words, varying_keys
from analysis.reading.studies import Trial
from medqa_sweeps.statistics import SeedSpread, seed_spread
from medqa_sweeps.study.best import comparable, ranked
from medqa_sweeps.wording import short_names

SEED = "seed"


@dataclass(frozen=True)
class Config:
    """One config and the ranked trials of it, a seed each, in the order of the seeds."""

    trials: tuple[Trial, ...]

    @property
    def accuracy(self) -> float:
        """On validation, mean over seeds."""
        return sum(map(accuracy_of, self.trials)) / len(self.trials)

    def by_seed(self) -> dict[int, float]:
        return {seed_of(trial): accuracy_of(trial) for trial in self.trials}


def groups_of(trials: Sequence[Trial]) -> list[list[Config]]:
    """The configs that answered the same validation questions together, the best of each group first.

    The largest group comes first. Only trials that can be ranked are in it.
    """
    scored = [replace(trial.scored, number=index) for index, trial in enumerate(trials) if trial.scored is not None]
    return [
        [Config(tuple(trials[one.number] for one in config.trials)) for config in ranked(group)]
        for group in comparable(scored)
    ]


def names_of(trials: Sequence[Trial], configs: Sequence[Config]) -> dict[str, str]:
    """Short names of the keys that tell configs apart, by key; the seed is one only where no config has several."""
    replicated = any(len(config.trials) > 1 for config in configs)
    return short_names([key for key in varying_keys(trials) if not (replicated and key == SEED)])


def label_of(config: Config, words: str, all_words: Sequence[str], spelt_out: bool) -> str:
    """For sentences: `r=16`, or `trial 3` where that is shorter or nothing else tells the configs apart.

    Args:
        spelt_out: whether configs are called by their settings here: one key varies, or a config has several trials.
    """
    if words and all_words.count(words) == 1 and spelt_out:
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
    assert trial.scored is not None, "only trials that can be ranked are asked for their seed"
    return trial.scored.seed


def accuracy_of(trial: Trial) -> float:
    assert trial.scored is not None, "only trials with a score are ranked"
    return trial.scored.value
