"""Trials in flight: each from its folder, over as many attempts as its failures allow, to its result.

The folder is all that is shared with the trial's process: reports are read from it, a `stop` file ends it, and how
it ended stands in it. So the pool underneath may be this machine's or any other's that sees the same folders.

A cluster takes slots away. Where it says so ahead, the trial saves a checkpoint and moves to another slot, which costs
no attempt. Where it does not, the process may still run on a node that was given up: the next attempt waits until the
folder is free, and after `TAKE_OVER_SECONDS` takes it over.
"""

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from omegaconf import DictConfig, OmegaConf

from medqa_sweeps.alarms import alarms_of
from medqa_sweeps.base.fingerprints import is_of_this_version
from medqa_sweeps.compose.hydra_node import environment_of, trial_config, without_hydra
from medqa_sweeps.config import TrialConfig
from medqa_sweeps.errors import FailureKind
from medqa_sweeps.exit_codes import ExitCode, describe_exit
from medqa_sweeps.hardware import killed_for_memory
from medqa_sweeps.jobs.contract import Job, JobEnded, Jobs, Reported
from medqa_sweeps.jobs.failures import another_attempt
from medqa_sweeps.pool.contract import Pool, ProcessExit, ProcessHandle, Slot
from medqa_sweeps.safety.suites import refuse_unreadable
from medqa_sweeps.study import not_run
from medqa_sweeps.study.best import can_be_ranked, scored_trial
from medqa_sweeps.study.not_run import NotRun
from medqa_sweeps.study.objective import BY_ACCURACY, Objective, refuse_unmeasured
from medqa_sweeps.study_identity import group_of
from medqa_sweeps.tracking.tracker import Tracker, tracker_for, wait_for
from medqa_sweeps.tracking.variables import to_record, variables_here
from medqa_sweeps.trial.changes import changes_since_start, numeric_changes
from medqa_sweeps.trial.folder import Claimed, MetricsReader, StopReason, TrialDir
from medqa_sweeps.trial.phase import Phase, PhaseName
from medqa_sweeps.trial.plan import Plan, plan_new_trial, plan_trial
from medqa_sweeps.trial.provenance import collect, edited_code
from medqa_sweeps.trial.records import MetricsLine, Outcome, Result, ValidationLine
from medqa_sweeps.wording import listed

WORKER = "medqa_sweeps.worker.main"  # started by name: this half never imports it
TRAINING = ("medqa_sweeps.worker.run",)  # imports torch, unsloth and trl: about 15 s, which pools pay ahead of trials
_LOG_TAIL_LINES = 12
# Set by an import of ours in mid-sweep (threadpoolctl, of the page). A process that has imported ahead serves only the
# environment that it was given: one more variable, and the next trial would import for 15 to 40 s.
_SET_BY_LIBRARIES = frozenset({"KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK"}) - os.environ.keys()
_STARTING = Phase(PhaseName.IMPORTING)
TAKE_OVER_SECONDS = 600.0  # a process that a live machine runs has ended by then: see `pool.seat.SILENCE_SECONDS`
_LOOK_AT_CLAIM_SECONDS = 1.0
MOVES_IN_VAIN = 5  # slots that end one after the other before a trial has saved a checkpoint; then it has failed


@dataclass(frozen=True)
class Prepared:
    """What a trial needs to start."""

    trial: TrialDir
    plan: Plan
    composed: DictConfig | None = None  # with Hydra's own node, which `.hydra/` keeps; None: there is no Hydra


@dataclass
class _Running:
    job: Job
    trial: TrialDir
    config: TrialConfig
    reader: MetricsReader
    tracker: Tracker | None
    process: ProcessHandle  # that works on it now
    phase: Phase | None = None  # that it was in at the last look; None: nobody has looked
    alive_at: float = 0.0  # when it last wrote a line or got ahead, in `time.monotonic` seconds; 0: it has not
    told: int = 0  # samples seen at the last evaluation that was reported; the untuned base, at 0, is not
    killed_as: FailureKind | None = None  # why this process killed it; None: it did not
    killed_for_memory: int | None = field(default_factory=killed_for_memory)  # on this machine, when the attempt began
    asked_to_go: bool = False  # `kill` was called: what follows is no failure
    stopping: bool = False  # it was asked to save a checkpoint and end, by the sweep
    moving: str = ""  # why it was asked to save a checkpoint and go on elsewhere; empty: it was not
    step_before: int | None = None  # of the newest checkpoint when the attempt began
    in_vain: int = 0  # attempts one after the other that had to move before they saved a checkpoint
    waits: bool = False  # no process of ours runs: another one works in the folder
    claimed_since: float | None = None  # when that was first seen; None: it was not
    looked_at: float = 0.0  # when it was seen last


