"""Which running trials are hopeless: Optuna's pruners, and one of ours that knows how much chance is in a score.

An accuracy on 1,272 questions has a standard error of 1.3 points, so a pruner that compares accuracies cuts by luck.
`PairedHalving` compares two trials question by question after the same number of training samples.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import Trial

from medqa_sweeps.durable.lines import LineReader
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.jobs.contract import Reported
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.study.objective import BY_ACCURACY, Objective, typed
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import Plan
from medqa_sweeps.trial.records import Outcome, Prediction
from medqa_sweeps.wording import WORSE, listed, p_value as p_text

Scores = dict[str, float]  # of each question, by its id: the gold letter's log-probability, nats


class Pruner(ABC):
    """Decides, at each report, whether the trial that made it should go on."""

    @abstractmethod
    def after(self, trial: Trial, report: Reported) -> str | None:
        """Why the trial is hopeless, for its record; None: it may go on."""


class OptunaPruner(Pruner):
    """One of Optuna's, which must be the study's own: it compares the metric's values by samples seen."""

    def __init__(self, pruner: optuna.pruners.BasePruner, objective: Objective = BY_ACCURACY) -> None:
        self.pruner, self._objective = pruner, objective

    def after(self, trial: Trial, report: Reported) -> str | None:
        if not trial.should_prune():
            return None
        value = self._objective.describe(report.value)
        return f"by {type(self.pruner).__name__} after {report.samples_seen:,} samples, at {value}"


class PairedHalving(Pruner):
    """Successive halving without a barrier and without luck: cut what is in the lower part *and* worse beyond chance.

    At every number of samples that a trial has reported at, it is held against all trials that have reported there,
    those that have ended and those that were cut included. It is cut when it is not among the best `1 / keep_one_in`
    of them by the mean log-probability of the gold letter, and the best of those that were not cut is better by a
    paired one-sided t-test over the questions. So whatever beat the last one that was cut is still there: some trial
    always comes to its end. Trials that came first are held against those that came later at their own next report, so
    the order of finishing decides nothing for good.

    So it follows `gold_log_probability` itself, and for accuracies a finer measure of the same: how sure a trial is of
    each correct answer, not only whether it is its first choice. `make_pruner` refuses it for a metric of which single
    questions say nothing, such as `calibration_error`.

    Source: asynchronous successive halving (Li et al., 2020, "A System for Massively Parallel Hyperparameter Tuning"),
    with a test of our own in place of the ranks alone.

    Args:
        folder: of the study.
        keep_one_in: 2: the better half of those seen so far is never cut; above 1.
        level: of the test at each report, between 0 and 1; smaller cuts less.
        first_samples: training samples before which nothing is cut: early losses say little of late ones.
    """

    def __init__(self, folder: Path, keep_one_in: float = 2.0, level: float = 0.01, first_samples: int = 0) -> None:
        if not keep_one_in > 1 or not 0 < level < 1:
            raise ConfigError(
                f"hydra.sweeper.pruner: keep_one_in={keep_one_in} must be above 1, and level={level} between 0 and 1."
            )
        self._folder, self._keep_one_in, self._level, self._first = folder, keep_one_in, level, first_samples
        self._reports: dict[int, dict[int, Scores]] = {}  # by trial, by samples seen
        self._readers: dict[int, LineReader[Prediction]] = {}
        self._cut: set[int] = set()

    def after(self, trial: Trial, report: Reported) -> str | None:
        for rival in StudyDir(self._folder).trials():
            self._read(rival)
        mine = self._reports.get(report.number, {})
        for samples in sorted(mine):
            if self._first <= samples <= report.samples_seen and samples > 0:
                rivals = {number: at[samples] for number, at in self._reports.items() if samples in at}
                why = self._verdict(report.number, samples, rivals)
                if why:
                    self._cut.add(report.number)
                    return why
        return None

    def _verdict(self, number: int, samples: int, rivals: dict[int, Scores]) -> str | None:
        """Why trial `number` is hopeless among those that have been scored after as many samples."""
        from medqa_sweeps.statistics import p_value_of_better  # SciPy: half a second, and most sweeps prune nothing

        questions = sorted(set.intersection(*(set(scores) for scores in rivals.values())))
        if len(rivals) < 2 or len(questions) < 2:
            return None
        table = {rival: np.array([scores[id] for id in questions]) for rival, scores in rivals.items()}
        order = sorted(table, key=lambda rival: -float(table[rival].mean()))
        index = order.index(number)
        if index < len(order) / self._keep_one_in:
            return None
        best = next((rival for rival in order if rival not in self._cut), number)
        if best == number:
            return None
        p_value = p_value_of_better(table[best], table[number])
        if p_value >= self._level:
            return None
        difference = table[number].mean() - table[best].mean()
        return (
            f"after {samples:,} samples it ranked {index + 1} of {len(order)} and was significantly {WORSE} than trial "
            f"{best} (log-probability of the correct answer {difference:+.3f} nats, {p_text(p_value)})"
        )

    def _read(self, number: int) -> None:
        """Take in what the trial has predicted since the last look. Written letters have no log-probability: a trial
        that is scored so is never cut."""
        if number not in self._readers:
            trial = TrialDir(self._folder / str(number))
            self._readers[number] = LineReader(trial.predictions_file, Prediction.from_json)
            if (result := trial.result()) and result.outcome is Outcome.PRUNED:  # by an earlier sweep of this study
                self._cut.add(number)
        for prediction in self._readers[number].new():
            if prediction.gold in prediction.log_probabilities:
                at = self._reports.setdefault(number, {}).setdefault(prediction.samples_seen, {})
                at[prediction.id] = prediction.log_probabilities[prediction.gold]


