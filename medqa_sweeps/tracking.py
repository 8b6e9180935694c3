"""Weights & Biases, fed from the trial folder by the parent process, so that it tells how a trial really ended.

The folder is the record and W&B a copy of it: the trial never waits for W&B, and what W&B missed is sent by feeding
the folder again (`replay`). Everything that talks to W&B runs in one background thread a trial, because starting W&B
takes seconds and a dying server longer; `wandb` itself is imported only there.
"""

import base64
import dataclasses
import http.client
import json
import logging
import math
import os
import queue
import shutil
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medqa_sweeps.config import TrialConfig, short_hash
from medqa_sweeps.record import AttemptEndLine, MetricsLine, Outcome, Result, TrainLine
from medqa_sweeps.trial_dir import MetricsReader, TrialDir

if TYPE_CHECKING:
    import wandb

ANSWER_SECONDS = 5.0  # within which a W&B server must answer a trivial question, or the run is recorded offline
UPLOAD_SECONDS = 20.0  # that W&B may take at the end of a run; what is left over stays in the run's folder
NO_KEY = "no API key found"

_log = logging.getLogger(__name__)
# Importing wandb (0.31) in two threads at once fails in its circular imports; `init` promises nothing about threads.
_one_at_a_time = threading.Lock()
_said: set[tuple[str, str | None]] = set()  # groups and obstacles that people were told of


@dataclass(frozen=True)
class _Finish:
    result: Result | None


class Tracker:
    """One trial as a W&B run: `feed()` about once a second while it trains, `finish()` once, `wait()` before leaving.

    The run's id follows from the folder, and a line's step is its place in the history. A parent that takes an
    interrupted trial up again tells the whole history again: online, W&B resumes the run and ignores the steps it
    has; offline, where W&B cannot resume, the new copy is complete and replaces the older one. Lines that a resumed
    attempt wrote again, from its checkpoint on, are told once, as they were first written.

    Nothing here raises because of W&B: a server that does not answer or a full disk is told once through `logging`,
    and the trial goes on untracked or offline.
    """

    def __init__(self, trial: TrialDir, group: str) -> None:
        self._trial = trial
        self._group = group
        self._messages: queue.SimpleQueue[_Finish | None] = queue.SimpleQueue()  # None: feed
        # A daemon, so that a W&B that hangs cannot keep the parent from leaving.
        self._thread = threading.Thread(target=self._work, name=f"wandb {trial.path}", daemon=True)
        self._thread.start()

    def feed(self) -> None:
        """Tell W&B the lines that are new in the folder. Returns at once."""
        if self._messages.empty():
            self._messages.put(None)

    def finish(self, result: Result | None) -> None:
        """Tell W&B the remaining lines and how the trial ended (None: interrupted, it can go on). Returns at once."""
        self._messages.put(_Finish(result))

    def wait(self, timeout_seconds: float = 2 * UPLOAD_SECONDS) -> bool:
        """Whether the run has ended within the time. Without this, a process that leaves may leave the run open.

        W&B's own service process may write the last bytes of an offline folder a moment later.
        """
        self._thread.join(timeout_seconds)
        if self._thread.is_alive():
            _log.warning("W&B is still busy after %.0f s. %s", timeout_seconds, _nothing_lost(self._trial))
        return not self._thread.is_alive()

    def _work(self) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # its telemetry asks the network even when offline
        with _one_at_a_time:
            from wandb.errors import Error
            from wandb.sdk.mailbox import HandleAbandonedError, MailboxClosedError
            from wandb.sdk.mailbox.mailbox_handle import ServerResponseError

        # Besides its own Error, the client lets these through when its service process refuses or has died.
        try:
            self._track()
        except (Error, OSError, HandleAbandonedError, MailboxClosedError, ServerResponseError) as error:
            _log.warning("W&B failed (%s). %s", " ".join(str(error).split()), _nothing_lost(self._trial))

    def _track(self) -> None:
        history = _History(_start(self._trial, self._group), self._trial)
        while (message := self._messages.get()) is None:
            history.log_new()
        history.log_new()
        _end(history, self._trial, message.result)


def tracker_for(trial: TrialDir, group: str) -> Tracker | None:
    """The trial's tracker; None when `tracking.mode` is disabled. `group` stands in for a null `tracking.group`.

    Raises:
        ConfigError: if the folder has no readable config.
    """
    tracking = trial.config().tracking
    return None if tracking.mode == "disabled" else Tracker(trial, tracking.group or group)


def replay(trial: TrialDir, group: str) -> bool:
    """Tell W&B a whole folder, and whether that ended in time. A trial without a result is told as interrupted.

    Raises:
        ConfigError: if the folder has no readable config.
    """
    tracker = tracker_for(trial, group)
    if tracker is None:
        return True
    tracker.finish(trial.result())
    return tracker.wait()


def run_id(trial: TrialDir) -> str:
    """12 hex digits that stay with the folder: equal experiments in two studies are two runs."""
    study, number = trial.path.resolve().parts[-2:]
    return short_hash([trial.provenance(), study, number])


