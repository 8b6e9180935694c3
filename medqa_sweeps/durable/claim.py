"""Locks a folder for one process, also on disks without file locks."""

import errno
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

_LOCK, _HOLDER = ".claim", ".claim.holder"
FILES = {_LOCK, _HOLDER}  # that a locked folder may contain
_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL}
_PATIENCE_SECONDS = 1.0  # time to detect that a lock file's process is dead


def claim(folder: Path, wait_seconds: float = 0.0, generation: int = 0) -> BaseFileLock:
    """A lock on the folder, held by this process until it is released.

    The kernel releases it whenever the process dies. On a disk without locks, a file names the process and machine that
    hold the folder; on that machine, the file is ignored once the process is dead.

    Args:
        wait_seconds: for another process to release it.
        generation: each has a lock of its own: see `TrialDir.take_over`.

    Raises:
        Timeout: if another running process holds the folder for longer.
        OSError: if the folder is not writable.
    """
    suffix = f".{generation}" if generation else ""
    lock: BaseFileLock = FileLock(folder / f"{_LOCK}{suffix}", fallback_to_soft=False)
    try:
        lock.acquire(timeout=wait_seconds)
    except Timeout:
        raise
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        lock = SoftFileLock(folder / f"{_HOLDER}{suffix}")
        lock.acquire(timeout=max(wait_seconds, _PATIENCE_SECONDS))
    return lock