class TrialJobs(Jobs):
    """Trains trials in folders on the slots of a pool, which stays its owner's.

    Args:
        folder: of the study; a trial's folder is its number in it.
        command: how this process was started, for the record.
        compose: overrides and number to Hydra's composed config; None where every job comes prepared.
        look: is shown every new line of every trial, and the phase that it is in when that changes.
        say: tells people what is in no line.
        worker: module that a child becomes; tests give one that breaks on purpose.
        objective: what trials report on the way and return at their end.
        alone: whether it is a single run, not one of a sweep.
        take_over_seconds: how long a process that was given up may go on in a trial's folder.
    """

    def __init__(
        self,
        pool: Pool,
        folder: Path,
        command: list[str],
        compose: Callable[[Sequence[str], int], DictConfig] | None = None,
        look: Callable[[int, MetricsLine | Phase], None] = lambda number, news: None,
        say: Callable[[str], None] = lambda sentence: None,
        worker: str = WORKER,
        objective: Objective = BY_ACCURACY,
        alone: bool = False,
        take_over_seconds: float = TAKE_OVER_SECONDS,
    ) -> None:
        self._pool, self._folder, self._command, self._compose = pool, folder, command, compose
        self._objective, self._alone, self._take_over_seconds = objective, alone, take_over_seconds
        self._look, self._say, self._worker = look, say, worker
        self._running: dict[int, _Running] = {}
        self._trackers: list[Tracker] = []
        self._told: set[tuple[bool, str]] = set()  # what has changed since earlier trials began
        self._edited: list[str] = []  # files of code, as people were told

    @property
    def free(self) -> int:
        return self._pool.free

    @property
    def running(self) -> Sequence[int]:
        return list(self._running)

    def describe(self) -> Sequence[str]:
        return self._pool.describe()

    def note_waiting(self, jobs: int) -> None:
        self._pool.note_waiting(jobs)

    def prepare(self, number: int, overrides: Sequence[str]) -> Job:
        """A trial that is composed, checked and planned; one that was submitted before is what it was then.

        Raises:
            TrialError: if it cannot run as asked.
        """
        trial = TrialDir(self._folder / str(number))
        composed = None
        if trial.config_file.exists():
            config = trial.config()
            self._say_what_changed(trial)
            plan = plan_trial(config)
        else:
            assert self._compose is not None, "jobs that come prepared are not composed here"
            composed = self._compose(overrides, number)
            config = trial_config(composed)
            plan = plan_new_trial(config)
            refuse_unreadable(config.safety)
        refuse_unmeasured(self._objective, config.evaluation.method, config.safety)
        return Job(number, tuple(overrides), plan.signature, Prepared(trial, plan, composed))

    def ended_before(self, number: int) -> JobEnded | None:
        trial = TrialDir(self._folder / str(number))
        result = trial.result()
        if result is None:
            return None
        changed = self._say_what_changed(trial)
        return replace(trial_end(number, trial, result, self._objective), changed=changed)

    def not_run(self, ended: JobEnded, overrides: Sequence[str]) -> None:
        trial = TrialDir(self._folder / str(ended.number))
        if trial.config_file.exists() and ended.failure is not None:  # submitted by an earlier sweep
            trial.fail(ended.failure, ended.message)
            return
        one = NotRun(ended.number, list(overrides), ended.outcome, ended.message, ended.failure, ended.same_as)
        not_run.write(self._folder, one)

    def start(self, job: Job) -> None:
        trial, plan = job.prepared.trial, job.prepared.plan
        trial.refuse_another(plan.config)
        if job.prepared.composed is not None and not trial.config_file.exists():  # with which the trial exists
            _write_hydra_files(job.prepared.composed, trial)
        trial.submit(plan.config, collect(plan, self._command, to_record(variables_here(), self._alone)))
        try:
            with trial.claimed():
                trial.stop_file.unlink(missing_ok=True)
        except Claimed:
            if self._alone:
                raise  # in a study, the process of an earlier sweep: on a node that did not hear of the sweep's end
        tracker = tracker_for(trial, group=group_of(self._folder))
        reader = MetricsReader(trial)
        told = max((line.samples_seen for line in reader.new_lines() if isinstance(line, ValidationLine)), default=0)
        if trial.lines():
            self._say(f"{'The trial' if self._alone else f'Trial {job.number}'} {trial.resumes_from()}")
        nothing = ProcessHandle("not started", Slot("none", ""))
        self._running[job.number] = _Running(job, trial, plan.config, reader, tracker, nothing, told=told)
        self._launch_again(self._running[job.number])

    def poll(self, timeout: float) -> list[Reported | JobEnded]:
        exits = self._pool.wait(timeout)
        events = [event for running in self._running.values() for event in self._news(running)]
        for running in list(self._running.values()):
            self._heed_notice(running)
            events += self._look_at_claim(running)
        for one in exits:
            for running in [each for each in self._running.values() if each.process is one.process]:
                events += self._after_attempt(running, one)
        self._kill_the_silent()
        return events

    def stop(self, number: int, reason: StopReason, why: str = "") -> None:
        running = self._running.get(number)
        if running is None:
            return
        running.trial.ask_to_stop(reason, why)
        running.stopping = running.stopping or reason is StopReason.INTERRUPTED
        if running.stopping and _before_training(running):
            self._end(running)  # nothing is worth a checkpoint yet, and its first step may be minutes away

    def kill(self) -> None:
        for running in self._running.values():
            self._end(running)

    def _end(self, running: _Running) -> None:
        running.asked_to_go = True
        self._pool.kill(running.process)

    def close(self) -> None:
        self.kill()
        while self._running:
            self.poll(1)
        wait_for(self._trackers)

    def _say_what_changed(self, trial: TrialDir) -> str:
        """What can move digits and differs from when an earlier sweep's trial began; said once for each difference."""
        provenance = trial.provenance()
        changed = "; ".join(numeric_changes(provenance, code=False))
        if (key := (is_of_this_version(provenance), changed)) not in self._told:
            self._told.add(key)
            for sentence in changes_since_start(f"Trial {trial.path.name}", provenance, in_a_study=True):
                self._say(sentence)
        return changed

    def _launch(self, trial: TrialDir, avoid: Sequence[str] = ()) -> ProcessHandle:
        self._tell_of_edits()
        trial.show_phase(_STARTING)  # over that of an earlier attempt
        environment = {**child_environment(), **environment_of(trial.path)}
        return self._pool.start(self._worker, [str(trial.path)], environment, trial.log_file, avoid)

    def _tell_of_edits(self) -> None:
        """Say once of each edit of our code that processes which start from now on may run it."""
        if (edited := edited_code()) and edited != self._edited:
            self._edited = edited
            self._say(
                f"{listed(edited)} changed since this sweep began: trials that start from now on may run the new code, "
                "and differ from the others by it"
            )

    def _heed_notice(self, running: _Running) -> None:
        """Have a trial whose slot will end save a checkpoint, once, unless it stops anyway."""
        why = running.process.notice
        if not why or running.moving or running.asked_to_go or running.trial.stop_reason() is not None:
            return
        running.moving = why
        running.trial.ask_to_stop(StopReason.INTERRUPTED, why)
        if _before_training(running):
            self._pool.kill(running.process)

    def _look_at_claim(self, running: _Running) -> list[Reported | JobEnded]:
        """Start the next attempt when the folder of a trial is free again, or has not been for too long."""
        now, trial = time.monotonic(), running.trial
        if not running.waits:
            return []
        if running.asked_to_go or running.stopping:
            return self._over(running, None, "interrupted")
        if now - running.looked_at < _LOOK_AT_CLAIM_SECONDS:
            return []
        running.looked_at = now
        if trial.result() is not None:  # the process that was given up has finished the trial
            return [*self._news(running), *self._over(running, trial.result())]
        assert running.claimed_since is not None
        if now - running.claimed_since >= self._take_over_seconds:
            trial.take_over()
            running.claimed_since = None
            self._say(
                f"trial {running.job.number}: the earlier process has not ended in {self._take_over_seconds:g} "
                "seconds; the next attempt takes over, and what the earlier one still writes does not count"
            )
        elif trial.is_claimed():
            return []
        self._launch_again(running)
        return []

    def _launch_again(self, running: _Running, avoid: Sequence[str] = ()) -> None:
        """Begin the next attempt, now or when the process of an earlier one has left the folder."""
        running.killed_as, running.phase, running.moving = None, None, ""
        if running.trial.is_claimed():
            self._wait_for_folder(running)
            return
        running.waits = False
        running.step_before = running.trial.newest_checkpoint()
        running.process = self._launch(running.trial, avoid)
        running.killed_for_memory = killed_for_memory()

    def _wait_for_folder(self, running: _Running) -> None:
        if running.claimed_since is None:
            running.claimed_since = time.monotonic()
            self._say(
                f"trial {running.job.number}: an earlier process still works in its folder, perhaps on a machine that "
                f"does not answer; the next attempt waits for its end, {self._take_over_seconds:g} seconds at most"
            )
        running.waits, running.looked_at = True, time.monotonic()

    def _news(self, running: _Running) -> list[Reported | JobEnded]:
        """What the trial has written since the last look."""
        reports: list[Reported | JobEnded] = []
        lines = running.reader.new_lines()
        for line in lines:
            self._look(running.job.number, line)
            if isinstance(line, ValidationLine) and line.samples_seen > running.told:
                running.told = line.samples_seen
                value = self._objective.value(line.score)
                if value is not None:
                    reports.append(Reported(running.job.number, line.samples_seen, value))
        if lines and running.tracker:
            running.tracker.feed()
        if lines or self._is_ahead(running):
            running.alive_at = time.monotonic()
        return reports

    def _is_ahead(self, running: _Running) -> bool:
        """Whether the trial has got ahead in its phase, or into another one, since the last look."""
        phase = running.trial.phase()
        if phase is None or phase == running.phase:
            return False
        running.phase = phase
        self._look(running.job.number, phase)
        return phase != _STARTING

    def _after_attempt(self, running: _Running, process_exit: ProcessExit) -> list[Reported | JobEnded]:
        """The last news, and the end if no other attempt follows."""
        number, trial = running.job.number, running.trial
        news = self._news(running)
        result = trial.result()
        message = ""
        if result is None:
            try:
                if process_exit.code == ExitCode.UNAVAILABLE and not running.asked_to_go:
                    self._wait_for_folder(running)
                    return news
                running.claimed_since = None
                failure, message = _how_it_ended(running, process_exit)
                again = failure is not None and another_attempt(trial.failures(), running.config.engine.max_attempts)
                again = again and running.in_vain < MOVES_IN_VAIN
                if (again and not running.stopping) or (failure is None and _moves(running)):
                    if trial.stop_reason() is StopReason.INTERRUPTED:
                        trial.stop_file.unlink(missing_ok=True)
                    self._say(f"trial {number}: {message}; it {trial.resumes_from()}")
                    self._launch_again(running, avoid=[process_exit.slot.device_id] if again else [])
                    return news
                if failure is not None and not again:
                    tail = log_tail(trial.log_file)
                    result = trial.fail(failure, f"{message}. The end of {trial.log_file}:\n{tail}")
            except OSError as error:  # a full or read-only disk: nothing can be recorded, and nothing was
                message = f"{trial.path} cannot be written ({error.strerror}); the trial can be resumed when it can"
        return [*news, *self._over(running, result, message)]

    def _over(self, running: _Running, result: Result | None, message: str = "") -> list[Reported | JobEnded]:
        """The end of a trial, which no attempt follows."""
        number, trial = running.job.number, running.trial
        del self._running[number]
        if result and result.peak_memory_bytes:
            self._pool.note_peak_memory(result.peak_memory_bytes)
        if running.tracker:
            running.tracker.finish(result)
            self._trackers.append(running.tracker)
        ended = trial_end(number, trial, result, self._objective, message)
        return [replace(ended, disk_bytes=trial.disk_bytes())]

    def _kill_the_silent(self) -> None:
        """End the processes of trials that have not got ahead for too long; time in a queue does not count."""
        now = time.monotonic()
        for running in self._running.values():
            began_at = running.process.began_at
            if began_at is None or running.killed_as is not None or running.waits:
                continue
            if now - max(began_at, running.alive_at) > 60 * running.config.engine.max_silent_minutes:
                running.killed_as = FailureKind.TIMEOUT
                self._pool.kill(running.process)


