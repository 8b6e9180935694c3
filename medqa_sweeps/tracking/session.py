"""Opens a Weights & Biases run safely: quiet, with time limits, and without collecting data on its own.

The run is online if that is not switched off and a server responds and accepts the key, else offline.
"""

import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medqa_sweeps.command_line import command
from medqa_sweeps.durable.files import write_atomically
from medqa_sweeps.durable.writable_folders import obstacle_to_writing
from medqa_sweeps.study_identity import FILE as STUDY_FILE
from medqa_sweeps.tracking.client import ANSWER_SECONDS, NO_KEY, obstacle_to_online, one_at_a_time, server
from medqa_sweeps.tracking.run_settings import RunSettings, invalid_mode
from medqa_sweeps.tracking.variables import ignored, variables_here

if TYPE_CHECKING:
    import wandb

UPLOAD_SECONDS = 20.0  # time limit for W&B at the end of a run; the rest can be sent later

_log = logging.getLogger(__name__)
_logged: set[tuple[str, str | None]] = set()  # groups with what was logged about each


def open_run(identity: str, settings: RunSettings, config: dict[str, Any], folder: Path) -> "wandb.Run":
    """A run with a fixed id; online it continues an earlier run with that id, offline it starts again.

    Args:
        settings: a mode other than disabled.
        folder: the run writes to `wandb/` there, or to `.wandb/` if that exists, unless WANDB_DIR names another folder
            that is writable; an older offline copy is removed.
    """
    _log_if_elsewhere(settings)
    for copy in wandb_folder(_root(folder)).glob(f"offline-run-*-{identity}"):
        shutil.rmtree(copy)
    with one_at_a_time:
        import wandb

        obstacle = obstacle_to_online(settings)  # just before `init`, since the server may have gone in the meantime
        run = wandb.init(
            id=identity,
            entity=settings.entity,
            project=settings.project,
            group=settings.group,
            name=settings.name,
            job_type=settings.job_type,
            tags=settings.tags,
            notes=settings.notes,
            config=config,
            dir=_root(folder),
            mode="online" if obstacle is None else "offline",
            resume="allow" if obstacle is None else None,
            reinit="create_new",
            settings=_private_settings(settings),
        )
    _log_location(run, obstacle, settings, folder)
    return run


def _root(folder: Path) -> Path:
    """The folder under which W&B keeps its files: absolute, as its service may have started in another one."""
    return folder.absolute() if obstacle_to_asked_folder() else (_asked_folder() or folder.absolute())


def _asked_folder() -> Path | None:
    configured = variables_here().get("WANDB_DIR")
    return Path(configured.value).expanduser().absolute() if configured else None


def obstacle_to_asked_folder() -> str | None:
    """A sentence if WANDB_DIR names a folder that is not writable; the client would say nothing and write to /tmp."""
    folder = _asked_folder()
    obstacle = obstacle_to_writing.__wrapped__(wandb_folder(folder)) if folder else ""  # not cached: disks change
    if not obstacle:
        return None
    source = variables_here()["WANDB_DIR"].source
    return f"{source} cannot be written ({obstacle}), so W&B's files go to the folder of each run"


def wandb_folder(folder: Path) -> Path:
    """The folder of W&B's files within `folder`."""
    hidden = folder / ".wandb"
    return hidden if hidden.exists() else folder / "wandb"


def note_sent(run: "wandb.Run", folder: Path, what: Any) -> None:
    """Note that W&B's server has `what`, after a run has finished; nothing if it is offline."""
    if not run.offline:
        note = {"url": run.url, "what": what}
        wandb_folder(folder).mkdir(exist_ok=True)  # missing if WANDB_DIR names another folder
        write_atomically(wandb_folder(folder) / "sent.json", json.dumps(note) + "\n")


def is_sent(folder: Path, what: Any) -> bool:
    """Whether W&B's server has `what`, according to the note in `folder`."""
    try:
        noted = json.loads((wandb_folder(folder) / "sent.json").read_text())
    except (FileNotFoundError, ValueError):
        return False
    return bool(noted["what"] == what)


def address(folder: Path) -> str | None:
    """The address of the run that was sent from `folder`, according to the note there; None: none was."""
    try:
        return str(json.loads((wandb_folder(folder) / "sent.json").read_text())["url"])
    except (FileNotFoundError, ValueError, KeyError):
        return None


def send_command(folder: Path) -> str:
    """The command that sends the data in `folder` or, for a trial of a study, in the whole study."""
    folder = folder.parent if (folder.parent / STUDY_FILE).exists() else folder
    return command("wandb-sync", folder)


def _private_settings(settings: RunSettings) -> "wandb.Settings":
    """Client settings that send nothing beyond the folder: no environment, command, code, diff, console or packages."""
    import wandb

    return wandb.Settings(
        silent=True,
        console="off",
        disable_code=True,
        disable_git=True,
        save_code=False,
        symlink=False,
        host=settings.host,
        sweep_id=settings.sweep_id,
        sagemaker_disable=True,  # it would replace id and group by its own
        x_disable_machine_info=settings.host is None,  # besides x_disable_meta it only hides the host
        x_disable_meta=True,
        x_disable_stats=True,
        x_save_requirements=False,
        init_timeout=2 * ANSWER_SECONDS,
        finish_timeout=UPLOAD_SECONDS,
        finish_timeout_raises=True,
        **server(settings),
    )


def log_off(settings: RunSettings) -> None:
    """Log that W&B is off, once per group."""
    if _is_new(settings.group, settings.mode.source):
        wrong = invalid_mode(variables_here())
        _log.log(logging.WARNING if wrong else logging.INFO, "W&B: off (%s)", wrong or settings.mode.source)


def log_ignored_variables(settings: RunSettings, record: Mapping[str, str] | None) -> None:
    """Log which variables do not apply to the trials, or cannot, once per group."""
    _log_if_elsewhere(settings)
    sentence = ignored(variables_here(), record)
    if sentence and _is_new(settings.group, sentence):
        _log.info("W&B: %s", sentence)


def _log_if_elsewhere(settings: RunSettings) -> None:
    obstacle = obstacle_to_asked_folder()
    if obstacle and _is_new(settings.group, obstacle):
        _log.warning("W&B: %s", obstacle)


def _log_location(run: "wandb.Run", obstacle: str | None, settings: RunSettings, folder: Path) -> None:
    """Log where the run is; once per group, unless the obstacle changes."""
    if not _is_new(settings.group, obstacle):
        return
    if obstacle is None:
        text = "W&B: results are uploaded as they arrive to %s (group %s); tracking=none keeps everything here"
        _log.info(text, run.url, settings.group)
        return
    mode = settings.mode.name
    expected = mode == "offline" or (mode == "auto" and obstacle == NO_KEY)
    text = "W&B: offline (%s). Send it later with: %s"
    _log.log(logging.INFO if expected else logging.WARNING, text, obstacle, send_command(folder))


def _is_new(group: str, what: str | None) -> bool:
    before = (group, what) in _logged
    _logged.add((group, what))
    return not before
