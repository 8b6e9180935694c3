"""What a confirming study says: how good the chosen configs are under fresh seeds, and whether their order held.

A config that was the best of many was partly lucky: with its seed, and with the questions. Its fresh seeds had no part
in the choice, so their mean is free of the luck of the seed. The questions are those that chose; only the test split,
read once by `medqa_sweeps final`, is free of both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import stats

from analysis.study import State, answers, read_trial
from analysis.verdict import listed, percent
from medqa_sweeps.confirmation import ChosenConfig, confirming_folder, read_confirmation
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.statistics import CONFIDENCE, wilson_interval
from medqa_sweeps.trial_dir import TrialDir


@dataclass(frozen=True)
class Pooled:
    """A share, or a difference of shares, over questions and seeds, with its interval."""

    mean: float
    low: float
    high: float
    seeds: int
    questions: int


@dataclass(frozen=True)
class ConfirmedConfig:
    """A config under its fresh seeds, as far as they have completed."""

    settings: str  # "lora.r=8"
    chosen_accuracy: float  # in the first study, where it was chosen by it
    trials: tuple[int, ...]  # of the confirming study
    accuracies: tuple[float, ...]  # of the trials that have completed
    pooled: Pooled | None  # None: no trial has completed, or not all with answers to the same questions
    versus_winner: Pooled | None = None  # this minus the winner, on the same questions and seeds; None for the winner

    @property
    def complete(self) -> bool:
        return len(self.accuracies) == len(self.trials)

    @property
    def optimism(self) -> float | None:
        """How much the first study flattered it: accuracy then minus accuracy under fresh seeds; a share."""
        return None if self.pooled is None else self.chosen_accuracy - self.pooled.mean

    @property
    def tied_with_winner(self) -> bool:
        return self.versus_winner is not None and self.versus_winner.low <= 0 <= self.versus_winner.high


@dataclass(frozen=True)
class Confirmed:
    """A confirming study as it stands."""

    folder: Path
    study: Path  # the one that it confirms
    chosen_among: int
    seeds: tuple[int, ...]
    configs: tuple[ConfirmedConfig, ...]  # in the order of the first study, the best first

    @property
    def complete(self) -> bool:
        return all(config.complete and config.pooled for config in self.configs)

    @property
    def ranked(self) -> list[ConfirmedConfig]:
        """The configs that have a pooled accuracy, the best first."""
        return sorted((one for one in self.configs if one.pooled), key=lambda one: -one.pooled.mean)  # type: ignore[union-attr]

    @property
    def order_held(self) -> bool:
        return self.complete and self.ranked == list(self.configs)


def confirmation_of(study: Path) -> Confirmed | None:
    """What the study beside `study` that confirms it says; `study` may be the confirming one. None without one."""
    for folder in (study, confirming_folder(study.resolve())):
        if read_confirmation(folder) is not None:
            return read_confirmed(folder)
    return None


def read_confirmed(folder: Path) -> Confirmed:
    """What a confirming study says so far.

    Raises:
        ConfigError: if the folder's study confirms no other, or a trial of it is damaged.
    """
    record = read_confirmation(folder)
    if record is None:
        raise ConfigError(f"{folder} confirms no study. `python -m medqa_sweeps confirm STUDY` makes one that does.")
    answered = {config.settings: _answers(folder, config) for config in record.configs}
    pooled = {settings: pool(matrix) if matrix.size else None for settings, (_, matrix) in answered.items()}
    winner = max((one for one in pooled if pooled[one]), key=lambda one: pooled[one].mean, default=None)  # type: ignore[union-attr]
    configs = tuple(
        ConfirmedConfig(
            settings=config.settings,
            chosen_accuracy=config.accuracy,
            trials=tuple(config.again),
            accuracies=answered[config.settings][0],
            pooled=pooled[config.settings],
            versus_winner=_versus(answered[config.settings][1], answered[winner][1])
            if winner not in (None, config.settings)
            else None,
        )
        for config in record.configs
    )
    study = (folder / record.study).resolve()
    return Confirmed(folder, study, record.chosen_among, tuple(record.seeds), configs)


def sentences(confirmed: Confirmed) -> list[str]:
    """The answer in words."""
    ranked, seeds = confirmed.ranked, ", ".join(map(str, confirmed.seeds))
    questions = ranked[0].pooled.questions if ranked and ranked[0].pooled else 0
    told = [
        f"The best {len(confirmed.configs)} of {confirmed.chosen_among:,} configs of {confirmed.study.name} again, "
        f"under fresh seeds ({seeds})" + (f", on {questions:,} validation questions." if questions else ".")
    ]
    told += [_estimate(config) for config in ranked]
    if not confirmed.complete:
        missing = [config.settings for config in confirmed.configs if not (config.complete and config.pooled)]
        return [*told, f"Not the last word: {listed(missing)} did not complete under every seed."]
    told += [_order(confirmed), *(_gap(config, ranked[0]) for config in ranked[1:])]
    return [*told, "These are the questions that chose: the seeds are fresh, the questions are not."]


def pool(values_QxS: npt.NDArray[np.float64]) -> Pooled:
    """The mean over questions and seeds, with an interval that counts both as drawn at random.

    The variance of the mean is (MS_questions + MS_seeds) / (Q S), of the two-way table without replication; leaving
    out - MS_residual makes it a little wide. Degrees of freedom are Satterthwaite's. Simulated on 400 questions it
    holds the truth 96 to 98 % of the time while seeds differ by 0 to 2 points (standard deviation), also with 2 seeds;
    at 5 points 89 % with 2 seeds, 94 % with 3 and 95 % with 5. With one seed the spread between seeds is unknown, and
    the interval is that of the questions alone.

    Args:
        values_QxS: 1 for a right answer and 0 for a wrong one, or a difference of two such, by question and seed.

    Source: Searle, Casella & McCulloch, Variance Components (1992), chapter 4; Satterthwaite, Biometrics Bulletin 2
        (1946) 110.
    """
    questions, seeds = values_QxS.shape
    mean = float(values_QxS.mean())
    squares = np.array(
        [
            seeds * values_QxS.mean(axis=1).var(ddof=1) if questions > 1 else 0.0,
            questions * values_QxS.mean(axis=0).var(ddof=1) if seeds > 1 else 0.0,
        ]
    )
    total = float(squares.sum())
    if total == 0:  # all values the same: as sure as that many questions allow, and no surer
        width = 1 - wilson_interval(questions, questions)[0]
        return Pooled(mean, max(-1.0, mean - width), min(1.0, mean + width), seeds, questions)
    freedom = total**2 / float((squares**2 / np.maximum([questions - 1, seeds - 1], 1)).sum())
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * (total / (questions * seeds)) ** 0.5
    return Pooled(mean, max(-1.0, mean - half), min(1.0, mean + half), seeds, questions)


def _answers(folder: Path, config: ChosenConfig) -> tuple[tuple[float, ...], npt.NDArray[np.float64]]:
    """Accuracies of the completed trials, and whether each question was answered correctly, [Q, S]; empty without."""
    trials = [read_trial(TrialDir(folder / str(number))) for number in config.again if _exists(folder, number)]
    completed = [one for one in trials if one.state is State.COMPLETED and one.result and one.result.score]
    accuracies = tuple(one.result.score.accuracy for one in completed)  # type: ignore[union-attr]
    correct = [answers(one, one.result.samples_seen) for one in completed if one.result]
    if not correct or any(one.keys() != correct[0].keys() or not one for one in correct):
        return accuracies, np.empty((0, 0))
    ids = sorted(correct[0])
    return accuracies, np.array([[one[id] for one in correct] for id in ids], dtype=float)


def _exists(folder: Path, number: int) -> bool:
    return TrialDir(folder / str(number)).config_file.exists()


def _versus(this: npt.NDArray[np.float64], winner: npt.NDArray[np.float64]) -> Pooled | None:
    return pool(this - winner) if this.shape == winner.shape and this.size else None


def _estimate(config: ConfirmedConfig) -> str:
    pooled = config.pooled
    assert pooled is not None and config.optimism is not None, "only configs with an estimate are told"
    lower = "lower" if config.optimism > 0 else "higher"
    spread = f", {percent(min(config.accuracies))} to {percent(max(config.accuracies))} by seed" * (pooled.seeds > 1)
    return (
        f"{config.settings}: {percent(pooled.mean)} % (95 % interval {percent(pooled.low)} to {percent(pooled.high)}"
        f"{spread}); it was chosen with {percent(config.chosen_accuracy)} %, and is "
        f"{percent(abs(config.optimism))} points {lower} without the luck of that."
    )


def _order(confirmed: Confirmed) -> str:
    ranked: Sequence[ConfirmedConfig] = confirmed.ranked
    if len(ranked) == 1:
        return "With one config there is no order to hold; `--top 2` compares."
    if confirmed.order_held:
        return f"The order held: {ranked[0].settings} is first again."
    order = ", then ".join(config.settings for config in ranked)
    return f"The order did not hold: it is now {order}."


def _gap(config: ConfirmedConfig, winner: ConfirmedConfig) -> str:
    versus = config.versus_winner
    if versus is None:
        return f"{config.settings} and {winner.settings} have no paired comparison: they answered other questions."
    gap = f"{percent(-versus.mean)} points (95 % interval {percent(-versus.high)} to {percent(-versus.low)})"
    if config.tied_with_winner:
        return f"{config.settings} cannot be told apart from {winner.settings}: behind by {gap}."
    return f"{config.settings} is worse than {winner.settings} by {gap}."
