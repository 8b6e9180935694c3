"""The order of a study's configs, and each of them compared with the best, and with its own untuned base."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from medqa_sweeps.alarms import Alarm, about_the_trial, alarms_of
from medqa_sweeps.analysis.comparing.answer_matrix import AnswerMatrix, answers_of, checked_answers, no_answers
from medqa_sweeps.analysis.comparing.assessed_configs import ConfigSafety, are_kept_comparable, safety_of
from medqa_sweeps.analysis.comparing.config_passages import ConfigPassages, passages_of
from medqa_sweeps.analysis.comparing.configs import (
    Config,
    groups_of,
    label_of,
    names_of,
    seed_of,
    settings_text,
    spread_of,
)
from medqa_sweeps.analysis.reading.studies import Study, Trial
from medqa_sweeps.statistics import (
    Estimate,
    PairedDifference,
    SeedSpread,
    SelectionBias,
    compare_pairs,
    compare_with_base,
    compare_with_best,
    estimate,
    estimate_from_accuracies,
    selection_bias_of_the_best,
)
from medqa_sweeps.wording import NOT_RESOLVED, WORSE, short_names

TOP = 20
READ = 60  # configs whose answers are read, however few are shown: what is claimed must not depend on what is shown
CHOICE = 12  # of the first of them, any two can be compared
# Config groups that change what an untuned base scores.
_OF_THE_BASE = {"model", "prompt", "retrieval", "data", "split", "evaluation", "experiment"}


@dataclass(frozen=True)
class Base:
    """An untuned base: a model under one prompt, on one set of questions."""

    settings: str  # what sets it apart from other bases of the board: "prompt=chat"; "" where it is the only one
    trial: Trial  # whose folder holds its answers
    accuracy: Estimate
    answers: AnswerMatrix

    @property
    def label(self) -> str:
        """For sentences: `untuned base`, `untuned base (prompt=chat)`."""
        return f"untuned base ({self.settings})" if self.settings else "untuned base"

    @property
    def trials(self) -> tuple[Trial, ...]:
        """One: a base has no seed."""
        return (self.trial,)


@dataclass(frozen=True)
class Row:
    """A config that was scored, compared with the best one and with its own untuned base."""

    trials: tuple[Trial, ...]  # a seed each
    settings: str  # what sets the config apart: "r=16 lr=0.0001"
    label: str  # for sentences: "r=16" where that one key tells the configs apart, else "trial 3"
    accuracy: Estimate
    answers: AnswerMatrix
    versus_best: PairedDifference | None = None  # this minus the best; None for the best, and without a paired test
    base: Base | None = None  # its own; None where it was not scored
    versus_base: PairedDifference | None = None  # this minus its own base; None without a paired test
    no_test: str = ""  # why there is no paired test with the best
    alarms: tuple[Alarm, ...] = ()  # of any of its trials
    safety: ConfigSafety = field(default_factory=ConfigSafety)
    passages: ConfigPassages | None = None  # None: it shows none

    @property
    def trial(self) -> Trial:
        """Of its seeds the first, which stands for the config."""
        return self.trials[0]

    @property
    def trial_names(self) -> str:
        """`3`, or of several seeds `0 4 8`."""
        return " ".join(trial.name for trial in self.trials)

    @property
    def marked_names(self) -> str:
        """The same for a table: `3 !` where there is an alarm."""
        return self.trial_names + " !" * bool(self.alarms)

    @property
    def worse(self) -> bool:
        """Whether it is significantly worse than the best."""
        return self.versus_best is not None and self.versus_best.significant

    @property
    def not_resolved(self) -> bool:
        """Whether the difference to the best could be chance."""
        return self.versus_best is not None and not self.versus_best.significant

    @property
    def verdict(self) -> str:
        """Beside the best, in a word."""
        return WORSE if self.worse else NOT_RESOLVED if self.not_resolved else "not compared"


@dataclass(frozen=True)
class Leaderboard:
    """Configs that answered the same validation questions, best first, and every trial that could not be ranked."""

    study: Study
    configs: tuple[Config, ...]  # all of them, the best first, then by accuracy, then by number
    names: dict[str, str]  # short names of the keys that tell them apart
    rows: tuple[Row, ...]  # of the first of them
    bases: tuple[Base, ...] = ()  # of those rows, each once
    spread: SeedSpread | None = None  # between seeds; None where each config has one
    same_seeds: bool = True
    luck: SelectionBias | None = None  # of the best; None without answers to tell
    pairs: Mapping[tuple[int, int], PairedDifference] = field(default_factory=dict)  # of the first 12, by index

    @property
    def best(self) -> Row | None:
        return self.rows[0] if self.rows else None

    @property
    def shows_kept(self) -> bool:
        """Whether some configs were assessed, on the same questions under the same edits."""
        return are_kept_comparable(row.safety for row in self.rows)

    @property
    def not_shown(self) -> int:
        return len(self.configs) - len(self.rows)


def leaderboards(study: Study, top: int = TOP) -> list[Leaderboard]:
    """A leaderboard per set of validation questions, the largest first; what cannot be ranked stands with the first."""
    groups = groups_of(study.completed())
    if not groups:
        return [Leaderboard(study, (), names_of(study.trials, []), ())]
    parts = [{id(trial) for config in group for trial in config.trials} for group in groups]
    ranked = set.union(*parts)
    parts[0] |= {id(trial) for trial in study.trials} - ranked
    found = []
    for index, (group, part) in enumerate(zip(groups, parts, strict=True)):
        trials = tuple(trial for trial in study.trials if id(trial) in part)
        unreadable = study.unreadable if index == 0 else ()
        found.append(_board(replace(study, trials=trials, unreadable=unreadable), group, top))
    return found


def leaderboard(study: Study, top: int = TOP) -> Leaderboard:
    """The `top` configs by validation accuracy, of the questions that most trials answered."""
    return leaderboards(study, top)[0]


def _board(study: Study, configs: Sequence[Config], top: int) -> Leaderboard:
    """Reads the answers of the `top` configs, and of the first 60, and of no others."""
    names = names_of(study.trials, configs)
    spread, same_seeds = spread_of(configs)
    near = configs[: max(top, READ)]
    known = _aligned([answers_of(config.trials) for config in near])
    settings = [settings_text(config.first, names) for config in configs]
    spelt_out = len(names) == 1 or spread is not None
    labels = [label_of(config, settings[index], settings, spelt_out) for index, config in enumerate(near)]
    versus_best = _versus_best(known, len(configs), spread, same_seeds)
    base_of = _bases(near[:top], names)
    trials = [config.trials for config in near[:top]]
    safety, passages = safety_of(trials, len(configs)), passages_of(trials, len(configs))
    rows = [
        Row(
            trials=config.trials,
            settings=settings[index],
            label=labels[index],
            accuracy=_estimate(config, answers, spread),
            answers=answers,
            versus_best=versus_best.get(index),
            base=base_of[index],
            versus_base=_versus_base(answers, base_of[index], len(configs), spread),
            no_test=answers.missing if index else "",
            alarms=_alarms(config.trials),
            safety=safety[index],
            passages=passages[index],
        )
        for index, (config, answers) in enumerate(zip(near[:top], known, strict=False))
    ]
    bases = tuple({base.settings: base for base in base_of if base is not None}.values())
    pairs = _pairs(known[: min(top, CHOICE)], len(configs), spread, same_seeds)
    return Leaderboard(study, tuple(configs), names, tuple(rows), bases, spread, same_seeds, _luck(known), pairs)


def _aligned(known: Sequence[AnswerMatrix]) -> list[AnswerMatrix]:
    """The answers with the questions in the order of the best one's; where the best has none, nobody has."""
    best = known[0]
    if best.missing:
        return [best, *(no_answers(one.missing or f"the other's {best.missing}") for one in known[1:])]
    return [best, *(one.in_the_order_of(best.questions) for one in known[1:])]