def with_samples(settings: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    """A pruner's settings, those on the length of a trial filled in where they are null.

    `min_resource` becomes the training samples at the first report, `max_resource` those of the whole run.
    """
    first = plan.evaluation_steps[0] * plan.config.training.effective_batch_size
    known = {"min_resource": min(first, plan.samples), "max_resource": plan.samples}
    return {key: known.get(key) if value is None else value for key, value in settings.items()}


def make_pruner(asked: Any, folder: Path, objective: Objective = BY_ACCURACY) -> Pruner | None:
    """The pruner that `hydra.sweeper.pruner` stands for, once Hydra has made it; None: nothing is pruned.

    Args:
        asked: an Optuna pruner, or what makes a `Pruner` of the study's folder.
        objective: of the study.

    Raises:
        ConfigError: if it is neither, or trials with this objective cannot be pruned by it.
    """
    if asked is None or isinstance(asked, optuna.pruners.NopPruner):
        return None
    if isinstance(asked, optuna.pruners.BasePruner):
        _refuse_several(type(asked).__name__, objective)
        return OptunaPruner(asked, objective)
    made = asked(folder=folder) if callable(asked) else asked
    if isinstance(made, Pruner):
        _refuse_several(type(made).__name__, objective)
        _refuse_unfollowed(made, objective)
        return made
    raise ConfigError(
        f"hydra.sweeper.pruner: {type(made).__name__} is no pruner. Choose hydra/sweeper/pruner=paired_halving, "
        "median, percentile, successive_halving, hyperband, wilcoxon, threshold, patient or none."
    )


def _refuse_several(name: str, objective: Objective) -> None:
    if late := [metric.name for metric in objective.metrics if metric.needs_suite]:
        raise ConfigError(
            f"hydra.sweeper.metric={typed(objective.names)}: {listed(late)} is known at a trial's end alone, so "
            f"a pruner ({name}) has nothing to follow. Choose hydra/sweeper/pruner=none, or another metric."
        )
    if len(objective.metrics) > 1:
        raise ConfigError(
            f"hydra.sweeper.metric={typed(objective.names)}: a pruner ({name}) follows one metric, and these are "
            f"{len(objective.metrics)}. Choose one metric, or hydra/sweeper/pruner=none."
        )


def _refuse_unfollowed(pruner: Pruner, objective: Objective) -> None:
    others = [metric.name for metric in objective.metrics if not metric.averages_questions]
    if isinstance(pruner, PairedHalving) and others:
        raise ConfigError(
            f"hydra.sweeper.metric={typed(objective.names)}: hydra/sweeper/pruner=paired_halving compares trials "
            f"question by question, and {listed(others)} is no mean over questions. Choose another pruner, such as "
            "hydra/sweeper/pruner=median, or another metric."
        )
