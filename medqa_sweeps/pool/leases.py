"""Leases of devices, so that no two sweeps of this machine use one GPU unless both say that they share it."""

import contextlib
import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path

from filelock import FileLock, Timeout

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.pool.devices import Device, DeviceSearch, none_free
from medqa_sweeps.pool.holders import holders, leases_folder, note_holder


@dataclass(frozen=True)
class Lease:
    """Devices on which no other sweep starts anything while this is open. Close it, or use it as a context manager."""

    devices: tuple[Device, ...]  # at least one
    skipped: tuple[str, ...] = ()  # a clause for each that could not be had, with its reason
    held: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)  # what `close` lets go of

    def close(self) -> None:
        self.held.close()

    def __enter__(self) -> "Lease":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def lease(search: DeviceSearch, folder: Path, at_most: int | None = None) -> Lease:
    """Those of the devices that no other sweep of this cache folder holds, now this process's, up to `at_most`.

    The kernel lets go when this process dies, however it dies; a child of it does not hold them. Sweeps that share a
    GPU each hold a lease of it, numbered from 0, and one that does not want to share is kept off as long as any is
    held. The CPU is not leased: the system shares it among everybody anyhow, and a slot there takes no more than its
    threads.

    Args:
        folder: what this process works in, told to whoever asks for a device that is taken.

    Raises:
        ConfigError: if there is nothing left, or the cache folder cannot be written.
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
                    f"{leases_folder()}: which GPUs are taken cannot be kept there ({error.strerror}). Set "
                    "MEDQA_SWEEPS_CACHE to a folder on a disk of this machine that you may write to."
                ) from None
            if index is None:
                who = " and ".join(holders(device.id)) or "a sweep that has just begun"
                skipped.append(f"{device} is taken by {who}")
            else:
                devices.append(replace(device, lease_index=index))
        if not devices:
            raise ConfigError(none_free(skipped, search.request))
        return Lease(tuple(devices), tuple(skipped), held.pop_all())


def _taken(uuid: str, share: bool, folder: Path, held: contextlib.ExitStack) -> int | None:
    """The index of the lease that is now ours, until `held` is closed; None: others have one, and sharing was not
    asked."""
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
    note_holder(note, folder)
    held.callback(note.unlink, missing_ok=True)
    return index


def _lock_file(uuid: str, index: int) -> Path:
    return leases_folder() / (f"{uuid}.{index}.lock" if index else f"{uuid}.lock")


def _locked(file: Path) -> FileLock | None:
    """The file's lock, now held by this process; None: another holds it."""
    # Never the kind of lock that is a file's mere existence: it would outlive its process.
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
