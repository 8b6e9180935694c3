"""The sweep itself: ask for the next trial, start it the moment a slot is free, hear reports, prune, tell.

It knows Optuna only through `Study` and processes only through `Jobs`, so the same loop drives trials on GPUs, any
Hydra task function, and the simulations of its tests.
"""

import errno
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from medqa_sweeps.errors import DISK_IS_FULL, TrialError
from medqa_sweeps.jobs.contract import POLL_SECONDS, Job, JobEnded, Jobs, Reported
from medqa_sweeps.jobs.failures import CircuitBreaker
from medqa_sweeps.jobs.interrupts import Interrupts
from medqa_sweeps.sweep.patience import Patience, StorageUnavailable
from medqa_sweeps.sweep.pruning import Pruner
from medqa_sweeps.sweep.study import Candidate, Study
from medqa_sweeps.trial.folder import StopReason
from medqa_sweeps.trial.records import Outcome

_DISK_FAILS = (*DISK_IS_FULL, errno.EROFS, errno.EIO)


class View(Protocol):
    """What people see of a sweep."""

    def earlier(self, ended: JobEnded, settings: str) -> None:
        """An earlier sweep of this study has told this trial."""

    def started(self, number: int, settings: str) -> None: ...
    def ended(self, ended: JobEnded, settings: str) -> None: ...
    def say(self, sentence: str) -> None: ...
    def update(self) -> None: ...


@dataclass(frozen=True)
class Budget:
    """When nothing new is started any more, besides the study's number of trials; None: no limit."""

    seconds: float | None = None  # of this sweep
    device_hours: float | None = None  # of all trials of the study


@dataclass(frozen=True)
class SweepResult:
    """How a sweep ended."""

    complete: bool  # every trial of the study has been told
    interrupted: bool = False  # by a person
    why: str = ""  # of a sweep that stopped before, a sentence
    error: BaseException | None = None  # what the job raised that made it stop, where that is known