def history_row(line: MetricsLine) -> dict[str, Any]:
    """What W&B plots of a line: `samples_seen`, and its numbers and words as `kind/field`.

    `_timestamp` is when the line was written, so that a replay has the hours of the training. A number of the
    training that is null in the folder was not a number, and W&B can say so; other nulls are left out.
    """
    fields = line.to_json()
    row = {"samples_seen": fields.pop("samples_seen"), "_timestamp": fields.pop("time")}
    fields |= fields.pop("score", {})
    for key, value in fields.items():
        if isinstance(value, dict):
            row |= {f"{line.kind}/{key}/{inner}": number for inner, number in value.items()}
        elif value is not None:
            row[f"{line.kind}/{key}"] = value
        elif isinstance(line, TrainLine):
            row[f"{line.kind}/{key}"] = math.nan
    return row


class _History:
    """The lines of `metrics.jsonl` that a W&B run knows."""

    def __init__(self, run: "wandb.Run", trial: TrialDir) -> None:
        self.run = run
        self.last_attempt_end: AttemptEndLine | None = None
        self._reader = MetricsReader(trial)
        self._told: set[tuple[Any, ...]] = set()

    def log_new(self) -> None:
        for line in self._reader.new_lines():
            if isinstance(line, AttemptEndLine):
                self.last_attempt_end = line
            key = (line.kind, line.samples_seen, getattr(line, "attempt", None))
            if key not in self._told:
                # The step numbers what was told: W&B drops a step it has, which makes telling twice harmless.
                self.run.log(history_row(line), step=len(self._told), commit=True)
                self._told.add(key)


def _start(trial: TrialDir, group: str) -> "wandb.Run":
    import wandb

    wandb.setup(wandb.Settings(silent=True))  # of the process: the run's own setting leaves warnings on
    config, identity = trial.config(), run_id(trial)
    obstacle = obstacle_to_online(config.tracking.mode)
    for copy in (trial.path / "wandb").glob(f"offline-run-*-{identity}"):
        shutil.rmtree(copy)
    with _one_at_a_time:
        run = wandb.init(
            id=identity,
            entity=config.tracking.entity,
            project=config.tracking.project,
            group=group,
            name="/".join(trial.path.resolve().parts[-2:]),
            tags=_tags(config),
            config=dataclasses.asdict(config),
            dir=trial.path,
            mode="online" if obstacle is None else "offline",
            resume="allow" if obstacle is None else None,
            reinit="create_new",
            settings=_private_settings(),
        )
    _say_where(run, obstacle, config.tracking.mode, group)
    run.define_metric("samples_seen", hidden=True)
    for metrics in ("attempt/*", "attempt_end/*", "train/*", "validation/*"):
        run.define_metric(metrics, step_metric="samples_seen")
    run.define_metric("train/loss", step_metric="samples_seen", summary="last")
    run.define_metric("validation/accuracy", step_metric="samples_seen", summary="max")
    return run


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


def _say_where(run: "wandb.Run", obstacle: str | None, mode: str, group: str) -> None:
    """Where the run is to be seen; of a group the first only, unless something has changed since."""
    if (group, obstacle) in _said:
        return
    _said.add((group, obstacle))
    if obstacle is None:
        _log.info("W&B: %s (group %s)", run.url, group)
        return
    expected = mode == "offline" or (mode == "auto" and obstacle == NO_KEY)
    folder = min(str(Path(run.dir).parent), os.path.relpath(Path(run.dir).parent), key=len)
    text = "W&B: offline (%s). Send it later with: uv run wandb sync %s"
    _log.log(logging.INFO if expected else logging.WARNING, text, obstacle, folder)


def _tags(config: TrialConfig, *ends: str) -> tuple[str, ...]:
    synthetic = ("synthetic",) if config.data.synthetic else ()
    return tuple(dict.fromkeys((*config.tracking.tags, *synthetic, *ends)))


def _end(history: _History, trial: TrialDir, result: Result | None) -> None:
    run, config = history.run, trial.config()
    if result is None:
        end = history.last_attempt_end
        message = end.message if end else ""
        signature = trial.provenance().get("signature")
        run.summary.update({"outcome": "interrupted", "message": message, "signature": signature})
        run.tags = _tags(config, Outcome.INTERRUPTED)
        # W&B's "preempted" is a run that was stopped from outside and can go on; "failed" and "crashed" say it broke.
        run.mark_preempting()
        run.finish(exit_code=1)
        return
    run.summary.update(_summary(result))
    # W&B has no state for a pruned trial, which ended well: finished, with a tag and the summary's outcome.
    ends = {Outcome.PRUNED: ["pruned"], Outcome.FAILED: ["failed", result.failure or ""]}.get(result.outcome, [])
    run.tags = _tags(config, *filter(None, ends))
    run.finish(exit_code=int(result.outcome is Outcome.FAILED))


def _summary(result: Result) -> dict[str, Any]:
    """The result as W&B's summary: every field, so that a resumed run keeps nothing of its interruption."""
    fields = result.to_json()
    summary = {"minutes": fields.pop("seconds") / 60}
    for name, prefix in (("score", ""), ("baseline", "baseline_")):
        score = fields.pop(name) or {}
        summary |= {f"{prefix}accuracy": score.get("accuracy"), f"{prefix}questions": score.get("questions")}
        summary |= {f"{prefix}accuracy_{key}": score.get(key) for key in ("low", "high", "standard_error")}
    return summary | fields


def _nothing_lost(trial: TrialDir) -> str:
    return f"The trial goes on; its record in {trial.path} is complete and can be sent later."
