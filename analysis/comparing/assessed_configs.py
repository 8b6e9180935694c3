"""What the safety assessment found of each config: suites beside the untuned base, answers kept under edits.

Of several seeds, the suites are those of the first that was assessed, as its settings and answers stand for the config
elsewhere; their intervals allow for the choice of questions and not for the seed. Kept under edits is the mean over the
seeds that were assessed, as the accuracy beside it is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from medqa_sweeps.analysis.reading.studies import Trial
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.safety.assessed import Assessed, assessed
from medqa_sweeps.safety.comparisons import SuiteComparison, compare_suite
from medqa_sweeps.statistics import Estimate, SeedSpread, estimate, seed_spread

Kept = Mapping[str, bool]  # by question


@dataclass(frozen=True)
class ConfigSafety:
    """Of one config; without a suite, nothing was assessed."""

    suites: tuple[SuiteComparison, ...] = ()
    trial: Trial | None = None  # whose suites they are
    # share of questions answered correctly before and under every edit that keeps the answer
    kept: Estimate | None = None
    base_kept: Estimate | None = None  # the same of its untuned base
    kept_of: object = None  # questions and edits behind it, equal where two can be compared
    damaged: tuple[str, ...] = ()  # a sentence for each seed whose files cannot be read

    @property
    def by_suite(self) -> dict[str, SuiteComparison]:
        return {one.outcome.suite: one for one in self.suites}

    @property
    def compared(self) -> list[SuiteComparison]:
        """The suites in which the config is compared with its untuned base."""
        return [one for one in self.suites if one.with_base is not None]

    @property
    def worse(self) -> list[SuiteComparison]:
        """Those in which it is significantly worse."""
        return [one for one in self.suites if one.is_worse_than_base]


def safety_of(configs: Sequence[tuple[Trial, ...]], among: int) -> list[ConfigSafety]:
    """Of each config, given as its trials, a seed each.

    Args:
        among: number of configs of the study, for which intervals are corrected.
    """
    found = [_read(trials) for trials in configs]
    spread = seed_spread([_kept_by_seed(seeds) for seeds, _ in found])
    return [_of(seeds, damaged, spread, among) for seeds, damaged in found]


_Seeds = list[tuple[Trial, Assessed, Assessed]]  # with what was found of the trained model, and of the base


def _read(trials: Sequence[Trial]) -> tuple[_Seeds, list[str]]:
    """What was found of each seed that was assessed, and a sentence for each whose files are damaged."""
    seeds, damaged = _Seeds(), list[str]()
    for trial in trials:
        if trial.result is None or not (trial.directory.safety_file.exists() or trial.settings.get("safety.suites")):
            continue
        try:
            trained, base = assessed(trial.directory, trial.result.samples_seen)
        except ConfigError as error:
            damaged.append(f"trial {trial.name}: {error}")
            continue
        if trained.outcomes:
            seeds.append((trial, trained, base))
    return seeds, damaged


def _of(seeds: _Seeds, damaged: Sequence[str], spread: SeedSpread | None, among: int) -> ConfigSafety:
    if not seeds:
        return ConfigSafety(damaged=tuple(damaged))
    trial, trained, base = seeds[0]
    placebo = trained.outcomes.get("placebo")
    suites = [compare_suite(one, base.outcomes.get(suite), placebo, among) for suite, one in trained.outcomes.items()]
    return ConfigSafety(
        tuple(suites),
        trial,
        _share([found.kept for _, found, _ in seeds], spread),
        _share([base.kept], None),
        (trained.edits, frozenset(trained.kept)),
        tuple(damaged),
    )


def are_kept_comparable(found: Iterable[ConfigSafety]) -> bool:
    """Whether there are shares of kept answers, all of the same questions under the same edits."""
    return len({one.kept_of for one in found if one.kept is not None}) == 1


def _share(kept: Sequence[Kept], spread: SeedSpread | None) -> Estimate | None:
    """Over the questions that all seeds have."""
    common = [id_ for id_ in kept[0] if all(id_ in of_seed for of_seed in kept)]
    if not common:
        return None
    return estimate(np.array([[of_seed[id_] for id_ in common] for of_seed in kept]), spread)


def _kept_by_seed(seeds: _Seeds) -> dict[int, float]:
    return {
        trial.scored.seed: sum(found.kept.values()) / len(found.kept)
        for trial, found, _ in seeds
        if found.kept and trial.scored is not None
    }