def _how_it_ended(running: _Running, process_exit: ProcessExit) -> tuple[FailureKind | None, str]:
    """Why an attempt left no result, now recorded in the folder; None: it did not fail, and can be resumed."""
    trial, code = running.trial, process_exit.code
    stopped = code == ExitCode.TEMPFAIL and trial.stop_reason() is StopReason.INTERRUPTED
    if running.asked_to_go or (stopped and not running.moving):
        trial.end_attempt(Outcome.INTERRUPTED, None, "interrupted")
        return None, "interrupted"
    if running.moving and (stopped or code < 0):
        return _how_it_moved(running)
    if code == ExitCode.IOERR:
        return None, log_tail(trial.log_file, lines=1).strip()
    if code == ExitCode.TEMPFAIL:  # the worker has said why
        return trial.failures()[-1], trial.last_message()
    if running.killed_as is FailureKind.TIMEOUT:
        minutes = running.config.engine.max_silent_minutes
        kind, message = FailureKind.TIMEOUT, f"made no progress for {minutes:g} minutes (engine.max_silent_minutes)"
    elif code < 0:
        cause = process_exit.cause or (_about_memory(running.killed_for_memory) if -code == signal.SIGKILL else "")
        kind, message = FailureKind.KILLED, f"killed by {describe_exit(code, cause)}"
    else:
        kind, message = FailureKind.INTERNAL, f"its process ended with {describe_exit(code)} and no result"
    trial.end_attempt(Outcome.FAILED, kind, message)
    return kind, message


