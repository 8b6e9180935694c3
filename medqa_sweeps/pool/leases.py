"""Leases of devices: two sweeps on this machine use one GPU only if both agree to share it."""

import contextlib
import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path

from filelock import FileLock, Timeout

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.pool.devices import Device, DeviceSearch, no_free_gpu
from medqa_sweeps.pool.lease_holders import lease_holders, leases_folder, write_lease_holder


@dataclass(frozen=True)
class Lease:
    """Devices that no other sweep uses while this is open. Close it, or use it as a context manager."""

    devices: tuple[Device, ...]  # at least one
    skipped: tuple[str, ...] = ()  # a clause for each device that could not be leased, with the reason
    held: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)  # the locks that `close` releases

    def close(self) -> None:
        self.held.close()

    def __enter__(self) -> "Lease":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def lease(search: DeviceSearch, folder: Path, at_most: int | None = None) -> Lease:
    """Leases up to `at_most` of the devices that no other sweep with this cache folder holds.

    The kernel releases the leases whenever this process dies; its children do not hold them. Sweeps that share a GPU
    hold one lease each, numbered from 0. A sweep that does not share gets no lease while any other exists. The CPU is
    not leased: the operating system shares it, and a slot there uses only its own threads.

    Args:
        folder: the folder of this sweep, named in messages to other sweeps.

    Raises:
        ConfigError: if no device is left, or the cache folder cannot be written.
    """
    devices: list[Device] = []
    skipped = list(search.skipped)
    with contextlib.ExitStack() as held:
        for device in search.devices:
            if len(devices) == at_most:
                break
            try:
                index = 0 if device.is_cpu else _taken(device.id, search.request.share, folder, held)
            except OSError as error:
                raise ConfigError(
                    f"{leases_folder()}: GPU leases cannot be written there ({error.strerror}). Set "
                    "MEDQA_SWEEPS_CACHE to a writable folder on a local disk."
                ) from None
            if index is None:
                who = " and ".join(lease_holders(device.id)) or "a sweep that has just started"
                skipped.append(f"{device} is taken by {who}")
            else:
                devices.append(replace(device, lease_index=index))
        if not devices:
            raise ConfigError(no_free_gpu(skipped, search.request))
        return Lease(tuple(devices), tuple(skipped), held.pop_all())


def _taken(uuid: str, share: bool, folder: Path, held: contextlib.ExitStack) -> int | None:
    """The index of our new lease, which `held` releases; None: others have a lease, and sharing was not requested."""
    leases_folder().mkdir(parents=True, exist_ok=True)
    indices = itertools.count() if share else [0]
    ours = next(((index, lock) for index in indices if (lock := _locked(_lock_file(uuid, index))) is not None), None)
    if ours is None:
        return None
    index, lock = ours
    if not share and any(_is_locked(other) for other in leases_folder().glob(f"{uuid}.*.lock")):
        lock.release()
        return None
    held.callback(lock.release)
    note = _lock_file(uuid, index).with_suffix(".json")
    write_lease_holder(note, folder)
    held.callback(note.unlink, missing_ok=True)
    return index


def _lock_file(uuid: str, index: int) -> Path:
    return leases_folder() / (f"{uuid}.{index}.lock" if index else f"{uuid}.lock")


def _locked(file: Path) -> FileLock | None:
    """The lock on the file, now held by this process; None: another process holds it."""
    # Never a lock file that locks by its existence: it would outlive its process.
    lock = FileLock(file, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    return lock


def _is_locked(file: Path) -> bool:
    lock = _locked(file)
    if lock is not None:
        lock.release()
    return lock is None