def _versus_best(
    known: Sequence[AnswerMatrix], configs: int, spread: SeedSpread | None, same_seeds: bool
) -> dict[int, PairedDifference]:
    """By index, each config that answered as the best did, minus the best."""
    indices = [index for index, answers in enumerate(known) if not answers.missing]
    if len(indices) < 2 or indices[0] != 0:
        return {}
    answers = [known[index].correct_SxQ for index in indices]
    return dict(zip(indices[1:], compare_with_best(answers, configs, spread, same_seeds), strict=True))


def _pairs(
    known: Sequence[AnswerMatrix], configs: int, spread: SeedSpread | None, same_seeds: bool
) -> dict[tuple[int, int], PairedDifference]:
    """By indices, the first of two configs minus the second."""
    indices = [index for index, answers in enumerate(known) if not answers.missing]
    if len(indices) < 2:
        return {}
    compared = compare_pairs([known[index].correct_SxQ for index in indices], configs, spread, same_seeds)
    return {(indices[one], indices[other]): found for (one, other), found in compared.items()}


def _estimate(config: Config, answers: AnswerMatrix, spread: SeedSpread | None) -> Estimate:
    if not answers.missing:
        return estimate(answers.correct_SxQ, spread)
    score = config.first.result.score if config.first.result else None
    assert score is not None
    return estimate_from_accuracies(list(config.by_seed().values()), score.questions, spread)


def _luck(known: Sequence[AnswerMatrix]) -> SelectionBias | None:
    answers = [one.correct_SxQ for one in known if not one.missing]
    return selection_bias_of_the_best(answers) if len(answers) > 1 and answers[0].shape[1] > 1 else None


def _bases(configs: Sequence[Config], names: Mapping[str, str]) -> list[Base | None]:
    """The untuned base of each config; None where it was not scored."""
    deciding = short_names([key for key in names if key.partition(".")[0] in _OF_THE_BASE])
    return [_base(config.first, deciding) for config in configs]


def _base(trial: Trial, deciding: dict[str, str]) -> Base | None:
    score = trial.result.baseline if trial.result is not None else None
    if score is None:
        return None
    which = settings_text(trial, deciding)
    own = Estimate(score.accuracy, score.low, score.high, score.questions)
    return Base(which, trial, own, checked_answers(trial, 0, score))


def _versus_base(
    answers: AnswerMatrix, base: Base | None, configs: int, spread: SeedSpread | None
) -> PairedDifference | None:
    """A config minus its own base, on the same questions."""
    if base is None or answers.missing:
        return None
    untuned = base.answers.in_the_order_of(answers.questions)
    return None if untuned.missing else compare_with_base(answers.correct_SxQ, untuned.correct_SxQ, configs, spread)


def _alarms(trials: Sequence[Trial]) -> tuple[Alarm, ...]:
    """Of all seeds, each kind once; those about the data, which all configs share, are a caution of the study."""
    found: dict[str, Alarm] = {}
    for trial in trials:
        which = f"seed {seed_of(trial)}: " if len(trials) > 1 else ""
        for alarm in about_the_trial(alarms_of(trial.directory, trial.result)):
            found.setdefault(alarm.name, replace(alarm, sentence=which + alarm.sentence))
    return tuple(found.values())