def _how_it_moved(running: _Running) -> tuple[FailureKind | None, str]:
    """How an attempt ended whose slot the cluster took away, as it had said. That costs no attempt, but if it happens
    again and again before a checkpoint is saved, the trial would never end: then it has failed."""
    trial, why = running.trial, running.moving
    running.in_vain = 0 if trial.newest_checkpoint() != running.step_before else running.in_vain + 1
    if running.in_vain < MOVES_IN_VAIN:
        trial.end_attempt(Outcome.INTERRUPTED, None, why)
        return None, why
    message = (
        f"{why}, {running.in_vain} times in a row before it had saved a checkpoint. Ask for more time "
        "(hydra.launcher.time), or save checkpoints more often (training.checkpoint_every_minutes)"
    )
    trial.end_attempt(Outcome.FAILED, FailureKind.KILLED, message)
    return FailureKind.KILLED, message


def _moves(running: _Running) -> bool:
    """Whether an attempt that did not fail is followed by another one, on another slot."""
    return bool(running.moving) and not running.asked_to_go and not running.stopping


def _before_training(running: _Running) -> bool:
    phase = running.trial.phase() or running.phase  # as it is now: the last look may be a moment old
    return phase is not None and phase.before_training


def _about_memory(killed_before: int | None) -> str:
    """Whether the kernel may have killed it for lack of memory; empty where it does not say."""
    killed = killed_for_memory()
    if killed is None or killed_before is None:
        return ""
    return f"the kernel killed {'a' if killed > killed_before else 'no'} process for lack of memory meanwhile"


