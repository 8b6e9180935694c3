"""`medqa-sweeps wandb-view STUDY`: a saved view and a report of the study on W&B, made anew or brought up to date.

`dashboard.json` beside the summary run notes which view and report are the study's, so that a second call changes them
and adds none.
"""

import importlib.util
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard, leaderboards
from medqa_sweeps.analysis.reading.studies import Study, read_study
from medqa_sweeps.analysis.sending.dashboard_report import report
from medqa_sweeps.analysis.sending.dashboard_view import view
from medqa_sweeps.analysis.sending.wandb_summary import log_summary, settings_of_study
from medqa_sweeps.analysis.sending.wandb_sync import obstacle_to_sending
from medqa_sweeps.command_line import command, short_path
from medqa_sweeps.durable.files import write_atomically
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.installation import install_extra
from medqa_sweeps.tracking.client import client_settings
from medqa_sweeps.tracking.session import address, wandb_folder

EXTRA, _LIBRARY = "dashboard", "wandb_workspaces"
_FILE = "dashboard.json"


@dataclass(frozen=True)
class _Saved:
    """What W&B calls a study's view and report; "": there is none yet."""

    view_id: str = ""
    view_name: str = ""
    report_id: str = ""


@dataclass(frozen=True)
class Dashboard:
    """Where a study can be looked at, and how much of it is there."""

    view: str  # addresses
    report: str
    sent: int  # trials
    trials: int


def make_dashboard(folder: Path) -> Dashboard:
    """Save view and report of the study in `folder`.

    Raises:
        ConfigError: if the extra is not installed, there is no study, its runs are not on W&B, W&B is switched off or
            cannot be reached, or it refuses.
    """
    if importlib.util.find_spec(_LIBRARY) is None:
        raise ConfigError(
            f"wandb-view needs the package wandb-workspaces, which is not installed: {install_extra(EXTRA)}."
        )
    study = read_study(folder)
    if obstacle := obstacle_to_sending(study):
        raise ConfigError(f"Nothing was made on W&B: {obstacle}.")
    sent = [found for trial in study.trials if (found := address(trial.directory.path))]
    if not sent:
        raise ConfigError(
            f"{short_path(folder)}: no trial of this study is on W&B, so there is nothing to look at there. Send it "
            f"first: `{command('wandb-sync', folder)}`."
        )
    boards = leaderboards(study)
    log_summary(study, boards, mode="online")  # the report shows its table
    made = _saved(boards[0], study, sent[0])
    return Dashboard(*made, sent=len(sent), trials=len(study.trials))


def _saved(board: Leaderboard, study: Study, run: str) -> tuple[str, str]:
    settings = settings_of_study(study, "online")
    assert settings is not None, "W&B is not switched off: the runs were sent, and nothing keeps them here now"
    client_settings(settings)
    entity, project = urlparse(run).path.strip("/").split("/")[:2]
    file = wandb_folder(study.folder) / _FILE
    before = _read(file)
    workspace, about = (make(board, entity, project, settings.group) for make in (view, report))
    workspace._internal_id, workspace._internal_name = before.view_id, before.view_name
    about.id = before.report_id
    _save(workspace)
    after = _Saved(workspace._internal_id, workspace._internal_name, before.report_id)
    _note(file, after)  # a report that fails must not leave a second view behind next time
    _save(about)
    _note(file, _Saved(after.view_id, after.view_name, about.id))
    return str(workspace.url), str(about.url)


def _save(made: Any) -> None:
    """Save a view or report; one that was deleted on W&B is made anew."""
    from wandb.errors import Error
    from wandb.sdk.lib.service.service_connection import WandbApiFailedError

    is_known = bool(getattr(made, "_internal_id", "") or getattr(made, "id", ""))
    try:
        _quietly(made.save)
    except (WandbApiFailedError, Error, ValueError) as error:
        if not is_known:
            raise ConfigError(f"W&B refuses: {' '.join(str(error).split())}") from None
        if hasattr(made, "_internal_id"):
            made._internal_id = made._internal_name = ""
        else:
            made.id = ""
        _save(made)


def _quietly(save: Callable[[], Any]) -> None:
    """Without the library's own lines, which would stand beside the command's."""
    import contextlib
    import io

    with contextlib.redirect_stderr(io.StringIO()):
        save()


def _read(file: Path) -> _Saved:
    try:
        return _Saved(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return _Saved()


def _note(file: Path, saved: _Saved) -> None:
    file.parent.mkdir(exist_ok=True)
    write_atomically(file, json.dumps(asdict(saved)) + "\n")
