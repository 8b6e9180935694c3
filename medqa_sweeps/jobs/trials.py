"""Trials in flight: each from its folder, over as many attempts as its failures allow, to its result.

The folder is all that is shared with the trial's process: reports are read from it, a `stop` file ends it, and how
it ended stands in it. So the pool underneath may be this machine's or any other's that sees the same folders.

A cluster takes slots away. Where it says so ahead, the trial saves a checkpoint and moves to another slot, which costs
no attempt. Where it does not, the process may still run on a node that was given up (see `folder_wait`).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from medqa_sweeps.compose.hydra_node import environment_of
from medqa_sweeps.errors import FailureKind
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.hardware import killed_for_memory
from medqa_sweeps.jobs.attempts import MOVES_IN_VAIN, RunningTrial, how_it_ended, is_before_training, moves
from medqa_sweeps.jobs.change_notices import ChangeNotices
from medqa_sweeps.jobs.child_process import WORKER, child_environment, log_tail
from medqa_sweeps.jobs.contract import Job, JobEnded, Jobs, Reported
from medqa_sweeps.jobs.failures import another_attempt
from medqa_sweeps.jobs.folder_wait import TAKE_OVER_SECONDS, FolderWait
from medqa_sweeps.jobs.preparing import Compose, prepared_trial, write_hydra_files
from medqa_sweeps.jobs.trial_end import trial_end
from medqa_sweeps.pool.contract import Pool, ProcessExit, ProcessHandle, Slot
from medqa_sweeps.study import not_run
from medqa_sweeps.study.not_run import NotRun
from medqa_sweeps.study.objective import BY_ACCURACY, Objective
from medqa_sweeps.study_identity import group_of
from medqa_sweeps.tracking.tracker import Tracker, tracker_for, wait_for
from medqa_sweeps.tracking.variables import to_record, variables_here
from medqa_sweeps.trial.folder import Claimed, MetricsReader, StopReason, TrialDir
from medqa_sweeps.trial.phase import Phase, PhaseName
from medqa_sweeps.trial.provenance import collect
from medqa_sweeps.trial.records import MetricsLine, Result, ValidationLine

_STARTING = Phase(PhaseName.IMPORTING)


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
        compose: Compose | None = None,
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
        self._running: dict[int, RunningTrial] = {}
        self._trackers: list[Tracker] = []
        self._changes = ChangeNotices(say)

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
        if trial.config_file.exists():
            self._changes.since_start_of(trial)
        return prepared_trial(self._folder, number, overrides, self._compose, self._objective)

    def ended_before(self, number: int) -> JobEnded | None:
        trial = TrialDir(self._folder / str(number))
        result = trial.result()
        if result is None:
            return None
        changed = self._changes.since_start_of(trial)
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
            write_hydra_files(job.prepared.composed, trial)
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
        wait = FolderWait(job.number, trial, self._take_over_seconds, self._say)
        self._running[job.number] = RunningTrial(job, trial, plan.config, reader, tracker, nothing, wait, told=told)
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
        if running.stopping and is_before_training(running):
            self._end(running)  # nothing is worth a checkpoint yet, and its first step may be minutes away

    def kill(self) -> None:
        for running in self._running.values():
            self._end(running)

    def _end(self, running: RunningTrial) -> None:
        running.asked_to_go = True
        self._pool.kill(running.process)

    def close(self) -> None:
        self.kill()
        while self._running:
            self.poll(1)
        wait_for(self._trackers)

    def _launch(self, trial: TrialDir, avoid: Sequence[str] = ()) -> ProcessHandle:
        self._changes.in_our_code()
        trial.show_phase(_STARTING)  # over that of an earlier attempt
        environment = {**child_environment(), **environment_of(trial.path)}
        return self._pool.start(self._worker, [str(trial.path)], environment, trial.log_file, avoid)

    def _heed_notice(self, running: RunningTrial) -> None:
        """Have a trial whose slot will end save a checkpoint, once, unless it stops anyway."""
        why = running.process.notice
        if not why or running.moving or running.asked_to_go or running.trial.stop_reason() is not None:
            return
        running.moving = why
        running.trial.ask_to_stop(StopReason.INTERRUPTED, why)
        if is_before_training(running):
            self._pool.kill(running.process)

    def _look_at_claim(self, running: RunningTrial) -> list[Reported | JobEnded]:
        """Start the next attempt when the folder of a trial is free again, or has not been for too long."""
        if not running.wait.is_on:
            return []
        if running.asked_to_go or running.stopping:
            return self._over(running, None, "interrupted")
        if not running.wait.is_due():
            return []
        if (result := running.trial.result()) is not None:  # the process that was given up has finished the trial
            return [*self._news(running), *self._over(running, result)]
        if running.wait.is_over():
            self._launch_again(running)
        return []

    def _launch_again(self, running: RunningTrial, avoid: Sequence[str] = ()) -> None:
        """Begin the next attempt, now or when the process of an earlier one has left the folder."""
        running.killed_as, running.phase, running.moving = None, None, ""
        if running.trial.is_claimed():
            running.wait.begin()
            return
        running.wait.pause()
        running.step_before = running.trial.newest_checkpoint()
        running.process = self._launch(running.trial, avoid)
        running.killed_for_memory = killed_for_memory()

    def _news(self, running: RunningTrial) -> list[Reported | JobEnded]:
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

    def _is_ahead(self, running: RunningTrial) -> bool:
        """Whether the trial has got ahead in its phase, or into another one, since the last look."""
        phase = running.trial.phase()
        if phase is None or phase == running.phase:
            return False
        running.phase = phase
        self._look(running.job.number, phase)
        return phase != _STARTING

    def _after_attempt(self, running: RunningTrial, process_exit: ProcessExit) -> list[Reported | JobEnded]:
        """The last news, and the end if no other attempt follows."""
        number, trial = running.job.number, running.trial
        news = self._news(running)
        result = trial.result()
        message = ""
        if result is not None:
            self._note_outcome(running, process_exit.slot, result.failure)
        else:
            try:
                if process_exit.code == ExitCode.UNAVAILABLE and not running.asked_to_go:
                    running.wait.begin()
                    return news
                running.wait.forget()
                failure, message = how_it_ended(running, process_exit)
                if failure is not None:
                    self._note_outcome(running, process_exit.slot, failure)
                again = failure is not None and another_attempt(trial.failures(), running.config.engine.max_attempts)
                again = again and running.in_vain < MOVES_IN_VAIN
                if (again and not running.stopping) or (failure is None and moves(running)):
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

    def _note_outcome(self, running: RunningTrial, slot: Slot, failure: FailureKind | None) -> None:
        """Tell the pool what an attempt says of its device: that it failed, or, without a failure, that it works."""
        if failure in (None, FailureKind.DEVICE):
            self._pool.note_outcome(slot, running.trial.log_file, device_failed=failure is not None)

    def _over(self, running: RunningTrial, result: Result | None, message: str = "") -> list[Reported | JobEnded]:
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
            if began_at is None or running.killed_as is not None or running.wait.is_on:
                continue
            if now - max(began_at, running.alive_at) > 60 * running.config.engine.max_silent_minutes:
                running.killed_as = FailureKind.TIMEOUT
                self._pool.kill(running.process)
