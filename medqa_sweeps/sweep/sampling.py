"""Samplers whose draws depend on the study alone: n trials and then m more explore as n + m at once would.

Optuna's samplers draw from a stream of random numbers that begins anew in every process: a search that is resumed with
the same seed would draw its first points again. Here each trial has streams of its own, made of the study's seed and
the trial's number (and of the parameter's name, as a process may die between two parameters of one trial).
"""

import secrets
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.samplers._lazy_random_state import LazyRandomState
from optuna.trial import FrozenTrial, TrialState

_SEED = "sampler_seed"  # attribute of a study
_LAST_FITS = ("_gprs_cache_list", "_constraints_gprs_cache_list")  # where GPSampler's next fit starts from


class SeededPerTrial(BaseSampler):
    """Draws what `sampler` draws, each trial from random numbers of its own.

    A trial that was begun by an earlier process keeps what was drawn for it; what is missing is drawn independently,
    as a second relative draw would use up points of a sequence, or change how the trial counts in its generation.

    Args:
        sampler: of Optuna, or one that keeps nothing between trials but in Optuna's storage.
        seed: 0 or more.
    """

    def __init__(self, sampler: BaseSampler, seed: int) -> None:
        self._sampler, self._seed = sampler, seed
        self._begun_earlier: set[int] = set()

    def __str__(self) -> str:
        return str(self._sampler)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        if trial.params:
            self._begun_earlier.add(trial.number)
        self._reseed(trial, "before")
        self._sampler.before_trial(study, trial)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        if trial.number in self._begun_earlier:
            return {}
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if trial.number in self._begun_earlier:
            return {}
        self._reseed(trial, "relative")
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        self._reseed(trial, f"parameter {param_name}")
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        self._sampler.after_trial(study, trial, state, values)

    def _reseed(self, trial: FrozenTrial, purpose: str) -> None:
        entropy = [self._seed, trial.number, zlib.crc32(purpose.encode())]
        streams = list(_random_states(self._sampler))
        for stream, seed in zip(streams, np.random.SeedSequence(entropy).spawn(len(streams)), strict=True):
            stream.seed(seed.generate_state(4))
        for name in _LAST_FITS:
            if hasattr(self._sampler, name):
                setattr(self._sampler, name, None)


def seed_of(study: optuna.Study, asked: int | None) -> int:
    """The seed of the study's draws: the one asked for, or one that is drawn once and kept in the study."""
    if asked is not None:
        return asked
    if _SEED not in study.user_attrs:
        study.set_user_attr(_SEED, secrets.randbelow(2**31))
    return int(study.user_attrs[_SEED])


def with_seed(settings: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Settings of a sampler whose `seed`, if it has one and that is null, is `seed`."""
    return {**settings, **({"seed": seed} if settings.get("seed", seed) is None else {})}


def _random_states(sampler: BaseSampler) -> Iterator[np.random.RandomState]:
    """Those that a sampler draws from, its inner samplers' included."""
    for value in vars(sampler).values():
        if isinstance(value, LazyRandomState):
            yield value.rng
        elif isinstance(value, np.random.RandomState):
            yield value
        elif isinstance(value, BaseSampler):
            yield from _random_states(value)
