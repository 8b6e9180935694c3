"""The first thing a child process does: tie its life to its parent's, then become the module it was asked to be.

    python -m medqa_sweeps.pool.child LIFELINE_FD PARENT_PID MODULE [ARGUMENT ...]

Two ropes, so that no kill of any process leaves an orphan (Linux; elsewhere children outlive a killed parent):
the *lifeline* is a pipe whose only writer is the pool's process, and the kernel kills the child's whole process
group when that writer is gone, whatever the child's Python is doing; `PR_SET_PDEATHSIG` does the same when the
direct parent (the forkserver) dies. Imports nothing but the standard library.
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

_F_SETSIG = 10  # fcntl.h; Python does not name it
_PR_SET_PDEATHSIG = 1  # prctl.h


def arm(lifeline: int, parent: int) -> None:
    """Die, with every process of the own group, when the pool's process or the direct parent dies or just has."""
    with contextlib.suppress(PermissionError):  # already the leader of its own group
        os.setpgid(0, 0)  # the terminal's Ctrl-C reaches the parent alone, which then decides
    if sys.platform == "linux":
        _die_with_pool(lifeline)
        die_with_parent(parent)


def die_with_parent(parent: int) -> None:
    """Ask the kernel for SIGKILL when the direct parent, process `parent`, is gone."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def become(module: str, arguments: list[str]) -> int:
    """The exit code of `module.main(arguments)`."""
    code = importlib.import_module(module).main(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    return int(code)


def import_ahead(modules: list[str]) -> None:
    """Import what the process will find imported when it becomes its module; whatever that raises.

    Without the garbage collector, which looks through millions of new objects again and again and finds none to free:
    a fifth of the time. They are then kept from it for good, and so stay shared between forks.
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
    # Opened anew: owner and signal belong to the open file description, which forked siblings would share.
    own = os.open(f"/proc/self/fd/{lifeline}", os.O_RDONLY)
    fcntl.fcntl(own, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(own, _F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(own, fcntl.F_SETFL, fcntl.fcntl(own, fcntl.F_GETFL) | os.O_ASYNC)
    poll = select.poll()
    poll.register(own, select.POLLIN)
    if poll.poll(0):  # the writer was gone before the signal was armed
        os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    arm(int(sys.argv[1]), int(sys.argv[2]))
    sys.exit(become(sys.argv[3], sys.argv[4:]))
