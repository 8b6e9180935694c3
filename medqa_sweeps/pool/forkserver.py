"""A server process that imports the heavy libraries once and forks a child for each request.

    python -m medqa_sweeps.pool.forkserver SOCKET_FD LIFELINE_FD PARENT_PID PRELOADED_MODULE [...]

Importing unsloth and trl takes about 15 s. A fork after the import takes a few milliseconds, and each child is still a
separate process. Only used without a GPU: the import initialises CUDA, which a fork cannot share.

Protocol, one JSON object per line: the pool sends {"module", "arguments", "environment", "folder", "log"}. The server
answers {"started": PID} in the order of the requests, and {"ended": PID, "code": CODE} when a child ends (negative: the
signal that killed it). Before that it sends {"ready": SECONDS} or {"failed": TEXT} once.
"""

import contextlib
import json
import os
import selectors
import signal
import socket
import sys
import time
from typing import Any, NoReturn

from medqa_sweeps.pool import child


def main() -> None:
    """Import, then serve until the pool closes its end."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    lifeline, parent, modules = int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
    child.arm(lifeline, parent)
    _send(channel, _preload(modules))
    _serve(channel, lifeline)


def _preload(modules: list[str]) -> dict[str, Any]:
    began = time.monotonic()
    try:
        child.import_in_advance(modules)
    except Exception as error:  # any import error is sent to the pool, which stops
        return {"failed": f"{type(error).__name__}: {error}"}
    return {"ready": time.monotonic() - began}


def _serve(channel: socket.socket, lifeline: int) -> None:
    selector = selectors.DefaultSelector()
    selector.register(channel, selectors.EVENT_READ)
    unread = b""
    while True:
        for key, _ in selector.select():
            if key.data is not None:
                selector.unregister(key.fd)
                os.close(key.fd)
                _kill_group(key.data)  # grandchildren must not outlive it; before its process id is free again
                code = os.waitstatus_to_exitcode(os.waitpid(key.data, 0)[1])
                _send(channel, {"ended": key.data, "code": code})
                continue
            received = channel.recv(1 << 16)
            if not received:
                return
            *requests, unread = (unread + received).split(b"\n")
            for request in requests:
                pid = _fork(json.loads(request), channel, selector, lifeline)
                selector.register(os.pidfd_open(pid), selectors.EVENT_READ, data=pid)
                _send(channel, {"started": pid})


def _fork(request: dict[str, Any], channel: socket.socket, selector: selectors.BaseSelector, lifeline: int) -> int:
    server = os.getpid()
    with child.polite_signals_held():
        pid = os.fork()
        if pid == 0:
            _run_child(request, channel, selector, lifeline, server)
    with contextlib.suppress(ProcessLookupError):  # it has ended
        os.setpgid(pid, pid)  # the child does it too; here so that its group can be signalled at once
    return pid


def _run_child(
    request: dict[str, Any], channel: socket.socket, selector: selectors.BaseSelector, lifeline: int, server: int
) -> NoReturn:
    """Run the request in the forked child and exit."""
    try:
        selector.close()
        channel.close()
        child.arm(lifeline, server)
        _set_up(request)
        code = child.run_module(request["module"], request["arguments"])
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:  # the child must never return into the server's loop
        sys.excepthook(*sys.exc_info())
        code = 1
    _exit(code)


def _set_up(request: dict[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    child.redirect(request["log"])


def _exit(code: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)  # no exit handlers: they belong to the server


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _send(channel: socket.socket, message: dict[str, Any]) -> None:
    channel.sendall(json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main()
