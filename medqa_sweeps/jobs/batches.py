"""Jobs for a stock Hydra launcher, which takes a batch and returns when all of it has ended.

So that `hydra/launcher=joblib` or a cluster's launcher serves this sweeper too, at the price of a barrier.
"""

import time
from collections.abc import Sequence

from hydra.plugins.launcher import Launcher

from medqa_sweeps.jobs.callables import ended_as
from medqa_sweeps.jobs.contract import Job, JobEnded, Jobs, Reported
from medqa_sweeps.trial.folder import StopReason
from medqa_sweeps.trial.records import Outcome


class BatchJobs(Jobs):
    """Collects jobs until there are as many as slots, or nobody starts another, and launches them together.

    Args:
        size: of a batch, 1 or more.
    """

    def __init__(self, launcher: Launcher, size: int) -> None:
        self._launcher, self._size = launcher, size
        self._batch: list[Job] = []
        self._asked_to_go = False

    @property
    def free(self) -> int:
        return self._size - len(self._batch)

    @property
    def running(self) -> Sequence[int]:
        return [job.number for job in self._batch]

    def describe(self) -> Sequence[str]:
        return (
            f"Batches of {self._size} for {type(self._launcher).__name__}, each waited for (hydra.sweeper.n_jobs).",
        )

    def prepare(self, number: int, overrides: Sequence[str]) -> Job:
        return Job(number, tuple(overrides))

    def start(self, job: Job) -> None:
        self._batch.append(job)

    def poll(self, timeout: float) -> list[Reported | JobEnded]:
        if self._asked_to_go:
            gone, self._batch, self._asked_to_go = self._batch, [], False
            return [JobEnded(job.number, Outcome.INTERRUPTED, message="interrupted") for job in gone]
        if not self._batch:
            time.sleep(timeout)
            return []
        jobs = self._consecutive()
        began = time.monotonic()
        returned = self._launcher.launch([job.overrides for job in jobs], initial_job_idx=jobs[0].number)
        self._batch = [job for job in self._batch if job not in jobs]
        seconds = (time.monotonic() - began) / len(jobs)
        return [ended_as(job.number, one, seconds) for job, one in zip(jobs, returned, strict=True)]

    def stop(self, number: int, reason: StopReason, why: str = "") -> None:
        """Leaves it to finish: a stock launcher cannot be asked."""

    def kill(self) -> None:
        self._asked_to_go = bool(self._batch)

    def close(self) -> None:
        self._batch.clear()

    def _consecutive(self) -> list[Job]:
        """The jobs whose numbers follow on the first's: a launcher is told that one and counts on."""
        jobs = sorted(self._batch, key=lambda job: job.number)
        return [job for index, job in enumerate(jobs) if job.number == jobs[0].number + index]
