"""Slurm as a pool: a slot is a job of its own, held by a foreground `srun`, on whose node a `seat` starts processes.

`srun` is all that is used. Its end is the end of the job, whatever `sacct` and `squeue` know; a `SIGTERM` ends the job
at once, and the kernel sends one when this process dies. The processes themselves start without Slurm, so that trials
go on while its controller is away, and a fresh process finds what it needs imported.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.installation import PROJECT
from medqa_sweeps.pool.child import die_with_parent
from medqa_sweeps.pool.open_files import allow_files_of, as_at_start
from medqa_sweeps.pool.pilots import News, Pilot, PilotPool, Start
from medqa_sweeps.pool.seat_talk import SeatTalk, slot_of
from medqa_sweeps.pool.slurm_request import (
    SRUN,
    NoAnswer,
    SlurmRequest,
    client_environment,
    engines_words,
    node_in,
    refuse_ungrantable,
    without_slurm,
)

JOB_NAME = "medqa-sweeps"
_PATIENCE_SECONDS = 30.0  # for an srun that was told to end; then it is killed, and Slurm ends its job by itself
_NOTICES = {"time": "its time limit is near", "term": "Slurm ends the job"}
_NODE_FAILED = "the node failed"
_CAUSES = (  # in srun's output: what happened, for users
    ("DUE TO TIME LIMIT", "its time limit was reached"),
    ("DUE TO PREEMPTION", "it was preempted"),
    ("Node failure", _NODE_FAILED),
    ("NODE FAILURE", _NODE_FAILED),
    ("Out Of Memory", "it used more memory than hydra.launcher.memory allows"),
    ("oom-kill", "it used more memory than hydra.launcher.memory allows"),
    ("CANCELLED", "it was cancelled"),
    ("has been revoked", "it was cancelled while it waited"),
)


def slurm_pool(
    request: SlurmRequest,
    folder: Path,
    preload: Sequence[str],
    say: Callable[[str], None] = lambda sentence: None,
    excluded: Collection[str] = (),
) -> PilotPool:
    """A pool on as many jobs as there is work for.

    Args:
        folder: that this machine and the nodes share.
        preload: modules that are imported on each slot before processes start.
        say: tells users what happens to slots on which nothing runs, and to nodes that fail.
        excluded: names of nodes not to use.

    Raises:
        ConfigError: if there is no Slurm here, it would never grant such a job, or there are too many slots for the
            files that this process may open.
    """
    refuse_ungrantable(request, excluded)
    allow_files_of(request.slots)
    selector = selectors.DefaultSelector()

    def listen(seconds: float) -> None:
        if selector.get_map():
            selector.select(seconds)
        else:
            time.sleep(seconds)

    def runs_without(nodes: Collection[str]) -> bool | None:
        try:
            refuse_ungrantable(request, [*excluded, *nodes])
        except NoAnswer:
            return None
        except ConfigError:
            return False
        return True

    return PilotPool(
        lambda without: SlurmPilot(request, folder, preload, selector, [*excluded, *without]),
        listen,
        request.slots,
        request.at_least,
        request.sentences(),
        say,
        runs_without,
        "scontrol show node {}".format,
    )


class SlurmPilot(Pilot):
    """One job: pending until its seat has said where it is, over when its `srun` has ended."""

    def __init__(
        self,
        request: SlurmRequest,
        folder: Path,
        preload: Sequence[str],
        selector: selectors.BaseSelector,
        without: Collection[str] = (),
    ) -> None:
        self._request, self._selector = request, selector
        self._talk, self._silence = SeatTalk(self._send), ""  # for how long nothing was heard, when it was given up
        self._errors = tempfile.TemporaryFile()
        parent = os.getpid()
        self._srun = subprocess.Popen(
            [
                *(SRUN, f"--job-name={JOB_NAME}", *request.options(without), f"--signal=USR1@{request.notice_seconds}"),
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
        return f"job {self._talk.here.get('job', '')}"

    def look(self) -> News:
        ended = self._srun.poll() is not None  # before the last lines are read
        news = self._talk.hear(self._read())
        if self.slot is None and (here := self._talk.here):
            request = self._request
            self.slot = slot_of(here, f"job {here['job']}", f"slurm.{here['job']}", request.cpus, request.cache)
        if self._talk.notice and not self.notice:
            self.notice = self._about(_NOTICES[self._talk.notice])
        if ended and not self.over:
            self.over, self.failed_node = self._why_it_ended()
            self._close()
        elif self._talk.silence:  # srun hangs, or the node is cut off: it ends, and Slurm then ends the job
            self._silence = self._talk.silence
            self._srun.kill()
        elif self.slot is not None:
            self._talk.keep_alive()
        return news

    def start(self, what: Start) -> None:
        # The variables of a job are another job's here, if this process runs in one.
        self._talk.start(replace(what, environment=without_slurm(what.environment)))

    def kill(self) -> None:
        self._talk.kill()

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

    def _send(self, line: bytes) -> None:
        with contextlib.suppress(BrokenPipeError, ValueError):  # it is over, as the next look tells
            self._requests.write(line)
            self._requests.flush()

    def _read(self) -> bytes:
        """What was printed since the last look."""
        printed = b""
        while not self._errors.closed:
            try:
                received = os.read(self._output, 1 << 16)
            except BlockingIOError:
                break
            if not received:
                with contextlib.suppress(KeyError):
                    self._selector.unregister(self._output)
                break
            printed += received
        return printed

    def _why_it_ended(self) -> tuple[str, str]:
        """For users, and the node that failed it, if one did."""
        self._errors.seek(0)
        printed = self._errors.read().decode(errors="replace")
        node = "" if self.notice else str(self._talk.here.get("node", "")) or node_in(printed)
        if self._silence:
            return self._about(self._silence), node
        known = [meaning for sign, meaning in _CAUSES if sign in printed]
        if known:
            return self._about(known[0]), node if known[0] == _NODE_FAILED else ""
        words, code = engines_words(printed), self._srun.returncode
        return self._about(f"srun ended with exit code {code}" + f": {words}" * bool(words)), node if code else ""

    def _about(self, what: str) -> str:
        job, node = self._talk.here.get("job"), self._talk.here.get("node")
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
