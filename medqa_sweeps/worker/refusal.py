"""How a child that does one thing ends: well, or with its refusal in one line, which `jobs/one_child.py` reads."""

from collections.abc import Callable

from medqa_sweeps.errors import DISK_IS_FULL, TrialError
from medqa_sweeps.exit_codes import ExitCode


def done_or_refused(work: Callable[[], None]) -> ExitCode:
    """OK when `work` returns; of a `TrialError` or a full disk DATAERR, and the sentences as one line on standard
    output."""
    try:
        work()
    except TrialError as error:
        print(*str(error).split())
        return ExitCode.DATAERR
    except OSError as error:
        if error.errno not in DISK_IS_FULL:
            raise
        print(f"The disk is full, and nothing was kept: {error.filename or 'a file that was being written'}.")
        return ExitCode.DATAERR
    return ExitCode.OK
