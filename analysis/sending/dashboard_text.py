"""What a W&B view and report say of a study, as Markdown: the answer, what to keep in mind, the leaderboard."""

from collections.abc import Iterator, Sequence
from typing import Any

from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard, Row
from medqa_sweeps.analysis.comparing.verdict import alarm_lines, cautions, verdict
from medqa_sweeps.analysis.reading.studies import Study
from medqa_sweeps.analysis.sending.assessed import assessed_metrics, means, scores_of_base
from medqa_sweeps.card.tables import table
from medqa_sweeps.study.objective import Metric
from medqa_sweeps.trial.records import Score
from medqa_sweeps.wording import CI, EDUCATION_ONLY, SYNTHETIC, in_percent, limits, signed_points

LEFT_OUT = (
    "The answers, the plots of the page and the records of each trial are in the study's folder. `medqa-sweeps report` "
    "prints the leaderboard and writes the page."
)


def warning(study: Study) -> str:
    """What stands first wherever scores are shown."""
    return " ".join([EDUCATION_ONLY, *([SYNTHETIC] * study.is_synthetic)])


def answer(board: Leaderboard) -> str:
    """The verdict with its alarms and cautions."""
    return "\n".join(
        [
            f"**{warning(board.study)}**",
            "",
            verdict(board),
            "",
            *_list("Alarms", alarm_lines(board)),
            *_list("Keep in mind", cautions(board)),
        ]
    )


def leaderboard_table(board: Leaderboard) -> str:
    """Configs, best first: accuracy with its interval, differences with corrected intervals, alarms."""
    suites = assessed_metrics(board.study.trials)
    header = ["place", "config", "seeds", "accuracy, %", CI, f"difference from the best (corrected {CI})"]
    header += ["verdict", f"gain over the untuned base (corrected {CI})", "alarms", *map(_heading, suites)]
    rows = [[*_cells(place, row), *_suites(_scores(row), suites)] for place, row in enumerate(board.rows, start=1)]
    rows += [
        ["", base.label, "", *_accuracy(base.accuracy), "", "", "", "", *_suites(scores_of_base(board, base), suites)]
        for base in board.bases
    ]
    return "\n".join(table(header, rows)) or "No config can be ranked yet."


def _list(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield from (f"**{title}**", "", *(f"- {line}" for line in lines), "")


def _cells(place: int, row: Row) -> list[str]:
    best = "the best" if place == 1 else ""
    gap = row.versus_best
    gain = row.versus_base
    return [
        str(place),
        row.settings or row.label,
        str(len(row.trials)),
        *_accuracy(row.accuracy),
        _points(gap) if gap else best,
        best or row.verdict,
        _points(gain) if gain else "",
        ", ".join(alarm.name for alarm in row.alarms),
    ]


def _accuracy(estimate: Any) -> list[str]:
    return [in_percent(estimate.accuracy), limits(estimate.low, estimate.high)]


def _points(paired: Any) -> str:
    return f"{signed_points(paired.difference)} ({limits(paired.low, paired.high)})"


def _scores(row: Row) -> list[Score | None]:
    return [trial.result.score for trial in row.trials if trial.result]


def _heading(metric: Metric) -> str:
    return f"safety: {metric.column}, {metric.unit}" if metric.unit else f"safety: {metric.column}"


def _suites(scores: Sequence[Score | None], metrics: Sequence[Metric]) -> list[str]:
    found = zip(means(scores, metrics), metrics, strict=True)
    return ["" if value is None else _in_a_cell(value, metric) for value, metric in found]


def _in_a_cell(value: float, metric: Metric) -> str:
    return in_percent(value / 100) if metric.unit == "%" else f"{value:.3f}"
