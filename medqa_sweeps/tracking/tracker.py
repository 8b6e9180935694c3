"""Sends the trial folder to Weights & Biases from the parent process, which knows how a trial really ended.

The folder is the record and W&B a copy: the trial never waits for W&B, and `replay` sends what W&B missed. All calls to
W&B run in one background thread per trial, because starting W&B takes seconds and a dying server takes longer.
"""

import dataclasses
import math
import queue
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medqa_sweeps.alarms import Alarm, alarms_of
from medqa_sweeps.config import TrialConfig, short_hash
from medqa_sweeps.study.objective import METRICS, Metric
from medqa_sweeps.tracking.client import BackgroundTask, kill_service
from medqa_sweeps.tracking.run_settings import OFF, RunSettings, run_settings
from medqa_sweeps.tracking.session import (
    UPLOAD_SECONDS,
    is_sent,
    log_ignored_variables,
    log_off,
    note_sent,
    open_run,
    send_command,
)
from medqa_sweeps.trial.folder import MetricsReader, TrialDir
from medqa_sweeps.trial.records import (
    AttemptEndLine,
    AttemptLine,
    MetricsLine,
    Outcome,
    PassageScore,
    Result,
    Score,
    TrainLine,
    ValidationLine,
)

if TYPE_CHECKING:
    import wandb


# Fields of a score that are about its accuracy, as charts must name them.
_OF_ACCURACY = {name: f"accuracy_{name}" for name in ("low", "high", "standard_error")}
# Metrics that are no chart: where a line stands, and what a process was.
_NOT_CHARTED = (
    *("attempt/*", "attempt_end/*", "train/step", "train/epoch"),
    *("validation/step", "validation/epoch", "validation/questions", "validation/seconds"),
    "validation/accuracy_standard_error",
)


@dataclass(frozen=True)
class _Finish:
    result: Result | None


class Tracker:
    """One trial as a W&B run: `feed()` about once a second while it trains, `finish()` once, `wait()` before exiting.

    The run's id is derived from the folder, and a line's step is its index in the history. When a parent resumes an
    interrupted trial, it sends the whole history again: online, W&B resumes the run and ignores the steps it has;
    offline, where W&B cannot resume, the new copy is complete and replaces the older one. Lines that a resumed attempt
    wrote again after its checkpoint are sent once, as first written.

    No W&B error is raised: a server that does not respond or a full disk is logged once, and the trial continues
    untracked or offline.
    """

    def __init__(self, trial: TrialDir, settings: RunSettings) -> None:
        """`settings`: a mode other than disabled."""
        self._trial, self._settings = trial, settings
        self._messages: queue.SimpleQueue[_Finish | None] = queue.SimpleQueue()  # None: feed
        self._task = BackgroundTask(str(trial.path), self._track, lambda: _advice(trial))

    def feed(self) -> None:
        """Send the new lines of the folder. Returns at once."""
        if self._messages.empty():
            self._messages.put(None)

    def finish(self, result: Result | None) -> None:
        """Send the remaining lines and how the trial ended (None: interrupted, can be resumed). Returns at once."""
        self._messages.put(_Finish(result))

    def wait(self, timeout_seconds: float = 2 * UPLOAD_SECONDS) -> bool:
        """Whether the run ended within the time. Without this call, an exiting process may leave the run open.

        W&B's own service process may write the last bytes of an offline folder a moment later.
        """
        return self._task.wait(timeout_seconds)

    def _track(self) -> None:
        history = _History(_start(self._trial, self._settings), self._trial, self._settings.host)
        while (message := self._messages.get()) is None:
            history.log_new()
        history.log_new()
        _end(history, self._trial, self._settings, message.result)
        note_sent(history.run, self._trial.path, _content(self._trial))


def tracker_for(trial: TrialDir, group: str) -> Tracker | None:
    """The trial's tracker; None if W&B is off. `group` is used if neither config nor variables name one.

    Raises:
        ConfigError: if the folder has no readable config.
    """
    settings = settings_of(trial, group)
    if settings.mode.name != OFF:
        log_ignored_variables(settings, _record(trial))
        return Tracker(trial, settings)
    if trial.config().tracking.mode != OFF:  # otherwise the config already shows it
        log_off(settings)
    return None


def wait_for(trackers: Iterable[Tracker], timeout_seconds: float = 2 * UPLOAD_SECONDS) -> None:
    """Wait for all runs, together at most this long; a client that still hangs is then killed."""
    end = time.monotonic() + timeout_seconds
    ended = [tracker.wait(end - time.monotonic()) for tracker in trackers]
    if not all(ended):
        kill_service()