class Sweep:
    """One sweep over a study; `run` it once.

    Args:
        steer: called about five times a second with this sweep, to bring what people ask of it from elsewhere.
        patience: of the study's storage.
    """

    def __init__(
        self,
        study: Study,
        jobs: Jobs,
        pruner: Pruner | None,
        breaker: CircuitBreaker,
        budget: Budget,
        view: View,
        steer: Callable[["Sweep"], None] = lambda sweep: None,
        patience: Patience | None = None,
    ) -> None:
        self.study, self.jobs = study, jobs
        self._pruner, self._breaker, self._budget, self._view, self._steer = pruner, breaker, budget, view, steer
        self._patience = patience or Patience()
        self._known: dict[str, JobEnded] = {}  # by signature: experiments that need no second run
        self._waiting_on_duplicate: defaultdict[str, list[Candidate]] = defaultdict(
            list
        )  # wait for a trial of their signature
        self._signatures: dict[int, str | None] = {}  # of the running trials
        self._settings: dict[int, str] = {}  # of trials that are not told yet, for people
        self._prefetched: tuple[Candidate, Job] | None = None  # asked for and composed, before a slot is free
        self._to_restart: list[Candidate] = []  # begun earlier, to be started before anything is asked for
        self._device_seconds = 0.0
        self._began = time.monotonic()
        self._stop_reason = ""  # why nothing new is started; empty: it is
        self._error: BaseException | None = None

    def run(self) -> SweepResult:
        """Sweep until the study is complete, or something stops it. Every job has ended then.

        Raises:
            StorageUnavailable: if the storage does not answer before anything runs.
        """
        self._take_up()
        with Interrupts() as interrupts:
            self._patience.is_over = lambda: interrupts.count > 0
            try:
                self._sweep(interrupts)
            except StorageUnavailable as error:
                self._end_untold(interrupts, str(error))
            except OSError as error:
                if error.errno not in _DISK_FAILS:
                    raise
                self._end_untold(interrupts, f"{error.filename or 'the disk'} cannot be written ({error.strerror})")
        return SweepResult(not self._stop_reason, interrupts.count > 0, self._stop_reason, self._error)

    def _sweep(self, interrupts: Interrupts) -> None:
        heard = 0
        while True:
            self._steer(self)
            self._start_what_fits()
            self._note_waiting()
            if not self.jobs.running and (self._stop_reason or self._prefetched is None):
                break
            events = self.jobs.poll(POLL_SECONDS)
            if interrupts.count > heard:
                heard = interrupts.count
                self._interrupt(heard)
            ended = [event for event in events if isinstance(event, JobEnded)]
            self._check_budget(ended)
            if all(one.outcome in (Outcome.COMPLETED, Outcome.PRUNED) for one in ended):
                self._start_prefetched()  # before the rest is written down: a free slot waits for nothing
            for event in events:
                self._hear(event)
            self._view.update()

    def _end_untold(self, interrupts: Interrupts, why: str) -> None:
        """Let what runs save a checkpoint and end, when the study cannot be told any more: its next sweep looks into
        the folders."""
        heard = interrupts.count
        self._view.say(f"Stopping: {why}. What runs saves a checkpoint. Ctrl-C stops now.")
        self._stop_reason = why
        try:
            self.stop(why)
        except OSError:  # the disk that cannot be written is the trials' own
            self.jobs.kill()
        while self.jobs.running:
            for event in self.jobs.poll(POLL_SECONDS):
                if isinstance(event, JobEnded):
                    self._view.ended(event, self._settings.get(event.number, ""))
            if interrupts.count > heard:
                self.jobs.kill()
            self._view.update()

    def finish_early(self, why: str) -> None:
        """Start nothing new; what runs goes on to its end."""
        self._stop_reason = self._stop_reason or why

    def stop(self, why: str) -> None:
        """Start nothing new; what runs saves a checkpoint and can go on later."""
        self.finish_early(why)
        for number in self.jobs.running:
            self.jobs.stop(number, StopReason.INTERRUPTED)

    def _take_up(self) -> None:
        """What an earlier sweep left: results that were not told yet, trials to go on with."""
        for ended, settings in self.study.told():
            earlier = self.jobs.ended_before(ended.number)
            self._view.earlier(earlier or ended, settings)
            if earlier:
                self._remember(earlier)
        for candidate in self.study.unfinished():
            self._settings[candidate.number] = candidate.settings
            earlier = self.jobs.ended_before(candidate.number)
            if earlier:
                self._tell(earlier)
            else:
                self._to_restart.append(candidate)

    def _start_what_fits(self) -> None:
        while not self._stop_reason:
            self._prefetched = self._prefetched or self._next()
            if not self._start_prefetched():
                return

    def _note_waiting(self) -> None:
        """A pool of a cluster holds no slot for which there is nothing to do."""
        waiting = (self._prefetched is not None) + len(self._to_restart) + self.study.left
        self.jobs.note_waiting(0 if self._stop_reason else waiting)

    def _start_prefetched(self) -> bool:
        """Whether there was one, and a slot for it."""
        if self._stop_reason or self._prefetched is None or not self.jobs.free:
            return False
        candidate, job = self._prefetched
        self._prefetched = None
        self._signatures[job.number] = job.signature
        self.jobs.start(job)
        self._view.started(candidate.number, candidate.settings)
        return True

    def _next(self) -> tuple[Candidate, Job] | None:
        """The next trial that needs a slot; None: there is none for now."""
        while not self._stop_reason:
            candidate = self._to_restart.pop(0) if self._to_restart else self.study.ask()
            if candidate is None:
                return None
            self._settings[candidate.number] = candidate.settings
            try:
                job = self.jobs.prepare(candidate.number, candidate.overrides)
            except TrialError as error:
                failed = JobEnded(candidate.number, Outcome.FAILED, failure=error.kind, message=str(error), error=error)
                self.jobs.not_run(failed, candidate.overrides)
                self._tell(failed)
                continue
            if job.signature is not None and job.signature in self._known:
                self._repeat(candidate, self._known[job.signature])
            elif job.signature is not None and job.signature in self._signatures.values():
                self._waiting_on_duplicate[job.signature].append(candidate)
            else:
                return candidate, job
        return None

    def _repeat(self, candidate: Candidate, earlier: JobEnded) -> None:
        repeated = self.study.repeat(candidate, earlier)
        self.jobs.not_run(repeated, candidate.overrides)
        self._view.ended(repeated, candidate.settings)

    def _hear(self, event: Reported | JobEnded) -> None:
        if isinstance(event, JobEnded):
            signature = self._signatures.pop(event.number, None)
            self._tell(replace(event, signature=signature))
            return
        trial = self.study.report(event.number, event.samples_seen, event.value)
        why = self._pruner.after(trial, event) if self._pruner else None
        if why:
            self.jobs.stop(event.number, StopReason.PRUNED, why)

    def _tell(self, ended: JobEnded) -> None:
        told = self.study.tell(ended)
        self._view.ended(told, self._settings.get(told.number, ""))
        self._remember(told)
        if told.outcome is Outcome.INTERRUPTED and not self._stop_reason:  # by nobody here: its disk is full, say
            self.finish_early(told.message or f"trial {told.number} was interrupted")
        rejected = ended.outcome is Outcome.COMPLETED and told.outcome is Outcome.FAILED
        trouble = None if rejected else self._breaker.after(told)
        if trouble:
            self._error = self._error or told.error
            self.stop(trouble)

    def _remember(self, ended: JobEnded) -> None:
        """An experiment that has ended needs no second run; one that failed may have another chance."""
        if ended.signature is None:
            return
        twins = self._waiting_on_duplicate.pop(ended.signature, [])
        if ended.outcome in (Outcome.COMPLETED, Outcome.PRUNED) and not ended.stopped:
            self._known.setdefault(ended.signature, ended)
        self._to_restart += twins

    def _check_budget(self, ended: Sequence[JobEnded]) -> None:
        self._device_seconds += sum(one.seconds for one in ended)
        elapsed = time.monotonic() - self._began
        if self._budget.seconds is not None and elapsed > self._budget.seconds:
            self.finish_early(f"the time of this sweep is up (hydra.sweeper.timeout={self._budget.seconds:g} seconds)")
        hours = self._device_seconds / 3600
        if self._budget.device_hours is not None and hours > self._budget.device_hours:
            self.finish_early(f"the budget is spent (hydra.sweeper.max_device_hours={self._budget.device_hours:g})")

    def _interrupt(self, count: int) -> None:
        self.finish_early("interrupted")
        if count == 1:
            self._view.say(
                "Stopping: nothing new is started, and what runs saves a checkpoint. Ctrl-C again stops now."
            )
            self.stop("interrupted")
        else:
            self.jobs.kill()
