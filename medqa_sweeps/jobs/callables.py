"""Any Hydra task function as a job: composed here, run by `hydra.core.utils.run_job` in a process of its own.

The task function travels by cloudpickle, once, in a file for all jobs, and each job's config in one of its own; its
`JobReturn` comes back in another. What a job prints is shown when it has ended, whole, so that jobs which run at the
same time do not talk into each other's sentences.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cloudpickle
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from medqa_sweeps.errors import FailureKind, InternalError
from medqa_sweeps.exit_codes import describe_exit
from medqa_sweeps.jobs.contract import Job, JobEnded, Jobs, Reported
from medqa_sweeps.pool.contract import Pool, ProcessExit, ProcessHandle
from medqa_sweeps.trial.folder import StopReason
from medqa_sweeps.trial.records import Outcome

CHILD = "medqa_sweeps.jobs.callable_child"
Compose = Callable[[Sequence[str], int], DictConfig]


class CallableJobs(Jobs):
    """Runs a task function on the slots of a pool, which stays its owner's.

    Args:
        compose: overrides and number to Hydra's composed config, its own node included.
        shared: a folder that every slot sees, for the files of the jobs; None: they are all on this machine.
    """

    def __init__(
        self,
        pool: Pool,
        compose: Compose,
        context: HydraContext,
        task_function: TaskFunction,
        shared: Path | None = None,
    ) -> None:
        self._pool, self._compose, self._context, self._task_function = pool, compose, context, task_function
        self._folder = tempfile.TemporaryDirectory(
            prefix="medqa_sweeps-jobs-" if shared is None else ".jobs-", dir=shared
        )
        self._running: dict[ProcessHandle, Job] = {}
        self._asked_to_go: set[int] = set()
        self.returned: dict[int, JobReturn] = {}  # of the jobs that have ended

    @property
    def free(self) -> int:
        return self._pool.free

    @property
    def running(self) -> Sequence[int]:
        return [job.number for job in self._running.values()]

    def describe(self) -> Sequence[str]:
        return self._pool.describe()

    def note_waiting(self, jobs: int) -> None:
        self._pool.note_waiting(jobs)

    def prepare(self, number: int, overrides: Sequence[str]) -> Job:
        return Job(number, tuple(overrides), prepared=cloudpickle.dumps(self._compose(overrides, number)))

    def start(self, job: Job) -> None:
        asked, answered, log = self._files(job.number)
        asked.write_bytes(job.prepared)
        arguments = [str(self._common()), str(asked), str(answered)]
        self._running[self._pool.start(CHILD, arguments, dict(os.environ), log)] = job

    def poll(self, timeout: float) -> list[Reported | JobEnded]:
        return [self._after(one) for one in self._pool.wait(timeout) if one.process in self._running]

    def stop(self, number: int, reason: StopReason, why: str = "") -> None:
        """Leaves it to finish: a task function has no way to be asked."""

    def kill(self) -> None:
        for process, job in self._running.items():
            self._asked_to_go.add(job.number)
            self._pool.kill(process)

    def close(self) -> None:
        self.kill()
        while self._running:
            self.poll(1)
        self._folder.cleanup()

    def _after(self, process_exit: ProcessExit) -> JobEnded:
        job, code = self._running.pop(process_exit.process), process_exit.code
        number = job.number
        asked, answered, log = self._files(number)
        printed = log.read_text(errors="replace") if log.exists() else ""
        print(printed, end="" if printed.endswith("\n") or not printed else "\n", flush=True)
        if answered.exists():
            returned: JobReturn = cloudpickle.loads(answered.read_bytes())
        else:
            returned = JobReturn(overrides=job.overrides, cfg=cloudpickle.loads(job.prepared), status=JobStatus.FAILED)
            returned.return_value = InternalError(
                f"the process of job {number} ended with {describe_exit(code, process_exit.cause)} and no result"
            )
        for file in (asked, answered, log):
            file.unlink(missing_ok=True)
        self.returned[number] = returned
        began_at, now = process_exit.process.began_at, time.monotonic()
        seconds = 0.0 if began_at is None else now - began_at
        if number in self._asked_to_go:
            self._asked_to_go.remove(number)
            return JobEnded(number, Outcome.INTERRUPTED, message="interrupted", seconds=seconds)
        return ended_as(number, returned, seconds, FailureKind.KILLED if code < 0 else FailureKind.INTERNAL)

    def _common(self) -> Path:
        """The file of what is the same for all jobs; written at the first."""
        file = Path(self._folder.name) / "common"
        if not file.exists():
            rest = {
                "task_function": self._task_function,
                "context": self._context,
                "singletons": Singleton.get_state(),
            }
            # In two layers: what the inner one names can be imported only on the path that the outer one brings.
            outer = {"folder": os.getcwd(), "path": sys.path, "rest": cloudpickle.dumps(rest)}
            file.write_bytes(cloudpickle.dumps(outer))
        return file

    def _files(self, number: int) -> tuple[Path, Path, Path]:
        """The question, the answer, and what was printed on the way."""
        folder = Path(self._folder.name)
        return folder / f"{number}.asked", folder / f"{number}.answered", folder / f"{number}.log"


def ended_as(number: int, returned: JobReturn, seconds: float, failure: FailureKind = FailureKind.INTERNAL) -> JobEnded:
    """How a job ended, of what Hydra says it returned."""
    value: Any = returned._return_value
    if returned.status is JobStatus.COMPLETED:
        return JobEnded(number, Outcome.COMPLETED, value, seconds=seconds)
    message = f"{type(value).__name__}: {value}" if str(value) else type(value).__name__
    return JobEnded(number, Outcome.FAILED, failure=failure, message=message, error=value, seconds=seconds)
