"""What differs between the configs of trials: the few keys that a reader wants to see, and labels made of them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from analysis.study import Trial

_NOT_THE_EXPERIMENT = ("tracking.", "engine.")

# What the name of a config group stands for. Where the name tells the trials apart, these repeat it.
_BEHIND_A_NAME = {
    "model.name": ("model.hub_id", "model.revision", "model.path", "model.recommended_lr"),
    "data.name": ("data.",),
    "prompt.name": ("prompt.",),
}


def varying_keys(trials: Sequence[Trial]) -> list[str]:
    """The dotted config keys whose value is not the same in all `trials`, in the order of the config.

    Left out: tracking and engine, which decide no result; `lora.alpha` where it is twice the rank everywhere; a
    micro-batch that follows the batch; what only spells out the name of a model, a data set or a prompt.
    """
    keys = dict.fromkeys(key for trial in trials for key in trial.settings)
    varying = [key for key in keys if not key.startswith(_NOT_THE_EXPERIMENT) and not _same(trials, key)]
    dropped = set(_derived(trials, varying))
    return [key for key in varying if key not in dropped]


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """By dotted key a short name: `r` for `lora.r`, `model` for `model.name`; the whole key where two would clash."""
    short = {key: _last_part(key) for key in keys}
    uses = Counter(short.values())
    return {key: name if uses[name] == 1 else key for key, name in short.items()}


def settings_in_words(trial: Trial, names: dict[str, str]) -> str:
    """`r=16 lr=0.0001`: the trial's values of the keys in `names`; "" when there are none."""
    return " ".join(f"{name}={in_words(trial.settings.get(key))}" for key, name in names.items())


def in_words(value: Any) -> str:
    """A config value as one would type it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return "[" + ",".join(in_words(item) for item in value) + "]"
    return " ".join(str(value).split())


def _derived(trials: Sequence[Trial], varying: list[str]) -> Iterable[str]:
    if all(_alpha_is_twice_the_rank(trial) for trial in trials):
        yield "lora.alpha"
    if _follows(trials, "training.micro_batch_size", "training.effective_batch_size"):
        yield "training.micro_batch_size"
    for name, prefixes in _BEHIND_A_NAME.items():
        yield from (k for k in varying if k != name and k.startswith(prefixes) and _follows(trials, k, name))


def _alpha_is_twice_the_rank(trial: Trial) -> bool:
    alpha, rank = trial.settings.get("lora.alpha"), trial.settings.get("lora.r")
    return alpha is None or (isinstance(rank, int) and alpha == 2 * rank)


def _same(trials: Sequence[Trial], key: str) -> bool:
    return len({repr(trial.settings.get(key)) for trial in trials}) <= 1


def _follows(trials: Sequence[Trial], key: str, leader: str) -> bool:
    """Whether trials with an equal `leader` always have an equal `key`."""
    pairs = {(repr(trial.settings.get(leader)), repr(trial.settings.get(key))) for trial in trials}
    return len(pairs) == len({first for first, _ in pairs})


def _last_part(key: str) -> str:
    group, _, last = key.rpartition(".")
    return group if last == "name" and group else last
