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
    """Columns and rows of the table: ranked trials first, then the untuned base, then all others; shares in percent."""
    names = short_names(varying_keys(board.study.trials))
    columns = ["trial", *names.values(), "outcome", "accuracy", "low", "high", "questions", "difference to best"]
    columns += ["difference low", "difference high", "p", "tied with best", "minutes", "peak GiB", "why", "run"]
    ranked = [_row(row.trial.name, row.trial, row, names) for row in board.rows]
    base = [_row("untuned base", None, board.base, names)] if board.base else []
    shown = {row.trial.name for row in board.rows}
    others = [_row(trial.name, trial, None, names) for trial in board.study.trials if trial.name not in shown]
    return columns, [*ranked, *base, *others]


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
        tracking.group or folder.name,
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
    score, tied = board.best.score, [row.label for row in board.rows if row.tied_with_best]
    best = {
        "best": board.best.label,
        "accuracy": score.accuracy,
        "accuracy_low": score.low,
        "accuracy_high": score.high,
    }
    return {**answer, **best, "tied_with_best": tied}


def _row(name: str, trial: Trial | None, row: Row | None, names: dict[str, str]) -> list[Any]:
    settings = [_cell(trial.settings.get(key)) if trial else None for key in names]
    result = trial.result if trial else None
    score = row.score if row else (result.score if result else None)
    scored = [_PERCENT * score.accuracy, _PERCENT * score.low, _PERCENT * score.high] if score else [None] * 3
    paired = row.versus_best if row else None
    compared = [_PERCENT * x for x in (paired.difference, paired.low, paired.high)] if paired else [None] * 3
    return [
        name,
        *settings,
        str(trial.state) if trial else None,
        *scored,
        score.questions if score else None,
        *compared,
        paired.p_value if paired else None,
        row.tied_with_best if row and paired else None,
        result.seconds / 60 if result else None,
        result.peak_memory_bytes / 2**30 if result else None,
        (trial.reason if trial else "") or None,
        run_id(trial.directory) if trial else None,
    ]


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