def replay(trial: TrialDir, group: str, mode: str | None = None) -> bool:
    """Send a whole folder; returns whether it ended in time. A trial without a result is sent as interrupted.

    Args:
        mode: replaces the config's `tracking.mode`, unless that is disabled.

    Raises:
        ConfigError: if the folder has no readable config.
    """
    settings = settings_of(trial, group, mode)
    if settings.mode.name == OFF:
        return True
    tracker = Tracker(trial, settings)
    tracker.finish(trial.result())
    return tracker.wait()


def settings_of(trial: TrialDir, group: str, mode: str | None = None) -> RunSettings:
    """The settings of the trial's run; `mode` as in `replay`.

    Raises:
        ConfigError: if the folder has no readable config.
    """
    name = "/".join(trial.path.resolve().parts[-2:])
    return run_settings(trial.config().tracking, _record(trial), group, name, mode)


def _record(trial: TrialDir) -> dict[str, str] | None:
    """W&B's variables when the trial began; None for a trial of an earlier version."""
    return trial.provenance().get("wandb")


def has_been_sent(trial: TrialDir) -> bool:
    """Whether W&B's server has all data of the folder, according to the folder."""
    return is_sent(trial.path, _content(trial))


def run_id(trial: TrialDir) -> str:
    """12 hex digits that stay the same when the folder moves; equal experiments in two studies are two runs.

    A single run that began with WANDB_RUN_ID uses that id.
    """
    if given := (_record(trial) or {}).get("WANDB_RUN_ID"):
        return given
    provenance = trial.provenance()
    if "folder" in provenance:
        return short_hash(provenance)
    study, number = trial.path.resolve().parts[-2:]  # an earlier version wrote the folder
    return short_hash([provenance, study, number])


def history_row(line: MetricsLine, host: str | None = None) -> dict[str, Any]:
    """The W&B history row of a line: `samples_seen`, and its fields as `kind/field`, such as `validation/accuracy_low`.

    `host` replaces the names of machine and node. `_timestamp` is the time when the line was written, so that a replay
    shows the time of training. A null in a training line is a non-finite number and is sent as NaN; other nulls are
    left out.
    """
    fields = line.to_json()
    row = {"samples_seen": fields.pop("samples_seen"), "_timestamp": fields.pop("time")}
    fields |= {_OF_ACCURACY.get(name, name): value for name, value in fields.pop("score", {}).items()}
    fields |= dict.fromkeys(fields.keys() & {"host", "node"}, host) if host else {}
    for key, value in fields.items():
        if isinstance(value, dict):
            row |= {f"{line.kind}/{key}/{inner}": number for inner, number in value.items()}
        elif value is not None:
            row[f"{line.kind}/{key}"] = value
        elif isinstance(line, TrainLine):
            row[f"{line.kind}/{key}"] = math.nan
    return row


class _History:
    """The lines of `metrics.jsonl` that were sent to a W&B run."""

    def __init__(self, run: "wandb.Run", trial: TrialDir, host: str | None = None) -> None:
        self.run, self._host = run, host
        self.last_attempt_end: AttemptEndLine | None = None
        # W&B (0.31) computes its summary from the lines since a resume; this one covers all lines.
        self.summary: dict[str, Any] = {}
        self._reader = MetricsReader(trial)
        self._sent: set[tuple[Any, ...]] = set()

    def log_new(self) -> None:
        for line in self._reader.new_lines():
            if isinstance(line, AttemptEndLine):
                self.last_attempt_end = line
            key = (line.kind, line.samples_seen, getattr(line, "attempt", None))
            if key not in self._sent:
                self._summarize(line)
                # W&B drops a step that it already has, so sending a line twice is harmless.
                self.run.log(history_row(line, self._host), step=len(self._sent), commit=True)
                self._sent.add(key)

    def _summarize(self, line: MetricsLine) -> None:
        if isinstance(line, AttemptLine):  # of the last attempt
            self.summary |= {"node": self._host or line.machine, "card": line.card or line.device}
        if isinstance(line, TrainLine):
            self.summary["train/loss"] = {"last": math.nan if line.loss is None else line.loss}
        if isinstance(line, ValidationLine):
            best = self.summary.get("validation/accuracy", {}).get("max", -math.inf)
            self.summary["validation/accuracy"] = {"max": max(best, line.score.accuracy)}


