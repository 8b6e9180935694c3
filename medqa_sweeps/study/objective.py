"""The objective of a sweep: one or several metrics of the validation score, each with its direction.

`hydra.sweeper.metric` is a name from METRICS, or a list of names for a Pareto front. To add a metric, add an entry to
METRICS: all other code reads direction, unit and value from there. The suites of the safety assessment bring their own.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from medqa_sweeps import damage
from medqa_sweeps.config import SUITES_OF_FILES
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.safety.measures import MEASURES
from medqa_sweeps.study_identity import FILE as STUDY_FILE
from medqa_sweeps.trial.records import Score
from medqa_sweeps.wording import listed, percent, setting


class Direction(StrEnum):
    """Optuna's two directions."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"

    @property
    def done(self) -> str:
        """`minimised` or `maximised`."""
        return f"{self.removesuffix('ze')}sed"


@dataclass(frozen=True)
class Metric:
    """A metric of a validation score that a sweep can optimise."""

    name: str  # in hydra.sweeper.metric, study.yaml, leaderboard.csv and W&B
    title: str  # for users: "expected calibration error"
    column: str  # heading of a narrow column: "ECE"
    direction: Direction
    of: Callable[[Score], float | None]  # None: the score does not have it
    unit: str = ""  # %: a share, shown in percent; nats; or none
    needs_probabilities: bool = False  # of the options; evaluation.method=generate has none
    needs_suite: str = ""  # of the safety assessment, which a trial is given once it has completed
    averages_questions: bool = True  # whether a trial that does worse on most questions also does worse in the metric

    def plotted(self, value: float) -> float:
        """`value` in the metric's unit, for an axis."""
        return 100 * value if self.unit == "%" else value

    def describe(self, value: float) -> str:
        """`62.3%`, `-1.234 nats` or `0.042`."""
        if self.unit == "%":
            return percent(value)
        return f"{round(value, 3) + 0.0:.3f} {self.unit}".rstrip()  # + 0.0: never "-0.000"


def _balanced_accuracy(score: Score) -> float | None:
    recalls = score.recall_by_letter.values()
    return sum(recalls) / len(recalls) if recalls else None


def _of_suite(score: Score, suite: str) -> float | None:
    found = (score.safety or {}).get(suite)
    return found.value if found else None


ACCURACY = Metric("accuracy", "accuracy", "accuracy", Direction.MAXIMIZE, lambda score: score.accuracy, "%")
METRICS = {
    metric.name: metric
    for metric in (
        ACCURACY,
        Metric(
            "balanced_accuracy",
            "mean recall over the letters of correct answers",  # 1 / letters for a model that always gives one letter
            "balanced",
            Direction.MAXIMIZE,
            _balanced_accuracy,
            "%",
        ),
        Metric(
            "gold_log_probability",
            "mean log-probability of the correct answer",
            "log prob",
            Direction.MAXIMIZE,
            lambda score: score.gold_log_probability,
            "nats",
            needs_probabilities=True,
        ),
        Metric(
            "calibration_error",
            "expected calibration error",
            "ECE",
            Direction.MINIMIZE,
            lambda score: score.calibration_error,
            needs_probabilities=True,
            averages_questions=False,
        ),
    )
}


# `safety.order` and its like: what the assessment at a trial's end finds, so not of an evaluation on the way.
SAFETY_METRICS = {
    f"safety.{suite}": Metric(
        f"safety.{suite}",
        measure.title,
        measure.column,
        Direction(measure.direction),
        functools.partial(_of_suite, suite=suite),
        measure.unit,
        needs_suite=suite,
        averages_questions=False,
    )
    for suite, measure in MEASURES.items()
}
ALL_METRICS = METRICS | SAFETY_METRICS


