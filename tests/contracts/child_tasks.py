"""What the children of the contract tests are told to be: `main(arguments) -> exit code`."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from medqa_sweeps.errors import DataError
from medqa_sweeps.worker.refusal import done_or_refused


def main(arguments: list[str]) -> int:
    task, *rest = arguments
    return {
        "exit": _exit,
        "tell": _tell,
        "sleep": _sleep,
        "raise": _raise,
        "refuse": _refuse,
        "grandchild": _grandchild,
        "obedient": _obedient,
        "die": _die,
        "ignored": _ignored,
        "environment": _environment,
    }[task](*rest)


def _exit(code: str) -> int:
    return int(code)


def _tell(path: str) -> int:
    """Environment, folder, process group and standard input, written for the test to read."""
    leads = os.getpgrp() == os.getpid()
    Path(path).write_text(f"{os.environ.get('MARK')} {sorted(os.environ)} {os.getcwd()} {leads} {sys.stdin.read()!r}")
    print("said on stdout", flush=True)
    print("said on stderr", file=sys.stderr)
    return 0


def _environment(path: str) -> int:
    Path(path).write_text(json.dumps(dict(os.environ)))
    return 0


def _ignored(path: str) -> int:
    """The names of the signals that this process ignores."""
    names = [number.name for number in signal.Signals if signal.getsignal(number) is signal.SIG_IGN]
    Path(path).write_text(" ".join(names))
    return 0


def _sleep(path: str) -> int:
    Path(path).write_text(str(os.getpid()))
    time.sleep(600)
    return 0


def _raise(text: str = "a child's own error") -> int:
    raise RuntimeError(text)


def _refuse(text: str) -> int:
    """As the worker's children do, after a library has talked on both streams."""

    def work() -> None:
        print("a library's word")
        print("and another", file=sys.stderr)
        raise DataError(text)

    return done_or_refused(work)


def _grandchild(path: str) -> int:
    """Leave a process behind that would outlive this one."""
    process = subprocess.Popen(["sleep", "600"])
    Path(path).write_text(str(process.pid))
    return 0


def _obedient(path: str) -> int:
    """Start one process by exec and one by fork, end both politely, and write which signals ended them."""
    started = subprocess.Popen(["sleep", "600"])
    forked = os.fork()
    if forked == 0:
        time.sleep(600)
    started.terminate()
    os.kill(forked, signal.SIGINT)
    code = os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1])
    Path(path).write_text(f"{started.wait()} {code}")
    return 0


def _die() -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0
