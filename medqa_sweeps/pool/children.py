"""Child processes: starts them, returns how they ended, and ensures that none is left behind.

`Children` is the interface. `ForkedChildren` forks from a process that has imported the heavy libraries once. A fork
cannot share the driver of a GPU, so on GPUs `SparedChildren` keeps a new interpreter ready that has already imported
them. `tests/contracts/test_children.py` tests both.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from medqa_sweeps.errors import InternalError
from medqa_sweeps.installation import PROJECT
from medqa_sweeps.pool.child import polite_signals_held

_REPLACEMENTS = 3  # of a forkserver; if it dies more often, it is not by chance


@dataclass(frozen=True)
class ChildExit:
    """The end of a child process and of every process of its group."""

    pid: int
    code: int  # its exit code; negative: the signal that killed it
    cause: str = ""  # of the signal, for users; empty if unknown


class Children(ABC):
    """Starts child processes and returns how they ended. Single-threaded; close it, or use it as a context manager.

    A child runs `module.main(arguments) -> int` in its own process and process group, in this project's folder, with
    exactly the given environment and no standard input; its output is appended to `log`. It is killed when this process
    dies, for whatever reason.
    """

    @abstractmethod
    def start(self, module: str, arguments: list[str], environment: dict[str, str], log: Path) -> int:
        """Process id of a new child.

        Raises:
            InternalError: if no child can be started.
        """

    @property
    @abstractmethod
    def ready(self) -> bool:
        """Whether `start` returns at once; `wait` blocks until it does."""

    @abstractmethod
    def wait(self, timeout: float) -> list[ChildExit]:
        """The children that ended since the last call: at once if there are any, else within `timeout` seconds."""

    @abstractmethod
    def kill(self, pid: int) -> None:
        """Kill a child and its group; nothing if it has ended."""

    @abstractmethod
    def close(self) -> None:
        """Kill all running children. Afterwards nothing can be started."""

    def __enter__(self) -> "Children":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class Lifeline:
    """A pipe whose only writer is this process: when it is cut or this process dies, the kernel kills the process group
    of every child that reads it."""

    def __init__(self) -> None:
        self.fd, self._end = os.pipe()  # children read `fd`; only this process has the other end

    def refuse_cut(self) -> None:
        """Raises an InternalError if it was cut."""
        if self._end < 0:
            raise InternalError("the child processes were closed; nothing can be started")

    def cut(self) -> None:
        """Close the pipe; nothing if it was cut before."""
        if self._end >= 0:
            os.close(self._end)
            os.close(self.fd)
            self._end = -1


class ForkedChildren(Children):
    """Forks from a server that imports `preload` once. A server that is killed later is replaced, up to 3 times."""

    def __init__(self, preload: list[str]) -> None:
        self._lifeline = Lifeline()
        self._preload, self._replacements = preload, 0
        self._started: list[int] = []
        self._exits: list[ChildExit] = []
        self._alive: set[int] = set()
        self._start_server()

    def _start_server(self) -> None:
        self._ready, self._unread = False, b""
        self._output = tempfile.TemporaryFile("w+")
        self._channel, other = socket.socketpair()
        with other, polite_signals_held():
            self._server = subprocess.Popen(
                [
                    *(sys.executable, "-m", "medqa_sweeps.pool.forkserver"),
                    *(str(other.fileno()), str(self._lifeline.fd), str(os.getpid()), *self._preload),
                ],
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
                pass_fds=(other.fileno(), self._lifeline.fd),
                process_group=0,
            )

    @property
    def ready(self) -> bool:
        return self._ready

    def start(self, module: str, arguments: list[str], environment: dict[str, str], log: Path) -> int:
        self._lifeline.refuse_cut()
        message = {"module": module, "arguments": arguments, "environment": environment}
        request = json.dumps({**message, "folder": str(PROJECT), "log": str(log)}).encode() + b"\n"
        while True:
            server = self._server
            with contextlib.suppress(OSError):  # the server has just died; `_receive` notices
                self._channel.sendall(request)
            while not self._started and self._server is server:
                self._receive(timeout=0.2)
            if self._started:
                return self._started.pop(0)

    def wait(self, timeout: float) -> list[ChildExit]:
        end = time.monotonic() + timeout
        left = timeout
        while not self._exits and (self._alive or not self._ready) and left >= 0:  # without time too, it looks once
            self._receive(left)
            left = end - time.monotonic()
        exits, self._exits = self._exits, []
        return exits

    def kill(self, pid: int) -> None:
        _kill_group(pid)

    def close(self) -> None:
        self._lifeline.cut()
        self._shut_down_server()

    def _receive(self, timeout: float) -> None:
        self._channel.settimeout(max(timeout, 0.001))
        try:
            received = self._channel.recv(1 << 16)
        except TimeoutError:
            return
        except OSError:
            received = b""
        finally:
            self._channel.settimeout(None)
        if not received:
            self._replace_server()
            return
        *messages, self._unread = (self._unread + received).split(b"\n")
        for text in messages:
            message = json.loads(text)
            if "failed" in message:
                raise self._server_error(message["failed"])
            if "ready" in message:
                self._ready = True
            elif "started" in message:
                self._alive.add(message["started"])
                self._started.append(message["started"])
            elif "ended" in message:
                self._alive.discard(message["ended"])
                self._exits.append(ChildExit(message["ended"], message["code"]))

    def _replace_server(self) -> None:
        """The kernel has killed its children. A server that was never ready is not replaced."""
        cause = "its parent process ended"
        self._exits += [ChildExit(pid, -signal.SIGKILL, cause) for pid in sorted(self._alive)]
        self._alive.clear()
        if not self._ready or self._replacements == _REPLACEMENTS:
            raise self._server_error("it was killed")
        self._replacements += 1
        self._shut_down_server()
        self._start_server()

    def _shut_down_server(self) -> None:
        self._channel.close()
        self._server.kill()
        self._server.wait()
        self._output.close()

    def _server_error(self, reason: str) -> InternalError:
        self._output.seek(0)
        tail = "".join(self._output.readlines()[-15:])
        return InternalError(
            f"the process that starts trials has died ({reason})." + (f" Its last output:\n{tail}" if tail else "")
        )


class SparedChildren(Children):
    """New interpreters: one spare per environment, which has imported `preload` and waits for a request.

    The imports depend on the environment (GPU, number of threads), so a spare serves only its own. A new spare starts
    to import when the previous one gets work.
    """

    def __init__(self, preload: list[str]) -> None:
        self._lifeline = Lifeline()
        self._preload = preload
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._spares: dict[str, tuple[subprocess.Popen[bytes], IO[bytes]]] = {}

    @property
    def ready(self) -> bool:
        return True  # a start never waits for imports: the child finishes them itself

    def start(self, module: str, arguments: list[str], environment: dict[str, str], log: Path) -> int:
        self._ensure_spare(environment)
        spare, output = self._spares.pop(json.dumps(environment, sort_keys=True))
        if not self._send_request(spare, module, arguments, log):  # the spare died while it waited
            output.seek(0)
            tail = b"".join(output.readlines()[-15:]).decode(errors="replace")
            spare.wait()
            raise InternalError(f"the process that waited for a trial has died (exit {spare.returncode}):\n{tail}")
        output.close()
        self._running[spare.pid] = spare
        self._ensure_spare(environment)
        return spare.pid

    def wait(self, timeout: float) -> list[ChildExit]:
        end = time.monotonic() + timeout
        while True:
            gone = [process for process in self._running.values() if _is_zombie(process.pid)]
            if gone or not self._running or time.monotonic() >= end:
                break
            time.sleep(min(0.02, max(0.0, end - time.monotonic())))
        for process in gone:
            _kill_group(process.pid)  # grandchildren must not outlive their parent
            process.wait()
            del self._running[process.pid]
        return [ChildExit(process.pid, process.returncode) for process in gone]

    def kill(self, pid: int) -> None:
        _kill_group(pid)

    def close(self) -> None:
        self._lifeline.cut()
        for process in [*self._running.values(), *(spare for spare, _ in self._spares.values())]:
            _kill_group(process.pid)
            process.wait()
        for _, output in self._spares.values():
            output.close()
        self._running.clear()
        self._spares.clear()

    def _ensure_spare(self, environment: dict[str, str]) -> None:
        """Start a spare for this environment if there is none; returns at once."""
        self._lifeline.refuse_cut()
        key = json.dumps(environment, sort_keys=True)
        if key not in self._spares:
            output = tempfile.TemporaryFile()
            self._spares[key] = (self._new_spare(environment, output), output)

    def _new_spare(self, environment: dict[str, str], output: Any) -> "subprocess.Popen[bytes]":
        arguments = [str(self._lifeline.fd), str(os.getpid()), "medqa_sweeps.pool.spare", *self._preload]
        with polite_signals_held():
            return subprocess.Popen(
                [sys.executable, "-m", "medqa_sweeps.pool.child", *arguments],
                cwd=PROJECT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                pass_fds=(self._lifeline.fd,),
                process_group=0,
            )

    @staticmethod
    def _send_request(spare: "subprocess.Popen[bytes]", module: str, arguments: list[str], log: Path) -> bool:
        """Whether the spare was still running and took the request."""
        assert spare.stdin is not None
        if _is_zombie(spare.pid):
            return False
        try:
            with spare.stdin as channel:
                channel.write(json.dumps({"module": module, "arguments": arguments, "log": str(log)}).encode())
        except BrokenPipeError:
            return False
        return True


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _is_zombie(pid: int) -> bool:
    """Whether a child has ended; its process id stays reserved until it is waited for."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
