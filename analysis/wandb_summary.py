"""A study's answer as one more run of its W&B group: the verdict in words, the leaderboard as a table, the report page.

So that a reader of W&B alone can answer which config is better and whether the difference is real.
"""

import dataclasses
import hashlib
import logging
from collections import Counter
from pathlib import Path
from typing import Any

from analysis.leaderboard import Leaderboard, Row, rank
from analysis.settings import short_names, varying_keys
from analysis.study import Study, Trial, read_study
from analysis.verdict import cautions, verdict
from medqa_sweeps.config import TrackingConfig, short_hash
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.record import Score
from medqa_sweeps.study_identity import group_of
from medqa_sweeps.tracking import run_id
from medqa_sweeps.wandb_session import client_errors, is_sent, open_run, remember_sent, send_later

_PERCENT = 100.0
_log = logging.getLogger(__name__)


def log_summary(folder: Path, mode: str | None = None) -> bool:
    """Whether W&B was told what the study shows now; also true where it knows already, or tracking is off.

    Nothing is raised because of W&B: what went wrong is told through `logging`.

    Args:
        mode: instead of the config's `tracking.mode`, unless that is disabled.

    Raises:
        ConfigError: if the folder holds no study that can be read.
    """
    study = read_study(folder)
    tracking = _tracking(study)
    if tracking is None:
        return True
    board = rank(study)
    what = _content(board)
    if is_sent(folder, what):
        return True
    errors = client_errors()
    try:
        _tell(board, dataclasses.replace(tracking, mode=mode or tracking.mode), what)
    except errors as error:
        words = " ".join(str(error).split())
        _log.warning("W&B failed (%s). Send the study's summary later with: %s", words, send_later(folder))
        return False
    return True


def summary_id(study: Study) -> str:
    """The id of the study's summary run: 12 hex digits that stay with the study's first trial."""
    return short_hash(["summary", run_id(study.trials[0].directory)])


def rows(board: Leaderboard) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows of the table: trials with a score, the best first, the untuned base, all others. Shares in %."""
    study, names = board.study, short_names(varying_keys(board.study.trials))
    columns = ["trial", *names.values(), "outcome", "accuracy", "low", "high", "questions", "difference to best"]
    columns += ["difference low", "difference high", "p (Holm)", "tied with best", "minutes", "peak GiB", "why", "run"]
    compared = {trial.name: row for row in board.rows for trial in row.trials}
    ranked = sorted(study.completed(), key=lambda trial: -_score(trial).accuracy)
    table = [_row(trial, _score(trial), compared.get(trial.name), names) for trial in ranked]
    base = board.base.trial.result.baseline if board.base and board.base.trial.result else None
    if base:
        table.append(["untuned base", *[None] * (len(names) + 1), *_shares(base), *_compared(board.base), *[None] * 4])
    others = [(trial, trial.result.score if trial.result else None) for trial in study.others()]
    return columns, [*table, *(_row(trial, score, None, names) for trial, score in others)]


def _tell(board: Leaderboard, tracking: TrackingConfig, what: str) -> None:
    import wandb

    folder = board.study.folder.resolve()
    (folder / ".wandb").mkdir(
        exist_ok=True
    )  # W&B writes there if it is there; a visible folder would look like a trial
    synthetic = ("synthetic",) if _is_synthetic(board.study) else ()
    run = open_run(
        summary_id(board.study),
        tracking,
        tracking.group or group_of(folder),
        name=f"{folder.name} (summary)",
        job_type="summary",
        tags=(*tracking.tags, *synthetic, "summary"),
        config={"study": folder.name, "trials": len(board.study.trials)},
        folder=folder,
    )
    columns, table = rows(board)
    told: dict[str, Any] = {"leaderboard": wandb.Table(columns=columns, data=table, allow_mixed_types=True)}
    page = _page(folder)
    if page.exists():
        told["report"] = wandb.Html(page.read_text(encoding="utf-8"), inject=False)
    run.log(told)
    run.summary.update(_answer(board))
    run.finish()
    remember_sent(run, folder, what)


def _answer(board: Leaderboard) -> dict[str, Any]:
    """What the run's overview shows."""
    counts = Counter(str(trial.state) for trial in board.study.trials)
    answer = {"verdict": verdict(board), "cautions": " ".join(cautions(board)), **counts}
    if board.best is None:
        return answer
    score, tied = _score(board.best.trial), [row.label for row in board.rows if row.tied_with_best]
    measured = {"accuracy": score.accuracy, "accuracy_low": score.low, "accuracy_high": score.high}
    best = {"best": board.best.label, "best_trial": board.best.trial.name}
    return {**answer, **best, **measured, "tied_with_best": tied}


def _row(trial: Trial, score: Score | None, row: Row | None, names: dict[str, str]) -> list[Any]:
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
        run_id(trial.directory),
    ]


def _shares(score: Score | None) -> list[Any]:
    """Accuracy with its limits, in percent, and the number of questions."""
    if score is None:
        return [None] * 4
    return [_PERCENT * score.accuracy, _PERCENT * score.low, _PERCENT * score.high, score.questions]


def _compared(row: Row | None) -> list[Any]:
    """Difference to the best with its limits, in percentage points, Holm's p, and whether the two are tied."""
    paired = row.versus_best if row else None
    if row is None or paired is None:
        return [None] * 5
    points = [_PERCENT * paired.difference, _PERCENT * paired.low, _PERCENT * paired.high]
    return [*points, row.p_adjusted, row.tied_with_best]


def _score(trial: Trial) -> Score:
    assert trial.result is not None and trial.result.score is not None, "only completed trials are ranked"
    return trial.result.score


def _cell(value: Any) -> Any:
    """A config value as W&B takes it: lists in words."""
    return " ".join(map(str, value)) if isinstance(value, list) else value


def _content(board: Leaderboard) -> str:
    """12 hex digits that change with the table, the answer, or the page."""
    page = _page(board.study.folder)
    digest = hashlib.sha256(page.read_bytes()).hexdigest() if page.exists() else ""
    return short_hash([rows(board), _answer(board), digest])


def _page(folder: Path) -> Path:
    return folder / "report" / "index.html"


def _tracking(study: Study) -> TrackingConfig | None:
    """That of the first trial whose config can be read; None where tracking is off."""
    for trial in study.trials:
        try:
            tracking = trial.directory.config().tracking
        except ConfigError:  # of an older schema
            continue
        return None if tracking.mode == "disabled" else tracking
    return None


def _is_synthetic(study: Study) -> bool:
    return any(trial.settings.get("data.synthetic") is True for trial in study.trials)
