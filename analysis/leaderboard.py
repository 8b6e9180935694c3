"""The order of a study's completed trials, and each of them compared with the best on the same questions."""

from dataclasses import dataclass

import numpy as np

from analysis.settings import settings_in_words, short_names, varying_keys
from analysis.study import Study, Trial, answers
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.record import Score
from medqa_sweeps.statistics import PairedDifference, compare_answers

TOP = 20


@dataclass(frozen=True)
class Answers:
    """Which validation questions a model answered correctly; or, without any, why there are none."""

    correct: dict[str, bool]  # by question id
    missing: str = ""


@dataclass(frozen=True)
class Row:
    """A model that was scored, compared with the best trial."""

    trial: Trial
    settings: str  # what sets the trial apart: "r=16 lr=0.0001"
    label: str  # for sentences: "r=16" where that one key tells the trials apart, else "trial 3"
    score: Score
    versus_best: PairedDifference | None  # this minus the best; None for the best, and without a paired test
    no_test: str = ""  # why there is no paired test

    @property
    def tied_with_best(self) -> bool:
        return self.versus_best is not None and self.versus_best.cannot_be_told_apart


@dataclass(frozen=True)
class Leaderboard:
    """Completed trials, best first, and everything that could not be ranked."""

    study: Study
    rows: tuple[Row, ...]  # the best first, then by accuracy, then by number
    not_shown: int  # completed trials beyond the rows
    base: Row | None  # the untuned base under the best trial

    @property
    def best(self) -> Row | None:
        return self.rows[0] if self.rows else None


def rank(study: Study, top: int = TOP) -> Leaderboard:
    """The `top` completed trials by validation accuracy. Reads the answers of those and no others."""
    completed = sorted(study.completed(), key=lambda trial: -_score(trial).accuracy)
    if not completed:
        return Leaderboard(study, (), 0, None)
    names = short_names(varying_keys(study.trials))
    one_key = len(names) == 1
    settings = [settings_in_words(trial, names) for trial in completed]
    best = answers_of(completed[0])
    rows = []
    for trial, words in zip(completed[:top], settings, strict=False):
        label = words if one_key and settings.count(words) == 1 else f"trial {trial.name}"
        difference, why = (None, "") if trial is completed[0] else compare(answers_of(trial), best)
        rows.append(Row(trial, words, label, _score(trial), difference, why))
    return Leaderboard(study, tuple(rows), len(completed) - len(rows), _base(completed[0], best))


def answers_of(trial: Trial) -> Answers:
    """The answers behind a completed trial's score."""
    assert trial.result is not None
    return _checked_answers(trial, trial.result.samples_seen, _score(trial))


def compare(first: Answers, second: Answers) -> tuple[PairedDifference | None, str]:
    """`first` minus `second` on the same questions; or None and the reason why there is no paired test."""
    if first.missing or second.missing:
        return None, first.missing or f"the other's {second.missing}"
    if first.correct.keys() != second.correct.keys():
        return None, "other questions"
    left, right = (np.array([which.correct[i] for i in first.correct], dtype=bool) for which in (first, second))
    return compare_answers(left, right), ""


def _base(best: Trial, best_answers: Answers) -> Row | None:
    """The untuned base of the best trial; None where it was not scored."""
    score = best.result.baseline if best.result is not None else None
    if score is None:
        return None
    difference, why = compare(_checked_answers(best, 0, score), best_answers)
    return Row(best, "untuned", "the untuned base", score, difference, why)


def _checked_answers(trial: Trial, samples_seen: int, score: Score) -> Answers:
    """The answers at `samples_seen`, if they are those that the score was made of."""
    try:
        correct = answers(trial, samples_seen)
    except ConfigError as error:
        return Answers({}, str(error).rstrip("."))
    if not correct:
        return Answers({}, "answers are not on file")
    if len(correct) != score.questions or abs(sum(correct.values()) / len(correct) - score.accuracy) > 1e-6:
        return Answers({}, f"answers on file ({len(correct)}) are not those of the score ({score.questions})")
    return Answers(correct)


def _score(trial: Trial) -> Score:
    assert trial.result is not None and trial.result.score is not None, "only completed trials are ranked"
    return trial.result.score
