"""The exit codes of our programs and of the processes that they start; these numbers are defined only here."""

import signal
from enum import IntEnum


class ExitCode(IntEnum):
    """How a process ended. From 65 to 75 the names and numbers are those of sysexits.h."""

    OK = 0
    FAILED = 1  # the request was not fulfilled; a sentence or a Python traceback says why
    USAGE = 2  # invalid command line; argparse uses the same number
    DATAERR = 65  # a child process refuses its input; its last line of output says why
    UNAVAILABLE = 69  # another process works in the trial's folder; nothing was done
    IOERR = 74  # the disk is full, so nothing can be recorded
    TEMPFAIL = 75  # the trial has no result; another attempt may produce one
    INTERRUPTED = 130  # Ctrl-C; shells use this number for a program that SIGINT ended


def describe_exit(code: int, cause: str = "") -> str:
    """How a process ended: `exit code 3`, `SIGTERM`.

    Args:
        code: as the pool returns it; negative: the signal that killed the process.
        cause: of the signal; empty if unknown.
    """
    if code >= 0:
        return f"exit code {code}"
    cause = cause or ("often because the system ran out of memory" if -code == signal.SIGKILL else "")
    return signal.Signals(-code).name + (f" ({cause})" if cause else "")