def trial_end(number: int, trial: TrialDir, result: Result | None, objective: Objective, message: str = "") -> JobEnded:
    """How a trial counts in its study: one that completed without a metric of the objective has failed there.

    Args:
        message: why it was interrupted, where it has no result.
    """
    if result is None:
        return JobEnded(number, Outcome.INTERRUPTED, message=message, resumes=trial.resumes_from())
    values = objective.values(result.score) if result.score else None
    ended = JobEnded(
        number,
        result.outcome,
        value=objective.value(result.score) if result.score else None,
        failure=result.failure,
        message=result.message,
        signature=result.signature,
        scored=scored_trial(trial, number, *values) if values and can_be_ranked(result) else None,
        stopped=result.stopped_on_request,
        seconds=result.seconds,
        alarms=tuple(alarms_of(trial, result)),
    )
    if ended.outcome is Outcome.COMPLETED and ended.value is None and result.score:
        lacking = objective.lacking(result.score)
        return replace(ended, outcome=Outcome.FAILED, failure=FailureKind.CONFIG, message=lacking)
    return ended


def log_tail(log: Path, lines: int = _LOG_TAIL_LINES) -> str:
    """The last lines of a trial's log, indented; empty if there is none."""
    try:
        text = log.read_text(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join("    " + line for line in text.splitlines()[-lines:])


def _write_hydra_files(composed: DictConfig, trial: TrialDir) -> None:
    """What Hydra writes for every job: the config unresolved, its own settings, and the overrides."""
    # As they were typed: an interpolation stays one.
    trial.write_overrides(cast(list[str], OmegaConf.to_container(composed.hydra.overrides.task, resolve=False)))
    hydra = OmegaConf.create({"hydra": composed.hydra})
    OmegaConf.save(without_hydra(composed), trial.composed_file)
    OmegaConf.save(hydra, trial.hydra_file)


def child_environment() -> dict[str, str]:
    """What a trial's process finds in its environment: ours, and settings that keep libraries quiet and repeatable."""
    return {
        **{name: value for name, value in os.environ.items() if name not in _SET_BY_LIBRARIES},
        "UNSLOTH_DISABLE_STATISTICS": "1",
        "HF_HUB_OFFLINE": "1",  # the parent has fetched whatever is needed
        "TOKENIZERS_PARALLELISM": "false",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # the same sums on a GPU, run for run
        "PYTHONUNBUFFERED": "1",
    }
