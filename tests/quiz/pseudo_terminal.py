"""A real pseudo-terminal with a command in it: what a person types and sees."""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path

from tests.conftest import ROOT

_PATIENCE_SECONDS = 60.0


class PseudoTerminal:
    """`python -m medqa_sweeps …` on a terminal of its own. A context manager: leaving it ends the process."""

    def __init__(
        self, *arguments: str, data_home: Path, columns: int = 100, environment: Mapping[str, str] = {}
    ) -> None:
        self.bytes = b""  # everything that was written to the terminal
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.chdir(ROOT)
            for size in ("COLUMNS", "LINES"):  # of the terminal in which the tests were started
                os.environ.pop(size, None)
                os.unsetenv(size)  # readline, which pytest imports, sets them where `os.environ` does not see it
            os.environ.update({"XDG_DATA_HOME": str(data_home), "TERM": "xterm-256color", **environment})
            os.execv(sys.executable, [sys.executable, "-m", "medqa_sweeps", "quiz", *arguments])
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))

    def __enter__(self) -> "PseudoTerminal":
        return self

    def __exit__(self, *ignored: object) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._terminal)

    def until(self, text: str, count: int = 1) -> bytes:
        """Wait until `text` was written `count` times; everything that was written so far."""
        ends = time.monotonic() + _PATIENCE_SECONDS
        while self.bytes.count(text.encode()) < count:
            assert time.monotonic() < ends and self._read(), f"{text!r} never came:\n{self.bytes.decode()}"
        return self.bytes

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def end(self) -> int:
        """Wait until the process has ended; its exit code."""
        while self._read():
            pass
        return self.wait()

    def wait(self) -> int:
        """The same, without reading what it writes."""
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def hang_up(self) -> None:
        """Close the terminal, as closing its window does."""
        os.close(self._terminal)
        self._terminal = os.open(os.devnull, os.O_RDONLY)

    def _read(self) -> bool:
        """Whether the terminal is still open."""
        if select.select([self._terminal], [], [], 1.0)[0]:
            try:
                read = os.read(self._terminal, 65536)
            except OSError:  # EIO: the process has ended
                return False
            self.bytes += read
            return bool(read)
        return True
