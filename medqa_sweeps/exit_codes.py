"""The exit codes of our programs and of the processes that they start: the one place where these numbers stand."""

import signal
from enum import IntEnum


class ExitCode(IntEnum):
    """How a process ended. From 65 to 75 the names and numbers are those of sysexits.h."""

    OK = 0
    FAILED = 1  # not what was asked for; a sentence, or Python's traceback, says why
    USAGE = 2  # a wrong command line, by argparse's number
    DATAERR = 65  # a child refuses what it was given; the last line that it prints says why
    IOERR = 74  # the disk is full, and nothing can be recorded
    TEMPFAIL = 75  # a trial without a result, which another attempt may give
    INTERRUPTED = 130  # Ctrl-C: what a shell gives a program that SIGINT ends


def in_words(code: int, cause: str = "") -> str:
    """What a process ended with: `exit code 3`, `SIGTERM`.

    Args:
        code: as the pool gives it: negative is the signal that killed the process.
        cause: of the signal; empty where nothing is known of it.
    """
    if code >= 0:
        return f"exit code {code}"
    cause = cause or ("often: the system ran out of memory" if -code == signal.SIGKILL else "")
    return signal.Signals(-code).name + (f" ({cause})" if cause else "")
