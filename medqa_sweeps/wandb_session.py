"""A run of Weights & Biases, opened so that it cannot hurt: quiet, bounded in time, blind to what it was not told.

Online where a server answers and takes the key, else offline. `wandb` itself is imported only here and in what is
called with an open run, because that takes seconds.
"""

import base64
import http.client
import json
import logging
import os
import shutil
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medqa_sweeps.command_line import command
from medqa_sweeps.config import TrackingConfig
from medqa_sweeps.trial_dir import write_atomically

if TYPE_CHECKING:
    import wandb

ANSWER_SECONDS = 5.0  # within which a W&B server must answer a trivial question, or the run is recorded offline
UPLOAD_SECONDS = 20.0  # that W&B may take at the end of a run; what is left over can be sent later
NO_KEY = "no API key found"

_log = logging.getLogger(__name__)
# Importing wandb (0.31) in two threads at once fails in its circular imports; `init` promises nothing about threads.
_one_at_a_time = threading.Lock()
_said: set[tuple[str, str | None]] = set()  # groups and obstacles that people were told of


def client_errors() -> tuple[type[Exception], ...]:
    """What the client raises when the disk is full, the upload takes too long, or its service process has died."""
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # its telemetry asks the network even when offline
    with _one_at_a_time:
        from wandb.errors import Error
        from wandb.sdk.mailbox import HandleAbandonedError, MailboxClosedError
        from wandb.sdk.mailbox.mailbox_handle import ServerResponseError

    return Error, OSError, HandleAbandonedError, MailboxClosedError, ServerResponseError


def open_run(
    identity: str,
    tracking: TrackingConfig,
    group: str,
    name: str,
    job_type: str,
    tags: tuple[str, ...],
    config: dict[str, Any],
    folder: Path,
) -> "wandb.Run":
    """A run under a fixed id; online it goes on where an earlier one of that id stopped, offline it starts anew.

    Args:
        folder: it writes in `wandb/` there, or in `.wandb/` if that is there; an older offline copy is removed.
    """
    import wandb

    wandb.setup(wandb.Settings(silent=True))  # of the process: the run's own setting leaves warnings on
    obstacle = obstacle_to_online(tracking.mode)
    for copy in written_in(folder).glob(f"offline-run-*-{identity}"):
        shutil.rmtree(copy)
    with _one_at_a_time:
        run = wandb.init(
            id=identity,
            entity=tracking.entity,
            project=tracking.project,
            group=group,
            name=name,
            job_type=job_type,
            tags=tags,
            notes="\n".join(f"{name}: {text}" for name, text in tracking.notes.items()) or None,
            config=config,
            dir=folder.absolute(),  # the service process that writes there may have started in another folder
            mode="online" if obstacle is None else "offline",
            resume="allow" if obstacle is None else None,
            reinit="create_new",
            settings=_private_settings(),
        )
    _say_where(run, obstacle, tracking.mode, group, folder)
    return run


def written_in(folder: Path) -> Path:
    """Where W&B keeps its files under `folder`."""
    hidden = folder / ".wandb"
    return hidden if hidden.exists() else folder / "wandb"


def remember_sent(run: "wandb.Run", folder: Path, what: Any) -> None:
    """Note that W&B's server has `what`, once a run has finished; offline there is nothing to note."""
    if not run.offline:
        note = {"url": run.url, "what": what}
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
    folder = folder.parent if (folder.parent / "study.yaml").exists() else folder
    return command("analysis", "wandb-sync", folder)


def _private_settings() -> "wandb.Settings":
    """Quiet, bounded, and blind to what is not in the folder: environment, command, code, diff, console, packages."""
    import wandb

    return wandb.Settings(
        silent=True,
        console="off",
        disable_code=True,
        disable_git=True,
        save_code=False,
        symlink=False,
        x_disable_machine_info=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_save_requirements=False,
        init_timeout=2 * ANSWER_SECONDS,
        finish_timeout=UPLOAD_SECONDS,
        finish_timeout_raises=True,
    )


def obstacle_to_online(mode: str) -> str | None:
    """Why the run is recorded offline, in words; None when a server answers and takes the key.

    Asked before `wandb.init`, because a failed online start keeps the run's id in use in W&B's service process
    (0.31), so that the same run could not be started offline after it.
    """
    import wandb
    from wandb.sdk.lib import wbauth

    if mode == "offline":
        return "as asked"
    host = wandb.setup().settings.base_url
    key = wbauth.authenticate_session(host=host, source="medqa_sweeps", prompt=False)
    if key is None:
        return NO_KEY
    request = urllib.request.Request(f"{host}/graphql", json.dumps({"query": "query { viewer { id } }"}).encode())
    request.add_header("Content-Type", "application/json")
    if isinstance(key, wbauth.AuthApiKey):
        credentials = base64.b64encode(f"api:{key.api_key}".encode()).decode()
        request.add_header("Authorization", f"Basic {credentials}")
    try:
        urllib.request.urlopen(request, timeout=ANSWER_SECONDS).close()
    except urllib.error.HTTPError as error:
        return f"{host} refuses the API key" if error.code in (401, 403) else None
    except (OSError, http.client.HTTPException):
        return f"{host} does not answer within {ANSWER_SECONDS:.0f} s"
    return None


def _say_where(run: "wandb.Run", obstacle: str | None, mode: str, group: str, folder: Path) -> None:
    """Where the run is to be seen; of a group the first only, unless something has changed since."""
    if (group, obstacle) in _said:
        return
    _said.add((group, obstacle))
    if obstacle is None:
        _log.info("W&B: %s (group %s)", run.url, group)
        return
    expected = mode == "offline" or (mode == "auto" and obstacle == NO_KEY)
    text = "W&B: offline (%s). Send it later with: %s"
    _log.log(logging.INFO if expected else logging.WARNING, text, obstacle, send_later(folder))
