"""A slot's process on another machine: it starts processes there as its standard input asks, and says how they end.

    python -m medqa_sweeps.pool.seat FOLDER [PRELOADED_MODULE ...]

Everything that processes share with whoever started them is in FOLDER. The seat reads one JSON object per line:
{"start": {"module", "arguments", "environment", "log"}} while nothing runs, {"kill": true}, or {"alive": true}. It
writes lines that begin with `MARK`, each with one key of `Said`; only to a kill of nothing it says nothing. The end of
its input ends it and all that it has started. So does a silence of `SILENCE_SECONDS`: a node that a cluster has
declared dead may still work, and then nobody else tells it.

Slurm announces the end of a job by a signal: `SIGUSR1` before a time limit, `SIGTERM` when the job is preempted or
cancelled. The seat passes that on and remains until its process has ended, or the cluster kills both.
"""

import contextlib
import json
import os
import select
import signal
import sys
import time
import traceback
from enum import StrEnum
from pathlib import Path
from typing import Any

from medqa_sweeps.errors import InternalError
from medqa_sweeps.pool.children import Children, ForkedChildren, SparedChildren
from medqa_sweeps.pool.slurm_request import place_in_job

MARK = "medqa-sweeps "  # what else the cluster prints is not ours
_SIGNALS = {signal.SIGUSR1: "time", signal.SIGTERM: "term"}
_LOOK_SECONDS, _IDLE_SECONDS = 0.02, 0.3
# Longer than a login node or a shared disk usually hangs, and than a sweep waits for its storage without a word to its
# seats (`sweep.patience`, 300 s).
SILENCE_SECONDS = 420.0
ALIVE_EVERY_SECONDS = 20.0
PLACE = "MEDQA_SWEEPS_PLACE"  # variable: what `Said.HERE` says, as JSON, where whoever starts the seat knows it


class Said(StrEnum):
    """The key of a line."""

    HERE = "here"  # {"node", "job", "gpus", "visible", "cpus"}; said once, when processes can start
    STARTED = "started"  # process id
    ENDED = "ended"  # {"code", "cause"}
    ALIVE = "alive"  # true: the answer to {"alive": true}
    NOTICE = "notice"  # `time`: the time limit is near; `term`: the cluster ends the job


def main(arguments: list[str]) -> int:
    """0 when its input has ended, or when it left because the job is about to end; else it says what is missing."""
    folder, *preload = arguments
    if not os.path.isdir(folder):
        sys.exit(f"this node does not see {folder}: choose a folder that all nodes share")
    signal.pthread_sigmask(signal.SIG_BLOCK, list(_SIGNALS))  # children keep USR1 blocked: the cluster signals all
    here = whereabouts()
    children = SparedChildren(preload) if here["visible"] else ForkedChildren(preload)  # as `local_pool` chooses
    with children:
        while not children.ready:
            children.wait(1)
            if _abandoned():
                return 0
        _say(Said.HERE, here)
        _serve(children)
    return 0


def whereabouts() -> dict[str, Any]:
    """Node, job, and what the job holds: `gpus` by the node's numbers, `visible` as CUDA must be told."""
    if place := os.environ.get(PLACE):
        told: dict[str, Any] = json.loads(place)
        return told
    return place_in_job(os.environ)


def _abandoned() -> bool:
    """Whether nobody can write to the standard input any more."""
    poll = select.poll()
    poll.register(0, 0)  # POLLHUP is always told
    return bool(poll.poll(0))


def _serve(children: Children) -> None:
    running: int | None = None
    noticed = False
    unread = b""
    heard_at = time.monotonic()
    while not (noticed and running is None):
        ready, _, _ = select.select([0], [], [], _IDLE_SECONDS if running is None else _LOOK_SECONDS)
        if ready:
            received = os.read(0, 1 << 16)
            if not received:
                return
            heard_at = time.monotonic()
            *lines, unread = (unread + received).split(b"\n")
            for line in lines:
                running = _obey(json.loads(line), children, running)
        elif time.monotonic() - heard_at > SILENCE_SECONDS:
            return
        for one in children.wait(0) if running is not None else []:
            if one.pid == running:
                _say(Said.ENDED, {"code": one.code, "cause": one.cause})
                running = None
        while (caught := signal.sigtimedwait(list(_SIGNALS), 0)) is not None:
            noticed = True
            _say(Said.NOTICE, _SIGNALS[signal.Signals(caught.si_signo)])


def _obey(request: dict[str, Any], children: Children, running: int | None) -> int | None:
    """The process that runs after a request."""
    if "kill" in request:
        if running is not None:
            children.kill(running)
        return running
    if "start" not in request:
        _say(Said.ALIVE, True)
        return running
    asked = request["start"]
    try:
        pid = children.start(asked["module"], asked["arguments"], asked["environment"], Path(asked["log"]))
    except InternalError as error:  # the spare died: the log is where people look
        with contextlib.suppress(OSError), open(asked["log"], "a") as log:
            log.write(f"{error}\n")
        _say(Said.ENDED, {"code": 1, "cause": ""})
        return None
    _say(Said.STARTED, pid)
    return pid


def _say(what: Said, value: object) -> None:
    sys.stdout.write(f"{MARK}{json.dumps({what: value})}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except InternalError as error:
        sys.exit(str(error))
    except BrokenPipeError:
        os._exit(0)  # nobody listens any more
    except Exception:
        traceback.print_exc()
        sys.exit(1)
