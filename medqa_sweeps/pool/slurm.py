"""Slurm as a pool: a slot is a job of its own, held by a foreground `srun`, on whose node a `seat` starts processes.

`srun` is all that is used. Its end is the end of the job, whatever `sacct` and `squeue` know; a `SIGTERM` ends the job
at once, and the kernel sends one when this process dies. The processes themselves start without Slurm, so that trials
go on while its controller is away, and a fresh process finds what it needs imported.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from medqa_sweeps.durable.writable_folders import CACHE_VARIABLE, cache_folder
from medqa_sweeps.installation import PROJECT
from medqa_sweeps.pool import seat
from medqa_sweeps.pool.child import die_with_parent
from medqa_sweeps.pool.contract import Slot
from medqa_sweeps.pool.open_files import allow_files_of, as_at_start
from medqa_sweeps.pool.pilots import Ended, News, Pilot, PilotPool, Start
from medqa_sweeps.pool.seat import Said
from medqa_sweeps.pool.slurm_request import (
    SRUN,
    SlurmRequest,
    client_environment,
    engines_words,
    refuse_ungrantable,
    without_slurm,
)

JOB_NAME = "medqa-sweeps"
_PATIENCE_SECONDS = 30.0  # for an srun that was told to end; then it is killed, and Slurm ends its job by itself
_NOTICES = {"time": "its time limit is near", "term": "Slurm ends the job"}
_CAUSES = (  # in srun's output: what happened, for users
    ("DUE TO TIME LIMIT", "its time limit was reached"),
    ("DUE TO PREEMPTION", "it was preempted"),
    ("Node failure", "the node failed"),
    ("NODE FAILURE", "the node failed"),
    ("Out Of Memory", "it used more memory than hydra.launcher.memory allows"),
    ("oom-kill", "it used more memory than hydra.launcher.memory allows"),
    ("CANCELLED", "it was cancelled"),
    ("has been revoked", "it was cancelled while it waited"),
)


def slurm_pool(
    request: SlurmRequest, folder: Path, preload: Sequence[str], say: Callable[[str], None] = lambda sentence: None
) -> PilotPool:
    """A pool on as many jobs as there is work for.

    Args:
        folder: that this machine and the nodes share.
        preload: modules that are imported on each slot before processes start.
        say: tells users what happens to slots on which nothing runs.

    Raises:
        ConfigError: if there is no Slurm here, it would never grant such a job, or there are too many slots for the
            files that this process may open.
    """
    refuse_ungrantable(request)
    allow_files_of(request.slots)
    selector = selectors.DefaultSelector()

    def listen(seconds: float) -> None:
        if selector.get_map():
            selector.select(seconds)
        else:
            time.sleep(seconds)

    return PilotPool(
        lambda: SlurmPilot(request, folder, preload, selector),
        listen,
        request.slots,
        request.at_least,
        request.sentences(),
        say,
    )


class SlurmPilot(Pilot):
    """One job: pending until its seat has said where it is, over when its `srun` has ended."""

    def __init__(
        self, request: SlurmRequest, folder: Path, preload: Sequence[str], selector: selectors.BaseSelector
    ) -> None:
        self._request, self._selector = request, selector
        self._here: dict[str, Any] = {}
        self._unread = b""
        self._heard_at = 0.0  # when the seat was told last that we live
        self._errors = tempfile.TemporaryFile()
        parent = os.getpid()
        self._srun = subprocess.Popen(
            [
                *(SRUN, f"--job-name={JOB_NAME}", *request.options(), f"--signal=USR1@{request.notice_seconds}"),
                *(f"--chdir={PROJECT}", "--kill-on-bad-exit=0"),
                *(sys.executable, "-m", "medqa_sweeps.pool.seat", str(folder.absolute()), *preload),
            ],
            env=client_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            process_group=0,
            preexec_fn=lambda: _prepare_client(parent),
        )
        assert self._srun.stdout is not None and self._srun.stdin is not None
        self._requests, self._output = self._srun.stdin, self._srun.stdout.fileno()
        os.set_blocking(self._output, False)
        selector.register(self._output, selectors.EVENT_READ)

    @property
    def id(self) -> str:
        return f"job {self._here.get('job', '')}"

    def look(self) -> News:
        news = News()
        ended = self._srun.poll() is not None  # before the last lines are read
        for key, value in self._lines():
            match key:
                case Said.HERE:
                    self._here, self.slot = value, slot_of(value, self._request)
                case Said.STARTED:
                    news.started = True
                case Said.ENDED:
                    news.ended = Ended(value["code"], value["cause"])
                case Said.NOTICE:
                    self.notice = self.notice or self._about(_NOTICES[value])
        if ended and not self.over:
            self.over = self._why_it_ended()
            self._close()
        elif self.slot is not None and time.monotonic() - self._heard_at > seat.ALIVE_EVERY_SECONDS:
            self._tell({"alive": True})
        return news

    def start(self, what: Start) -> None:
        # The variables of a job are another job's here, if this process runs in one.
        request = {"module": what.module, "arguments": what.arguments, "environment": without_slurm(what.environment)}
        self._tell({"start": {**request, "log": str(what.log.absolute())}})

    def kill(self) -> None:
        self._tell({"kill": True})

    def end(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._requests.close()
        if self._srun.poll() is None:
            self._srun.terminate()

    def wait_for_end(self) -> None:
        try:
            self._srun.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._srun.kill()
            self._srun.wait()
        self._close()

    def _tell(self, request: dict[str, Any]) -> None:
        self._heard_at = time.monotonic()
        with contextlib.suppress(BrokenPipeError, ValueError):  # it is over, as the next look tells
            self._requests.write(json.dumps(request).encode() + b"\n")
            self._requests.flush()

    def _lines(self) -> list[tuple[str, Any]]:
        """What the seat has said since the last look."""
        while not self._errors.closed:
            try:
                received = os.read(self._output, 1 << 16)
            except BlockingIOError:
                break
            if not received:
                with contextlib.suppress(KeyError):
                    self._selector.unregister(self._output)
                break
            self._unread += received
        *lines, self._unread = self._unread.split(b"\n")
        said = [line.decode(errors="replace").removeprefix(seat.MARK) for line in lines if seat.MARK.encode() in line]
        return [pair for text in said for pair in json.loads(text).items()]

    def _why_it_ended(self) -> str:
        self._errors.seek(0)
        printed = self._errors.read().decode(errors="replace")
        known = [meaning for sign, meaning in _CAUSES if sign in printed]
        if known:
            return self._about(known[0])
        words = engines_words(printed)
        return self._about(f"srun ended with exit code {self._srun.returncode}" + f": {words}" * bool(words))

    def _about(self, what: str) -> str:
        job, node = self._here.get("job"), self._here.get("node")
        return f"Slurm job {job} on {node}: {what}" if job else what

    def _close(self) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(self._output)
        with contextlib.suppress(BrokenPipeError):
            self._requests.close()
        assert self._srun.stdout is not None
        self._srun.stdout.close()
        self._errors.close()


def _prepare_client(parent: int) -> None:
    """In a client of Slurm before it starts: it ends with the sweep's process."""
    die_with_parent(parent, signal.SIGTERM)
    as_at_start()


def slot_of(here: Mapping[str, Any], request: SlurmRequest) -> Slot:
    """The slot of a seat: named by node and card; to avoid its device is to avoid its node.

    The cache is a folder of the node's own name: leases and compiled kernels are of one machine, and locks may not
    reach from one to another.
    """
    node, job, threads = here["node"], here["job"], str(request.cpus or here["cpus"])
    cache = Path(request.cache) if request.cache else cache_folder() / "nodes" / node
    card = f"GPU {here['gpus']}" if here["visible"] else "CPU"
    environment = {
        "CUDA_VISIBLE_DEVICES": here["visible"],
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        CACHE_VARIABLE: str(cache),
        "TRITON_CACHE_DIR": str(cache / "triton"),
        "TORCHINDUCTOR_CACHE_DIR": str(cache / "inductor"),
        "UNSLOTH_COMPILE_LOCATION": str(cache / "unsloth" / f"slurm.{job}"),
        "MEDQA_SWEEPS_SLOTS": "1",
    }
    return Slot(f"{node} {card}, job {job}", node, environment)
