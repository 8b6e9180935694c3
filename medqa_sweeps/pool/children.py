"""Child processes: one way to start them, to hear how they ended, and to be sure that none stays behind.

`Children` is the contract. `ForkedChildren` forks them from a process that has imported the heavy libraries once.
Where a GPU is used, whose driver a fork cannot share, `SparedChildren` keeps a new interpreter waiting that has
imported them already. `tests/contracts/test_children.py` holds for both.
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
from medqa_sweeps.pool.child import polite_signals_held

_ROOT = Path(__file__).resolve().parents[2]
_REPLACEMENTS = 3  # of a forkserver: one that dies more often is not killed by chance


@dataclass(frozen=True)
class ChildExit:
    """A child is over, with every process of its group."""

    pid: int
    code: int  # its exit code; negative: the signal that killed it
    cause: str = ""  # of the signal, in words, where more is known than the signal


class Children(ABC):
    """Starts children and says how they ended. For one thread; close it, or use it as a context manager.

    A child is `module.main(arguments) -> int` in a process and process group of its own, in this project's folder,
    with exactly the given environment, no standard input, and its output appended to `log`. It dies with this
    process, however this process dies.
    """

    @abstractmethod
    def start(self, module: str, arguments: list[str], environment: dict[str, str], log: Path) -> int:
        """Process id of a new child.

        Raises:
            InternalError: if no child can be started any more.
        """

    @property
    @abstractmethod
    def ready(self) -> bool:
        """Whether a start returns at once; `wait` makes it so."""

    @abstractmethod
    def wait(self, timeout: float) -> list[ChildExit]:
        """The children that have ended since the last call: at once if there are any, else within `timeout` seconds."""

    @abstractmethod
    def kill(self, pid: int) -> None:
        """End a child and its group; nothing if it is gone."""

    @abstractmethod
    def close(self) -> None:
        """Kill what still runs. Afterwards nothing can be started."""

    def __enter__(self) -> "Children":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class Lifeline:
    """A pipe whose only writer is this process: the kernel kills the group of every child that reads it when it is cut,
    or when this process dies."""

    def __init__(self) -> None:
        self.fd, self._end = os.pipe()  # children read `fd`; the end is held here and nowhere else

    def refuse_cut(self) -> None:
        """Raises an InternalError if it was cut."""
        if self._end < 0:
            raise InternalError("these children were closed; nothing can be started")

    def cut(self) -> None:
        """Nothing if it was cut."""
        if self._end >= 0:
            os.close(self._end)
            os.close(self.fd)
            self._end = -1


class ForkedChildren(Children):
    """Forks of a server that imports `preload` once. A server that is killed later is replaced, a few times."""

    def __init__(self, preload: list[str]) -> None:
        self._lifeline = Lifeline()
        self._preload, self._replacements = preload, 0
        self._started: list[int] = []
        self._exits: list[ChildExit] = []
        self._alive: set[int] = set()
        self._begin()

    def _begin(self) -> None:
        self._ready, self._unread = False, b""
        self._said = tempfile.TemporaryFile("w+")
        self._channel, other = socket.socketpair()
        with other, polite_signals_held():
            self._server = subprocess.Popen(
                [
                    *(sys.executable, "-m", "medqa_sweeps.pool.forkserver"),
                    *(str(other.fileno()), str(self._lifeline.fd), str(os.getpid()), *self._preload),
                ],
                cwd=_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=self._said,
                pass_fds=(other.fileno(), self._lifeline.fd),
                process_group=0,
            )

    @property
    def ready(self) -> bool:
        return self._ready

    def start(self, module: str, arguments: list[str], environment: dict[str, str], log: Path) -> int:
        self._lifeline.refuse_cut()
        asked = {"module": module, "arguments": arguments, "environment": environment}
        request = json.dumps({**asked, "folder": str(_ROOT), "log": str(log)}).encode() + b"\n"
        while True:
            server = self._server
            with contextlib.suppress(OSError):  # it has just died: `_receive` finds out
                self._channel.sendall(request)
            while not self._started and self._server is server:
                self._receive(timeout=0.2)
            if self._started:
                return self._started.pop(0)

    def wait(self, timeout: float) -> list[ChildExit]:
        end = time.monotonic() + timeout
        while not self._exits and (self._alive or not self._ready) and (left := end - time.monotonic()) > 0:
            self._receive(left)
        exits, self._exits = self._exits, []
        return exits

    def kill(self, pid: int) -> None:
        _kill_group(pid)

    def close(self) -> None:
        self._lifeline.cut()
        self._put_away()

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
            self._server_is_gone()
            return
        *messages, self._unread = (self._unread + received).split(b"\n")
        for text in messages:
            message = json.loads(text)
            if "failed" in message:
                raise self._lost(message["failed"])
            if "ready" in message:
                self._ready = True
            elif "started" in message:
                self._alive.add(message["started"])
                self._started.append(message["started"])
            elif "ended" in message:
                self._alive.discard(message["ended"])
                self._exits.append(ChildExit(message["ended"], message["code"]))

    def _server_is_gone(self) -> None:
        """Its children died with it: the kernel saw to that. One that never came to serve is not tried again."""
        cause = "its parent process ended"
        self._exits += [ChildExit(pid, -signal.SIGKILL, cause) for pid in sorted(self._alive)]
        self._alive.clear()
        if not self._ready or self._replacements == _REPLACEMENTS:
            raise self._lost("it was killed")
        self._replacements += 1
        self._put_away()
        self._begin()

    def _put_away(self) -> None:
        self._channel.close()
        self._server.kill()
        self._server.wait()
        self._said.close()

    def _lost(self, reason: str) -> InternalError:
        self._said.seek(0)
        tail = "".join(self._said.readlines()[-15:])
        return InternalError(
            f"the process that starts trials is gone ({reason})." + (f" Its last words:\n{tail}" if tail else "")
        )


class SparedChildren(Children):
    """New interpreters: for each environment a spare one, which has imported `preload` and waits to be told what to
    become.

    The environment decides what the imports find (which GPU, how many threads), so a spare serves its own alone. A
    new spare begins to import when the one before it has gone to work.
    """

    def __init__(self, preload: list[str]) -> None:
        self._lifeline = Lifeline()
        self._preload = preload
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._spares: dict[str, tuple[subprocess.Popen[bytes], IO[bytes]]] = {}

    @property
    def ready(self) -> bool:
        return True  # a start never waits for imports: what is started does them if its spare has not

    def start(self, module: str, arguments: list[str], environment: dict[str, str], log: Path) -> int:
        self._expect(environment)
        spare, said = self._spares.pop(json.dumps(environment, sort_keys=True))
        if not self._send_to_work(spare, module, arguments, log):  # it died while it waited
            said.seek(0)
            tail = b"".join(said.readlines()[-15:]).decode(errors="replace")
            spare.wait()
            raise InternalError(f"the process that waited for a trial is gone (exit {spare.returncode}):\n{tail}")
        said.close()
        self._running[spare.pid] = spare
        self._expect(environment)
        return spare.pid

    def wait(self, timeout: float) -> list[ChildExit]:
        end = time.monotonic() + timeout
        while True:
            gone = [process for process in self._running.values() if _is_zombie(process.pid)]
            if gone or not self._running or time.monotonic() >= end:
                break
            time.sleep(min(0.02, max(0.0, end - time.monotonic())))
        for process in gone:
            _kill_group(process.pid)  # grandchildren do not outlive their parent
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
        for _, said in self._spares.values():
            said.close()
        self._running.clear()
        self._spares.clear()

    def _expect(self, environment: dict[str, str]) -> None:
        """Have a spare for this environment; returns at once."""
        self._lifeline.refuse_cut()
        key = json.dumps(environment, sort_keys=True)
        if key not in self._spares:
            said = tempfile.TemporaryFile()
            self._spares[key] = (self._new_spare(environment, said), said)

    def _new_spare(self, environment: dict[str, str], output: Any) -> "subprocess.Popen[bytes]":
        arguments = [str(self._lifeline.fd), str(os.getpid()), "medqa_sweeps.pool.spare", *self._preload]
        with polite_signals_held():
            return subprocess.Popen(
                [sys.executable, "-m", "medqa_sweeps.pool.child", *arguments],
                cwd=_ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                pass_fds=(self._lifeline.fd,),
                process_group=0,
            )

    @staticmethod
    def _send_to_work(spare: "subprocess.Popen[bytes]", module: str, arguments: list[str], log: Path) -> bool:
        """Whether there was still somebody to be sent."""
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
    """Whether a child has ended; it keeps its number until it is waited for."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
