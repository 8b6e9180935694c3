"""Entry point of a child process: it ties its life to its parent's, then runs the requested module.

    python -m medqa_sweeps.pool.child LIFELINE_FD PARENT_PID MODULE [ARGUMENT ...]

Two mechanisms ensure that a killed process leaves no orphan (Linux only; elsewhere children outlive a killed parent).
The *lifeline* is a pipe whose only writer is the pool's process: the kernel kills the child's whole process group when
that writer is gone, whatever the child is doing. `PR_SET_PDEATHSIG` does the same when the direct parent (the
forkserver) dies. Imports only the standard library.

A cluster, `systemd` or `docker stop` asks every process of a job to end. Only the pool's process decides what that
means, and has its children end as they should; by themselves they obey none of these signals.
"""

import contextlib
import ctypes
import fcntl
import functools
import gc
import importlib
import os
import select
import signal
import sys
from collections.abc import Iterator

POLITE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # Ctrl-C, `kill`, a closed terminal
_F_SETSIG = 10  # from fcntl.h; Python has no constant for it
_PR_SET_PDEATHSIG = 1  # from prctl.h


def arm(lifeline: int, parent: int) -> None:
    """Make the kernel kill this process group when the pool's process or the direct parent dies, or is already dead."""
    _outlive_polite_signals()
    with contextlib.suppress(PermissionError):  # already the leader of its own group
        os.setpgid(0, 0)  # so that a terminal's Ctrl-C reaches only the parent, which then decides
    if sys.platform == "linux":
        _die_with_pool(lifeline)
        die_with_parent(parent)


@contextlib.contextmanager
def polite_signals_held() -> Iterator[None]:
    """Within: no polite signal arrives here, nor at a process that is begun here until it has called `arm`."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, POLITE)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def die_with_parent(parent: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Make the kernel send this signal when the direct parent, process `parent`, dies."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


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


def _outlive_polite_signals() -> None:
    """By a handler that does nothing. If they were ignored, so they would be by the programs and pools that a trial
    starts, and nothing could end those."""
    for number in POLITE:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, frame: None)
            signal.siginterrupt(number, False)
    _forks_obey()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, POLITE)


@functools.cache
def _forks_obey() -> None:
    """See that a process that this one forks obeys polite signals, from its first moment."""
    masks: list[set[int]] = []

    def before() -> None:
        masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, POLITE))

    def after() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, masks.pop())

    def after_in_child() -> None:
        for number in POLITE:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        after()

    os.register_at_fork(before=before, after_in_parent=after, after_in_child=after_in_child)


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
