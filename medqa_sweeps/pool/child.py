"""Entry point of a child process: it ties its life to its parent's, then runs the requested module.

    python -m medqa_sweeps.pool.child LIFELINE_FD PARENT_PID MODULE [ARGUMENT ...]

Two mechanisms ensure that a killed process leaves no orphan (Linux only; elsewhere children outlive a killed parent).
The *lifeline* is a pipe whose only writer is the pool's process: the kernel kills the child's whole process group when
that writer is gone, whatever the child is doing. `PR_SET_PDEATHSIG` does the same when the direct parent (the
forkserver) dies. Imports only the standard library.
"""

import contextlib
import ctypes
import fcntl
import gc
import importlib
import os
import select
import signal
import sys

_F_SETSIG = 10  # from fcntl.h; Python has no constant for it
_PR_SET_PDEATHSIG = 1  # from prctl.h


def arm(lifeline: int, parent: int) -> None:
    """Make the kernel kill this process group when the pool's process or the direct parent dies, or is already dead."""
    with contextlib.suppress(PermissionError):  # already the leader of its own group
        os.setpgid(0, 0)  # so that a terminal's Ctrl-C reaches only the parent, which then decides
    if sys.platform == "linux":
        _die_with_pool(lifeline)
        die_with_parent(parent)


def die_with_parent(parent: int) -> None:
    """Make the kernel send SIGKILL when the direct parent, process `parent`, dies."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def run_module(module: str, arguments: list[str]) -> int:
    """The exit code of `module.main(arguments)`."""
    code = importlib.import_module(module).main(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    return int(code)


def import_in_advance(modules: list[str]) -> None:
    """Import modules in advance; their import errors are raised.

    The garbage collector is off meanwhile: it would scan millions of new objects repeatedly and free none, a fifth of
    the time. The objects are then excluded from collection, so that forks keep sharing their memory.
    """
    gc.disable()
    try:
        for module in modules:
            importlib.import_module(module)
    finally:
        gc.enable()
    gc.collect()
    gc.freeze()


def redirect(log: str) -> None:
    """Append this process's output to `log` from now on."""
    sys.stdout.flush()
    sys.stderr.flush()
    opened = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(opened, 1)
    os.dup2(opened, 2)
    os.close(opened)


def _die_with_pool(lifeline: int) -> None:
    # Opened again, because owner and signal belong to the open file description, which forked siblings share.
    own = os.open(f"/proc/self/fd/{lifeline}", os.O_RDONLY)
    fcntl.fcntl(own, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(own, _F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(own, fcntl.F_SETFL, fcntl.fcntl(own, fcntl.F_GETFL) | os.O_ASYNC)
    poll = select.poll()
    poll.register(own, select.POLLIN)
    if poll.poll(0):  # the writer died before the signal was armed
        os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    arm(int(sys.argv[1]), int(sys.argv[2]))
    sys.exit(run_module(sys.argv[3], sys.argv[4:]))