def _start(trial: TrialDir, settings: RunSettings) -> "wandb.Run":
    config = trial.config()
    tagged = dataclasses.replace(settings, tags=_tags(settings, config))
    run = open_run(run_id(trial), tagged, dataclasses.asdict(config), trial.path)
    run.define_metric("samples_seen", hidden=True)
    for metrics in ("train/*", "validation/*"):
        run.define_metric(metrics, step_metric="samples_seen")
    for metrics in _NOT_CHARTED:
        run.define_metric(metrics, step_metric="samples_seen", hidden=True)
    run.define_metric("train/loss", step_metric="samples_seen", summary="last")
    run.define_metric("validation/accuracy", step_metric="samples_seen", summary="max")
    return run


def _tags(settings: RunSettings, config: TrialConfig, *ends: str) -> tuple[str, ...]:
    synthetic = ("synthetic",) if config.data.synthetic else ()
    return tuple(dict.fromkeys((*settings.tags, *synthetic, *ends)))


def _end(history: _History, trial: TrialDir, settings: RunSettings, result: Result | None) -> None:
    run, config = history.run, trial.config()
    run.summary.update(history.summary)
    if result is None:
        end = history.last_attempt_end
        message = end.message if end else ""
        signature = trial.provenance().get("signature")
        run.summary.update({"outcome": "interrupted", "message": message, "signature": signature})
        run.tags = _tags(settings, config, Outcome.INTERRUPTED)
        # W&B's "preempted" means stopped from outside and resumable; "failed" and "crashed" mean an error.
        run.mark_preempting()
        run.finish(exit_code=1)
        return
    alarms = alarms_of(trial, result)
    run.summary.update(_summary(result, alarms))
    # W&B has no state for a pruned trial: it is finished, with a tag and the outcome in the summary.
    ends = {Outcome.PRUNED: ["pruned"], Outcome.FAILED: ["failed", result.failure or ""]}.get(result.outcome, [])
    run.tags = _tags(settings, config, *filter(None, ends), *(f"alarm:{alarm.name}" for alarm in alarms))
    run.finish(exit_code=int(result.outcome is Outcome.FAILED))


def _summary(result: Result, alarms: list[Alarm]) -> dict[str, Any]:
    """The result as W&B's summary: every field, so that a resumed run keeps no value of its interruption."""
    fields = result.to_json()
    summary = {"minutes": fields.pop("seconds") / 60}
    for prefix, score in (("", result.score), ("baseline_", result.baseline)):
        del fields["baseline" if prefix else "score"]
        written = score.to_json() if score else {}
        summary |= {f"{prefix}{name}": metric.of(score) if score else None for name, metric in METRICS.items()}
        summary |= {f"{prefix}questions": written.get("questions")}
        summary |= {f"{prefix}accuracy_{key}": written.get(key) for key in ("low", "high", "standard_error")}
        summary |= {f"{prefix}safety": _safety(score)} if score and score.safety else {}
    fields |= {"passages": _passages(result.passages)} if result.passages else {}
    return summary | fields | {"alarms": [f"{alarm.name}: {alarm.sentence}" for alarm in alarms]}


def summary_key(metric: Metric) -> str:
    """The name of a metric in W&B's summary, where a dot leads into a nested value."""
    return f"safety.{metric.needs_suite}.value" if metric.needs_suite else metric.name


def _safety(score: Score) -> dict[str, dict[str, float | int | None]]:
    """By suite: W&B shows it as `safety.order.value`."""
    keys = ("value", "low", "high", "before", "after", "changed", "questions")
    return {suite: {key: getattr(found, key) for key in keys} for suite, found in (score.safety or {}).items()}


def _passages(score: PassageScore) -> dict[str, float | int | None]:
    """W&B shows them as `passages.without`. The differences are of shares; `leaderboard.json` has their intervals."""
    differences = {"over_without": score.accuracy - score.without, "over_foreign": score.accuracy - score.foreign}
    return {**score.to_json(), **differences}


def _advice(trial: TrialDir) -> str:
    return (
        f"That does not affect the trial, and {trial.path} is complete. Send it later with: {send_command(trial.path)}"
    )


def _content(trial: TrialDir) -> dict[str, Any]:
    """A state that changes with every new line and with the result."""
    size = trial.metrics_file.stat().st_size if trial.metrics_file.exists() else 0
    return {"metrics_bytes": size, "finished": trial.result_file.exists()}