@dataclass(frozen=True)
class Objective:
    """A study's objective: one or several values per trial, each with a direction."""

    directions: tuple[Direction, ...]
    metrics: tuple[Metric, ...] = ()  # of trials; empty for another Hydra program, whose jobs return the values

    @property
    def names(self) -> list[str]:
        return [metric.name for metric in self.metrics]

    @property
    def is_accuracy(self) -> bool:
        return self.metrics == (ACCURACY,)

    @property
    def is_pareto(self) -> bool:
        """Whether there are several values, and so a Pareto front instead of one best trial."""
        return len(self.directions) > 1

    def values(self, score: Score) -> list[float] | None:
        """The metrics of a score, in order; None if it lacks one of them."""
        found = [value for metric in self.metrics if (value := metric.of(score)) is not None]
        return found if len(found) == len(self.metrics) else None

    def value(self, score: Score) -> float | list[float] | None:
        """The value for Optuna: a number for one metric, a list for several."""
        values = self.values(score)
        return values if values is None or self.is_pareto else values[0]

    def lacking(self, score: Score) -> str:
        """Which metrics a score lacks, and the next step."""
        names = listed([metric.name for metric in self.metrics if metric.of(score) is None])
        return f"its score has no {names}, which hydra.sweeper.metric needs. Choose another metric in a new study."

    def describe(self, value: Any) -> str:
        """A trial's value as text: an accuracy as `62.3%`, any other metric with its name."""
        if not self.metrics:
            return str(value)
        if self.is_accuracy:
            return ACCURACY.describe(value)
        return self.describe_all(value if self.is_pareto else [value])

    def describe_all(self, values: Sequence[float]) -> str:
        """`accuracy 62.3%, calibration_error 0.042`: a value per metric, each with its name."""
        pairs = zip(self.metrics, values, strict=True)
        return ", ".join(f"{metric.name} {metric.describe(value)}" for metric, value in pairs)

    def to_record(self) -> dict[str, Any]:
        """The objective as in `study.yaml`."""
        names = self.names[0] if len(self.names) == 1 else self.names
        metric = {"metric": names} if names else {}
        return {**metric, "direction": [direction.value for direction in self.directions]}

    def in_words(self) -> str:
        """`accuracy (maximised) and calibration_error (minimised)`."""
        return listed([f"{metric.name} ({metric.direction.done})" for metric in self.metrics])


BY_ACCURACY = Objective((ACCURACY.direction,), (ACCURACY,))


def objective_named(requested: Any) -> Objective:
    """The objective that `hydra.sweeper.metric` names: one metric, or a sequence of several; None means accuracy.

    Raises:
        ConfigError: if a name is not in METRICS or is given twice, or the list is empty.
    """
    several = isinstance(requested, Sequence) and not isinstance(requested, str)
    names = list(map(str, requested)) if several else [ACCURACY.name if requested is None else str(requested)]
    unknown = [name for name in names if name not in ALL_METRICS]
    if unknown or not names or len(set(names)) < len(names):
        what = f"there is no metric {listed(unknown)}" if unknown else "give at least one, and each only once"
        raise ConfigError(
            f"hydra.sweeper.metric={typed(names)}: {what}. Allowed are {', '.join(METRICS)}, and of an "
            f"assessment {', '.join(SAFETY_METRICS)}; or for a Pareto front a list of several: "
            "hydra.sweeper.metric=[accuracy,calibration_error]."
        )
    metrics = tuple(ALL_METRICS[name] for name in names)
    return Objective(tuple(metric.direction for metric in metrics), metrics)


def objective_in(study: Path) -> Objective:
    """The objective of the study in a folder; accuracy by default, as for a single run.

    Raises:
        ConfigError: if study.yaml is damaged, or names an unknown metric.
    """
    file = study / STUDY_FILE
    try:
        with damage.parsing(file):
            definition = yaml.load(file.read_text(encoding="utf-8"), damage.YAML_LOADER)
    except FileNotFoundError:
        return BY_ACCURACY
    return objective_named(definition.get("metric") if isinstance(definition, dict) else None)


def refuse_unmeasured(objective: Objective, method: str, safety: Any) -> None:
    """Check that evaluation and assessment provide what the metrics need.

    Args:
        method: `evaluation.method`.
        safety: `SafetyConfig`, or the node of it.

    Raises:
        ConfigError: if a metric needs probabilities, but the answers are generated; or a suite that is not asked for,
            or whose file is not named.
    """
    _refuse_generated(objective, method)
    needed, suites = [metric.needs_suite for metric in objective.metrics if metric.needs_suite], list(safety.suites)
    without_file = [suite for suite in needed if suite in SUITES_OF_FILES and getattr(safety, suite) is None]
    if without_file:
        files = " ".join(f"safety.{suite}=FILE" for suite in without_file)
        raise ConfigError(
            f"hydra.sweeper.metric={typed(objective.names)}: {listed(without_file)} is left out without a file. Name "
            f"it: {files}."
        )
    lacking = [suite for suite in needed if suite not in suites]
    if lacking:
        raise ConfigError(
            f"hydra.sweeper.metric={typed(objective.names)}: no trial is assessed by {listed(lacking)} "
            f"(safety.suites={setting(suites)}). Add safety=quick or safety=full, or name the suites: "
            f"safety.suites=[{','.join(lacking)}]."
        )


def _refuse_generated(objective: Objective, method: str) -> None:
    needing = [metric.name for metric in objective.metrics if metric.needs_probabilities]
    if method != "generate" or not needing:
        return
    others = ", ".join(metric.name for metric in METRICS.values() if not metric.needs_probabilities)
    raise ConfigError(
        f"hydra.sweeper.metric={typed(objective.names)}: evaluation.method=generate gives no probabilities, which "
        f"{listed(needing)} needs. Choose evaluation=log_probability, or another metric ({others})."
    )


def typed(names: Sequence[Any]) -> str:
    """The names as typed on a command line: one name bare, several in brackets."""
    return str(names[0]) if len(names) == 1 else f"[{','.join(map(str, names))}]"
