"""What differs between the configs of trials: the few keys that a reader wants to see, and labels made of them."""

from collections.abc import Iterable, Sequence

from analysis.reading.studies import Trial
from medqa_sweeps.config import decides_nothing
from medqa_sweeps.wording import overrides, setting


def varying_keys(trials: Sequence[Trial]) -> list[str]:
    """The dotted config keys whose value is not the same in all `trials`, in the order of the config.

    Left out: what decides no result; `lora.alpha` where it is twice the rank everywhere; what only spells out the name
    of a group's option (`lora=attention` sets the target modules). Trials that never ran have no config.
    """
    trials = [trial for trial in trials if trial.settings]
    keys = dict.fromkeys(key for trial in trials for key in trial.settings)
    varying = [key for key in keys if not decides_nothing(key) and not _same(trials, key)]
    dropped = set(_derived(trials, varying))
    return [key for key in varying if key not in dropped]


def settings_in_words(trial: Trial, names: dict[str, str]) -> str:
    """`r=16 lr=0.0001`: the trial's values of the keys in `names`, or the overrides of one that never ran."""
    if trial.overrides:
        return overrides(trial.overrides)
    return " ".join(f"{name}={setting(trial.settings.get(key))}" for key, name in names.items())


def _derived(trials: Sequence[Trial], varying: list[str]) -> Iterable[str]:
    if all(_alpha_is_twice_the_rank(trial) for trial in trials):
        yield "lora.alpha"
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
