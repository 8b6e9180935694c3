"""The configs of a study: which trials are one config, and the few settings that set configs apart.

`medqa_sweeps.study.best` decides which trials are replicates, which configs can be compared, and which is the best.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from medqa_sweeps.analysis.reading.studies import Trial
from medqa_sweeps.config import decides_nothing
from medqa_sweeps.statistics import SeedSpread, seed_spread
from medqa_sweeps.study.best import comparable, ranked
from medqa_sweeps.wording import overrides_label, setting, short_names

SEED = "seed"


@dataclass(frozen=True)
class Config:
    """One config and the ranked trials of it, a seed each, in the order of the seeds."""

    trials: tuple[Trial, ...]

    @property
    def first(self) -> Trial:
        """Of its seeds: the one whose settings, answers and folder stand for the config."""
        return self.trials[0]

    @property
    def trial_names(self) -> str:
        """`3`, or of several seeds `0 4 8`."""
        return " ".join(trial.name for trial in self.trials)

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


def varying_keys(trials: Sequence[Trial]) -> list[str]:
    """The dotted config keys whose value is not the same in all `trials`, in the order of the config.

    A swept config group is one key, `lora`, whose values are the names of its options. Left out: what decides no
    result; `lora.alpha` where it is twice the rank everywhere; what only spells out an option (`lora=attention` sets
    the target modules). Trials that never ran have no config.
    """
    trials = [trial for trial in trials if trial.settings]
    keys = dict.fromkeys(key for trial in trials for key in trial.settings)
    varying = [key for key in keys if not decides_nothing(key) and not _same(trials, key)]
    dropped = set(_derived(trials, varying))
    return [key for key in varying if key not in dropped]


def settings_text(trial: Trial, names: dict[str, str]) -> str:
    """`r=16 lr=0.0001`: the trial's values of the keys in `names`, or the overrides of one that never ran."""
    if trial.overrides:
        return overrides_label(trial.overrides)
    return " ".join(f"{name}={setting(trial.settings.get(key))}" for key, name in names.items())


def label_of(config: Config, settings: str, all_settings: Sequence[str], spelt_out: bool) -> str:
    """For sentences: `r=16`, or `trial 3` where that is shorter or nothing else tells the configs apart.

    Args:
        spelt_out: whether configs are called by their settings here: one key varies, or a config has several trials.
    """
    if settings and all_settings.count(settings) == 1 and spelt_out:
        return settings
    return f"trial {config.first.name}"


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


def _derived(trials: Sequence[Trial], varying: list[str]) -> Iterable[str]:
    if all(_alpha_is_twice_the_rank(trial) for trial in trials):
        yield "lora.alpha"
    typed = frozenset[str]().union(*(trial.typed for trial in trials))
    for group in (key for key in varying if "." not in key and key != SEED):
        own = [key for key in varying if key.startswith(f"{group}.")]
        of_option = own or [key for key in varying if key != group]  # `experiment` has no keys: it sets those of others
        yield from (key for key in of_option if key not in typed and _follows(trials, key, group))
    for name in (key for key in varying if key.endswith(".name")):
        group = name.removesuffix("name")
        yield from (k for k in varying if k != name and k.startswith(group) and _follows(trials, k, name))


def _alpha_is_twice_the_rank(trial: Trial) -> bool:
    alpha, rank = trial.settings.get("lora.alpha"), trial.settings.get("lora.r")
    return alpha is None or (isinstance(rank, int) and alpha == 2 * rank)


def _same(trials: Sequence[Trial], key: str) -> bool:
    return len({repr(trial.settings.get(key)) for trial in trials}) <= 1


def _follows(trials: Sequence[Trial], key: str, leader: str) -> bool:
    """Whether trials with an equal `leader` always have an equal `key`."""
    pairs = {(repr(trial.settings.get(leader)), repr(trial.settings.get(key))) for trial in trials}
    return len(pairs) == len({first for first, _ in pairs})
