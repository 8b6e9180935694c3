"""The panels that a W&B view and report of a study share, and which runs they show, by the names that `tracking` sends.

`wandb_workspaces` is an extra, so it is imported where it is used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from medqa_sweeps.analysis.comparing.by_objective import objective_of
from medqa_sweeps.analysis.comparing.configs import SEED
from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard
from medqa_sweeps.analysis.sending.assessed import assessed_metrics
from medqa_sweeps.study.objective import Direction, Metric
from medqa_sweeps.tracking.tracker import summary_key

X_AXIS = "samples_seen"
_WIDE, _HALF, _HIGH = 24, 12, 10  # of W&B's grid, which is 24 wide
_FIELDS = (  # of a score: name, title, least number of values that are worth a chart
    ("recall_by_letter", "Accuracy by the letter of the correct answer", 1),
    ("accuracy_by_step", "Accuracy by USMLE step", 1),
    ("accuracy_by_region", "Accuracy by region", 2),
)
_DECADES = 10  # numbers that span more than a decade have a logarithmic axis


@dataclass(frozen=True)
class Swept:
    """A setting that tells configs apart."""

    key: str  # in the config that W&B has: "lora.r"
    name: str  # "r"
    is_logarithmic: bool = False

    @property
    def column(self) -> str:
        """Its column in the table of runs: W&B keeps a group of the config as one nested value."""
        group, dot, rest = self.key.partition(".")
        return f"config:{group}.value{dot}{rest}"


def swept(board: Leaderboard) -> list[Swept]:
    """What was swept, in the order of the config. The seed is none of it: seeds of a config are folded."""
    settings = [config.first.settings for config in board.configs]
    found = []
    for key, name in board.names.items():
        own = key if "." in key else f"{key}.name"  # an option of a group, which its name stands for
        if key != SEED and any(own in values for values in settings):
            found.append(Swept(own, name, _spans_decades([values.get(own) for values in settings])))
    return found


def _spans_decades(values: Sequence[Any]) -> bool:
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    return len(numbers) == len(values) > 0 and min(numbers) > 0 and max(numbers) / min(numbers) > _DECADES


def metric_of(board: Leaderboard) -> Metric:
    """What the study optimised; the first of several metrics."""
    return objective_of(board.study).metrics[0]


def is_ascending(metric: Metric) -> bool:
    """Whether the best run comes first in ascending order."""
    return metric.direction is Direction.MINIMIZE


def accuracy_panels(board: Leaderboard) -> list[Any]:
    """Accuracy against samples seen: with the interval of the questions, and folded over the seeds."""
    import wandb_workspaces.reports.v2 as wr

    with_interval = wr.LinePlot(
        title="Validation accuracy with its 95% interval",
        x=X_AXIS,
        y=["validation/accuracy", "validation/accuracy_low", "validation/accuracy_high"],
        title_x="training samples seen",
        title_y="share of the questions",
        groupby_aggfunc="mean",
        groupby_rangefunc="none",
        layout=_left(),
    )
    over_seeds = wr.LinePlot(
        title="Validation accuracy, mean over seeds (band: lowest to highest seed)",
        x=X_AXIS,
        y=["validation/accuracy"],
        title_x="training samples seen",
        title_y="share of the questions",
        groupby_aggfunc="mean",
        groupby_rangefunc="minmax",
        layout=_right(),
    )
    return [with_interval, over_seeds]


def swept_panels(board: Leaderboard) -> list[Any]:
    """Parallel coordinates over what was swept and what it was swept for; none where nothing was."""
    import wandb_workspaces.reports.v2 as wr

    settings, metric = swept(board), metric_of(board)
    if not settings:
        return []
    columns = [
        wr.ParallelCoordinatesPlotColumn(wr.Config(one.key), one.name, log=one.is_logarithmic or None)
        for one in settings
    ]
    columns.append(
        wr.ParallelCoordinatesPlotColumn(wr.SummaryMetric(summary_key(metric)), f"validation {metric.title}")
    )
    if metric.name != "accuracy":
        columns.append(wr.ParallelCoordinatesPlotColumn(wr.SummaryMetric("accuracy"), "validation accuracy"))
    layout = wr.Layout(x=0, y=0, w=_WIDE, h=_HIGH)
    return [wr.ParallelCoordinatesPlot(columns=columns, title="What was swept", layout=layout)]


def safety_panels(board: Leaderboard) -> list[Any]:
    """A chart for each suite of the safety assessment, a point per trial: its accuracy and the suite's measure."""
    import wandb_workspaces.reports.v2 as wr

    return [
        wr.ScatterPlot(
            title=f"{metric.title.capitalize()} ({'lower' if is_ascending(metric) else 'higher'} is better)",
            x=wr.SummaryMetric("accuracy"),
            y=wr.SummaryMetric(summary_key(metric)),
            layout=wr.Layout(x=_HALF * (index % 2), y=_HIGH * (index // 2), w=_HALF, h=_HIGH),
        )
        for index, metric in enumerate(assessed_metrics(board.study.trials))
    ]


def passages_panels(board: Leaderboard) -> list[Any]:
    """Accuracy with a config's passages beside that of its two controls; none where no trial shows any."""
    import wandb_workspaces.reports.v2 as wr

    if not _passages(board):
        return []
    names = {"accuracy": "with its passages", "without": "without them", "foreign": "with another question's"}
    panel = wr.BarPlot(
        title="Accuracy on the questions that are shown passages",
        metrics=[f"passages.{name}" for name in names],  # a bar is the last value, which the summary holds
        line_titles={f"passages.{name}": title for name, title in names.items()},
        title_x="share of the questions",
        layout=wr.Layout(x=0, y=0, w=_WIDE, h=_HIGH),
    )
    return [panel]


def line(title: str, name: str, is_left: bool) -> Any:
    """One metric against samples seen."""
    import wandb_workspaces.reports.v2 as wr

    where = _left() if is_left else _right()
    return wr.LinePlot(title=title, x=X_AXIS, y=[name], title_x="training samples seen", layout=where)


def lines_of(title: str, pattern: str, is_left: bool) -> Any:
    """All metrics whose names match a pattern, against samples seen."""
    import wandb_workspaces.reports.v2 as wr

    where = _left() if is_left else _right()
    return wr.LinePlot(title=title, x=X_AXIS, metric_regex=pattern, title_x="training samples seen", layout=where)


def columns_of(board: Leaderboard) -> list[str]:
    """Columns of the table of runs, which stand first."""
    metric, suites = summary_key(metric_of(board)), map(summary_key, assessed_metrics(board.study.trials))
    scores = dict.fromkeys([metric, "accuracy", "accuracy_low", "accuracy_high", "baseline_accuracy", *suites])
    return [
        "run:displayName",
        *(f"summary:{name}" for name in [*scores, *_passages(board)]),
        *(one.column for one in swept(board)),
        "config:seed.value",
        "summary:outcome",
        "summary:minutes",
    ]


def _passages(board: Leaderboard) -> list[str]:
    """The summary's names of the controls; none where no trial shows passages."""
    is_shown = any(trial.result and trial.result.passages for trial in board.study.trials)
    return ["passages.without", "passages.foreign"] if is_shown else []


def titles(board: Leaderboard) -> Mapping[str, str]:
    """The scores besides accuracy that every validation has, by W&B's name."""
    has_probabilities = any(
        trial.result and trial.result.score and trial.result.score.calibration_error is not None
        for trial in board.study.trials
    )
    if not has_probabilities:
        return {}
    return {
        "validation/calibration_error": "Expected calibration error",
        "validation/gold_log_probability": "Mean log-probability of the correct answer, nats",
    }


def fields(board: Leaderboard) -> list[tuple[str, str]]:
    """Names and titles of the fields by which the scores are broken down; a region only where there are several."""
    scores = [trial.result.score for trial in board.study.trials if trial.result and trial.result.score]
    found = []
    for name, title, least in _FIELDS:
        if max((len(getattr(score, name)) for score in scores), default=0) >= least:
            found.append((name, title))
    return found


def runs_of(group: str, is_summary: bool) -> str:
    """The filter of a study's trials, or of its summary run.

    The library (0.4) neither quotes a name nor leaves the operators in it alone, so they are written as escapes.
    """
    quoted = repr(group)
    for operator in "=<>":
        quoted = quoted.replace(operator, f"\\x{ord(operator):02x}")
    return f"Metric('Group') == {quoted} and Metric('JobType') {'==' if is_summary else '!='} 'summary'"


def _left() -> Any:
    import wandb_workspaces.reports.v2 as wr

    return wr.Layout(x=0, y=0, w=_HALF, h=_HIGH)


def _right() -> Any:
    import wandb_workspaces.reports.v2 as wr

    return wr.Layout(x=_HALF, y=0, w=_HALF, h=_HIGH)
