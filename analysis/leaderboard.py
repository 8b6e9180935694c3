"""The order of a study's configs, and each of them compared with the best on the same questions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from analysis.answers import Answers, answers_of, checked_answers, nothing
from analysis.configs import Config, configs_of, label_of, names_of, spread_of, words_of
from analysis.study import Study, Trial
from medqa_sweeps.statistics import (
    Estimate,
    PairedDifference,
    SeedSpread,
    adjusted_for_all_pairs,
    compare_replicates,
    estimate,
    estimate_from_accuracies,
    optimism_of_the_best,
    p_values_of_all_pairs,
)

TOP = 20
READ = 60  # configs whose answers are read, however few are shown: what is claimed must not depend on what is shown
CHOICE = 12  # of the first of them, any two can be compared
LEVEL = 0.05  # share of studies in which a false claim is allowed


@dataclass(frozen=True)
class Row:
    """A config that was scored, compared with the best one."""

    trials: tuple[Trial, ...]  # a seed each
    settings: str  # what sets the config apart: "r=16 lr=0.0001"
    label: str  # for sentences: "r=16" where that one key tells the configs apart, else "trial 3"
    accuracy: Estimate
    answers: Answers
    versus_best: PairedDifference | None  # this minus the best; None for the best, and without a paired test
    p_adjusted: float = 1.0  # of that difference, corrected for all pairs
    no_test: str = ""  # why there is no paired test

    @property
    def trial(self) -> Trial:
        return self.trials[0]

    @property
    def tied_with_best(self) -> bool:
        """Whether the difference to the best is not told from chance, after correction for all pairs."""
        paired = self.versus_best
        return paired is not None and (paired.cannot_be_told_apart or self.p_adjusted >= LEVEL)


@dataclass(frozen=True)
class Leaderboard:
    """Completed configs, best first, and everything that could not be ranked."""

    study: Study
    configs: tuple[Config, ...]  # all of them, the best first, then by accuracy, then by number
    names: dict[str, str]  # short names of the keys that tell them apart
    rows: tuple[Row, ...]  # of the first of them
    base: Row | None  # the untuned base under the best trial
    spread: SeedSpread | None = None  # between seeds; None where each config has one
    same_seeds: bool = True
    optimism: float | None = None  # of the best one's accuracy, a share; None without answers to tell
    p_of_pairs: Mapping[tuple[int, int], float] = field(default_factory=dict)  # by place; corrected for all pairs

    @property
    def best(self) -> Row | None:
        return self.rows[0] if self.rows else None

    @property
    def not_shown(self) -> int:
        return len(self.configs) - len(self.rows)

    @property
    def pairs(self) -> int:
        return len(self.configs) * (len(self.configs) - 1) // 2


def rank(study: Study, top: int = TOP) -> Leaderboard:
    """The `top` configs by validation accuracy. Reads the answers of those, and of the first 60, and of no others."""
    configs = configs_of(study.completed())
    names = names_of(study.trials, configs)
    if not configs:
        return Leaderboard(study, (), names, (), None)
    spread, same_seeds = spread_of(configs)
    near = configs[: max(top, READ)]
    known = [answers_of(config.trials) for config in near]
    if known[0].missing:
        known = [known[0], *(nothing(a.missing or f"the other's {known[0].missing}") for a in known[1:])]
    known = [known[0], *(answers.in_the_order_of(known[0].questions) for answers in known[1:])]
    p_of_pairs = _p_of_pairs(known, len(configs), spread, same_seeds)
    words = [words_of(config, names) for config in configs]
    rows = []
    for place, (config, answers) in enumerate(zip(near[:top], known, strict=False)):
        paired = None
        if place and not answers.missing:
            paired = compare_replicates(answers.correct_SxQ, known[0].correct_SxQ, spread, same_seeds)
        label = label_of(config, words[place], names, words)
        rows.append(
            Row(
                trials=config.trials,
                settings=words[place],
                label=label,
                accuracy=_estimate(config, answers, spread),
                answers=answers,
                versus_best=paired,
                p_adjusted=p_of_pairs.get((0, place), 1.0),
                no_test=answers.missing if place else "",
            )
        )
    optimism = _optimism(known)
    base = _base(rows[0], len(configs), spread)
    return Leaderboard(study, tuple(configs), names, tuple(rows), base, spread, same_seeds, optimism, p_of_pairs)


def _p_of_pairs(
    known: Sequence[Answers], configs: int, spread: SeedSpread | None, same_seeds: bool
) -> dict[tuple[int, int], float]:
    """By places, the p-value of "equally accurate", corrected for all pairs of `configs`.

    Beyond 60 configs only of pairs with the best and among the first 12: Holm's correction would need the p-values of
    all, so that it is Bonferroni's.
    """
    places = [place for place, answers in enumerate(known) if not answers.missing]
    if not places or places[0] != 0:
        return {}
    if configs <= READ:
        pairs = list(combinations(places, 2))
        p_values = p_values_of_all_pairs([known[place].correct_SxQ for place in places], spread, same_seeds)
    else:
        pairs = [(one, other) for one, other in combinations(places, 2) if one == 0 or other < CHOICE]
        of_pair = ([known[one].correct_SxQ, known[other].correct_SxQ] for one, other in pairs)
        p_values = np.array([p_values_of_all_pairs(pair, spread, same_seeds)[0] for pair in of_pair])
    return dict(zip(pairs, adjusted_for_all_pairs(p_values, configs).tolist(), strict=True))


def _estimate(config: Config, answers: Answers, spread: SeedSpread | None) -> Estimate:
    if not answers.missing:
        return estimate(answers.correct_SxQ, spread)
    score = config.trials[0].result.score if config.trials[0].result else None
    assert score is not None
    return estimate_from_accuracies(list(config.by_seed().values()), score.questions, spread)


def _optimism(known: Sequence[Answers]) -> float | None:
    correct = [answers.correct_SxQ.mean(axis=0) for answers in known if not answers.missing]
    return optimism_of_the_best(np.array(correct)) if len(correct) > 1 and correct[0].size > 1 else None


def _base(best: Row, configs: int, spread: SeedSpread | None) -> Row | None:
    """The untuned base of the best config; None where it was not scored."""
    score = best.trial.result.baseline if best.trial.result is not None else None
    if score is None:
        return None
    answers = checked_answers(best.trial, 0, score)
    if best.answers.missing and not answers.missing:
        answers = nothing(f"the other's {best.answers.missing}")
    answers = answers.in_the_order_of(best.answers.questions)
    own = Estimate(score.accuracy, score.low, score.high, score.questions)
    if answers.missing:
        return Row((best.trial,), "untuned", "the untuned base", own, answers, None, no_test=answers.missing)
    repeated = np.repeat(answers.correct_SxQ, len(best.trials), axis=0)
    paired = compare_replicates(repeated, best.answers.correct_SxQ, spread, same_seeds=False)
    adjusted = min(1.0, paired.p_value * configs)  # any of the configs could have been the best
    return Row((best.trial,), "untuned", "the untuned base", own, answers, paired, adjusted)
