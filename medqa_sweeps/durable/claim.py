"""Holding a folder for one process, on disks with locks and on those without."""

import errno
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

_LOCK, _HOLDER = ".claim", ".claim.holder"
FILES = {_LOCK, _HOLDER}  # that a claimed folder may hold
_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL}
_PATIENCE_SECONDS = 1.0  # in which a file that a dead process left behind is found out


def claim(folder: Path) -> BaseFileLock:
    """A lock on the folder, now held by this process; release it.

    The kernel lets go of it when the process dies, however it dies. On a disk that has no locks, a file says which
    process of which machine holds the folder; one whose process is gone is not obeyed on that machine.

    Raises:
        Timeout: if another living process holds the folder.
        OSError: if nothing can be written there.
    """
    lock: BaseFileLock = FileLock(folder / _LOCK, fallback_to_soft=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        lock = SoftFileLock(folder / _HOLDER)
        lock.acquire(timeout=_PATIENCE_SECONDS)
    return lock
