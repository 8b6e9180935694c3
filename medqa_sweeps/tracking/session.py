"""A run of Weights & Biases, opened so that it cannot hurt: quiet, bounded in time, blind to what it was not told.

Online where that was not switched off and a server answers and takes the key, else offline.
"""

import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medqa_sweeps.command_line import command
from medqa_sweeps.durable.files import write_atomically
from medqa_sweeps.durable.places import obstacle_to_writing
from medqa_sweeps.study_identity import FILE as STUDY_FILE
from medqa_sweeps.tracking.client import ANSWER_SECONDS, NO_KEY, obstacle_to_online, one_at_a_time, server
from medqa_sweeps.tracking.settings import RunSettings, invalid_mode
from medqa_sweeps.tracking.variables import ignored, variables_here

if TYPE_CHECKING:
    import wandb

UPLOAD_SECONDS = 20.0  # that W&B may take at the end of a run; what is left over can be sent later

_log = logging.getLogger(__name__)
_said: set[tuple[str, str | None]] = set()  # groups, and what was logged about each


def open_run(identity: str, settings: RunSettings, config: dict[str, Any], folder: Path) -> "wandb.Run":
    """A run under a fixed id; online it goes on where an earlier one of that id stopped, offline it starts anew.

    Args:
        settings: that do not switch it off.
        folder: it writes in `wandb/` there, or in `.wandb/` if that is there, unless WANDB_DIR names another folder
            that can be written; an older offline copy is removed.
    """
    _say_if_elsewhere(settings)
    for copy in written_in(_root(folder)).glob(f"offline-run-*-{identity}"):
        shutil.rmtree(copy)
    with one_at_a_time:
        import wandb

        obstacle = obstacle_to_online(settings)  # just before: while others began, the server may have gone
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
    _say_where(run, obstacle, settings, folder)
    return run


def _root(folder: Path) -> Path:
    """The folder under which W&B keeps its files: absolute, as its service may have started in another one."""
    return folder.absolute() if obstacle_to_asked_folder() else (_asked_folder() or folder.absolute())


def _asked_folder() -> Path | None:
    asked = variables_here().get("WANDB_DIR")
    return Path(asked.value).expanduser().absolute() if asked else None


def obstacle_to_asked_folder() -> str | None:
    """A sentence if WANDB_DIR names a folder that cannot be written; the client would say nothing and write to /tmp."""
    place = _asked_folder()
    obstacle = obstacle_to_writing.__wrapped__(written_in(place)) if place else ""  # asked anew: disks change
    if not obstacle:
        return None
    source = variables_here()["WANDB_DIR"].source
    return f"{source} cannot be written ({obstacle}), so W&B's files go to the folder of each run"


def written_in(folder: Path) -> Path:
    """Where W&B keeps its files under `folder`."""
    hidden = folder / ".wandb"
    return hidden if hidden.exists() else folder / "wandb"


def remember_sent(run: "wandb.Run", folder: Path, what: Any) -> None:
    """Note that W&B's server has `what`, once a run has finished; offline there is nothing to note."""
    if not run.offline:
        note = {"url": run.url, "what": what}
        written_in(folder).mkdir(exist_ok=True)  # absent where WANDB_DIR names another place
        write_atomically(written_in(folder) / "sent.json", json.dumps(note) + "\n")


def is_sent(folder: Path, what: Any) -> bool:
    """Whether W&B's server has `what`, as far as is noted in `folder`."""
    try:
        noted = json.loads((written_in(folder) / "sent.json").read_text())
    except (FileNotFoundError, ValueError):
        return False
    return bool(noted["what"] == what)


def send_later(folder: Path) -> str:
    """The command that sends what stayed in `folder`, with its whole study if it is a trial of one."""
    folder = folder.parent if (folder.parent / STUDY_FILE).exists() else folder
    return command("analysis", "wandb-sync", folder)


def _private_settings(settings: RunSettings) -> "wandb.Settings":
    """Quiet, bounded, and blind to what is not in the folder: environment, command, code, diff, console, packages."""
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
        sagemaker_disable=True,  # it would put an id and a group of its own in place of these
        x_disable_machine_info=settings.host is None,  # beside x_disable_meta the host is all that it hides
        x_disable_meta=True,
        x_disable_stats=True,
        x_save_requirements=False,
        init_timeout=2 * ANSWER_SECONDS,
        finish_timeout=UPLOAD_SECONDS,
        finish_timeout_raises=True,
        **server(settings),
    )


def say_off(settings: RunSettings) -> None:
    """Log that W&B is off, once per group."""
    if _is_news(settings.group, settings.mode.source):
        wrong = invalid_mode(variables_here())
        _log.log(logging.WARNING if wrong else logging.INFO, "W&B: off (%s)", wrong or settings.mode.source)


def say_what_is_ignored(settings: RunSettings, record: Mapping[str, str] | None) -> None:
    """Log which variables do not apply to the trials, or cannot, once per group."""
    _say_if_elsewhere(settings)
    sentence = ignored(variables_here(), record)
    if sentence and _is_news(settings.group, sentence):
        _log.info("W&B: %s", sentence)


def _say_if_elsewhere(settings: RunSettings) -> None:
    obstacle = obstacle_to_asked_folder()
    if obstacle and _is_news(settings.group, obstacle):
        _log.warning("W&B: %s", obstacle)


def _say_where(run: "wandb.Run", obstacle: str | None, settings: RunSettings, folder: Path) -> None:
    """Where the run is to be seen; of a group the first only, unless something has changed since."""
    if not _is_news(settings.group, obstacle):
        return
    if obstacle is None:
        _log.info("W&B: %s (group %s)", run.url, settings.group)
        return
    mode = settings.mode.name
    expected = mode == "offline" or (mode == "auto" and obstacle == NO_KEY)
    text = "W&B: offline (%s). Send it later with: %s"
    _log.log(logging.INFO if expected else logging.WARNING, text, obstacle, send_later(folder))


def _is_news(group: str, what: str | None) -> bool:
    before = (group, what) in _said
    _said.add((group, what))
    return not before
