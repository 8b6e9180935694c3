"""A study's answer as one more run of its W&B group: the verdict in words, the leaderboard as a table, the report page.

So that a reader of W&B alone can answer which config is better and whether the difference is real.
"""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard, leaderboards
from medqa_sweeps.analysis.reading.studies import REPORT_FOLDER, Study
from medqa_sweeps.analysis.sending.summary_content import summary_answer, table_rows
from medqa_sweeps.config import short_hash
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.study_identity import group_of
from medqa_sweeps.tracking.client import BackgroundTask, kill_service
from medqa_sweeps.tracking.run_settings import OFF, RunSettings
from medqa_sweeps.tracking.session import UPLOAD_SECONDS, is_sent, note_sent, open_run, send_command
from medqa_sweeps.tracking.tracker import run_id, settings_of


def log_summary(study: Study, boards: Sequence[Leaderboard] | None = None, mode: str | None = None) -> bool:
    """Whether W&B was told what the study shows now; also true where it knows already, or tracking is off.

    Nothing is raised because of W&B: what went wrong is told through `logging`.

    Args:
        boards: the study's leaderboards, if the caller has them.
        mode: instead of the config's `tracking.mode`, unless that is disabled.
    """
    settings = settings_of_study(study, mode)
    if settings is None:
        return True
    found, folder = leaderboards(study) if boards is None else boards, study.folder
    what = _content(found, study)
    if is_sent(folder, what):
        return True
    advice = f"Send the study's summary later with: {send_command(folder)}"
    task = BackgroundTask("summary", lambda: _tell(found, study, settings, what), lambda: advice)
    if not task.wait(2 * UPLOAD_SECONDS):
        kill_service()
        return False
    return not task.failed


def settings_of_study(study: Study, mode: str | None = None) -> RunSettings | None:
    """What the run is opened with, as the first trial whose config can be read; None where W&B is switched off."""
    folder = study.folder.resolve()
    for trial in study.trials:
        try:
            found = settings_of(trial.directory, group_of(folder), mode)
        except ConfigError:  # of an older schema
            continue
        own = dataclasses.replace(found, name=f"{folder.name} (summary)", job_type="summary", sweep_id=None)
        return None if found.mode.name == OFF else own
    return None


def summary_id(study: Study) -> str:
    """The id of the study's summary run: 12 hex digits that stay with the study's first trial."""
    first = next(trial for trial in study.trials if trial.settings)
    return short_hash(["summary", run_id(first.directory)])


def _tell(boards: Sequence[Leaderboard], study: Study, settings: RunSettings, what: str) -> None:
    import wandb

    folder = study.folder.resolve()
    # W&B writes there if it is there; a visible folder would look like a trial.
    (folder / ".wandb").mkdir(exist_ok=True)
    synthetic = ("synthetic",) if study.is_synthetic else ()
    tagged = dataclasses.replace(settings, tags=(*settings.tags, *synthetic, "summary"))
    run = open_run(summary_id(study), tagged, {"study": folder.name, "trials": len(study.trials)}, folder)
    columns, table = table_rows(boards, study)
    logged: dict[str, Any] = {"leaderboard": wandb.Table(columns=columns, data=table, allow_mixed_types=True)}
    page = _page(folder)
    if page.exists():
        logged["report"] = wandb.Html(page.read_text(encoding="utf-8"), inject=False)
    run.log(logged)
    run.summary.update(summary_answer(boards, study))
    run.finish()
    note_sent(run, folder, what)


def _content(boards: Sequence[Leaderboard], study: Study) -> str:
    """12 hex digits that change with the table, the answer, or the page."""
    page = _page(study.folder)
    digest = hashlib.sha256(page.read_bytes()).hexdigest() if page.exists() else ""
    return short_hash([table_rows(boards, study), summary_answer(boards, study), digest])


def _page(folder: Path) -> Path:
    return folder / REPORT_FOLDER / "index.html"
