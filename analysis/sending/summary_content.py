"""What a study's summary run holds: the table of all trials, and the answer that W&B's overview shows."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from medqa_sweeps.analysis.comparing.by_objective import by_objective, objective_label, objective_of
from medqa_sweeps.analysis.comparing.configs import varying_keys
from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard, Row
from medqa_sweeps.analysis.comparing.verdict import alarm_lines, cautions, verdict
from medqa_sweeps.analysis.reading.studies import Study, Trial
from medqa_sweeps.analysis.sending.assessed import assessed_metrics, means, scores_of_base
from medqa_sweeps.study.objective import Metric
from medqa_sweeps.tracking.tracker import run_id
from medqa_sweeps.trial.records import Score
from medqa_sweeps.wording import WORSE, sentences, short_names

_PERCENT = 100.0


def table_rows(boards: Sequence[Leaderboard], study: Study) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows of the table: ranked trials, the best first, the untuned bases, all others. Shares in %.

    Trials that answered other validation questions stand apart, board after board.
    """
    names = short_names(varying_keys(study.trials))
    columns = ["trial", *names.values(), "outcome", "accuracy", "low", "high", "questions", "difference from the best"]
    columns += ["difference low", "difference high", "p (corrected)", f"significantly {WORSE}"]
    columns += ["gain over the untuned base", "alarms", "minutes", "peak GiB", "why", "run"]
    suites = assessed_metrics(study.trials)
    columns += [metric.name for metric in suites]
    table: list[list[Any]] = []
    for board in boards:
        compared = {trial.name: row for row in board.rows for trial in row.trials}
        ranked = sorted(board.study.completed(), key=lambda trial: -_score(trial).accuracy)
        table += [_row(trial, _score(trial), compared.get(trial.name), names, suites) for trial in ranked]
        for base in board.bases:
            score = base.trial.result.baseline if base.trial.result else None
            of_suites = means(scores_of_base(board, base), suites)
            table.append([base.label, *[None] * (len(names) + 1), *_shares(score), *[None] * 11, *of_suites])
    others = [(trial, trial.result.score if trial.result else None) for trial in study.others()]
    return columns, [*table, *(_row(trial, score, None, names, suites) for trial, score in others)]


def summary_answer(boards: Sequence[Leaderboard], study: Study) -> dict[str, Any]:
    """What the run's overview shows: the answer of the first board, and how every trial of the study ended."""
    board = boards[0]
    counts = Counter(str(trial.state) for trial in study.trials)
    in_words = {"verdict": verdict(board), "cautions": " ".join(cautions(board)), "alarms": alarm_lines(board)}
    answer: dict[str, Any] = {**in_words, **objective_answer(board), **counts}
    if board.best is None:
        return answer
    score, open_ = _score(board.best.trial), [row.label for row in board.rows if row.not_resolved]
    measured = {"accuracy": score.accuracy, "accuracy_low": score.low, "accuracy_high": score.high}
    best = {"best": board.best.label, "best_trial": board.best.trial.name}
    return {**answer, **best, **measured, "not_resolved": open_}


def objective_answer(board: Leaderboard) -> dict[str, Any]:
    """What W&B's overview of a study says of it: the metric, and the best by it or the front."""
    objective = objective_of(board.study)
    answer: dict[str, Any] = {"metric": ", ".join(objective.names)}
    found = [] if objective.is_accuracy else by_objective(board)
    if objective.is_pareto:
        return answer | {"pareto_front": [objective_label(board, one) for one in found if one.on_front]}
    if found:
        answer |= {"best_by_metric": objective_label(board, found[0]), f"best_{objective.names[0]}": found[0].values[0]}
    return answer


def _row(
    trial: Trial, score: Score | None, row: Row | None, names: dict[str, str], suites: Sequence[Metric]
) -> list[Any]:
    result = trial.result
    return [
        trial.name,
        *(_cell(trial.settings.get(key)) for key in names),
        str(trial.state),
        *_shares(score),
        *_compared(row),
        result.seconds / 60 if result else None,
        result.peak_memory_bytes / 2**30 if result else None,
        trial.reason or None,
        run_id(trial.directory) if trial.settings else None,
        *means([score], suites),
    ]


def _shares(score: Score | None) -> list[Any]:
    """Accuracy with its limits, in percent, and the number of questions."""
    if score is None:
        return [None] * 4
    return [_PERCENT * score.accuracy, _PERCENT * score.low, _PERCENT * score.high, score.questions]


def _compared(row: Row | None) -> list[Any]:
    """Difference to the best with its limits, in points, the corrected p, whether it is significant; then the gain over
    the own base in points, and the alarms."""
    if row is None:
        return [None] * 7
    paired = row.versus_best
    points = [_PERCENT * share for share in (paired.difference, paired.low, paired.high)] if paired else [None] * 3
    test = [paired.p_adjusted, row.worse] if paired else [None] * 2
    gain = _PERCENT * row.versus_base.difference if row.versus_base else None
    return [*points, *test, gain, sentences(*(alarm.sentence for alarm in row.alarms)) or None]


def _score(trial: Trial) -> Score:
    assert trial.result is not None and trial.result.score is not None, "only completed trials are ranked"
    return trial.result.score


def _cell(value: Any) -> Any:
    """A config value as W&B takes it: lists in words."""
    return " ".join(map(str, value)) if isinstance(value, list) else value
