"""A folder that exists complete or not at all: built in a folder beside it, then renamed.

A process that is killed leaves `.NAME.exporting` behind, which the next one removes.
"""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout

from medqa_sweeps.command_line import short_path
from medqa_sweeps.durable.claim import FILES as CLAIM_FILES, claim
from medqa_sweeps.errors import DISK_IS_FULL, ConfigError

_SPARE_BYTES = 100_000_000


@dataclass(frozen=True)
class Aside:
    """Where a folder is built, on the disk of its target."""

    result: Path  # becomes the target
    scratch: Path  # for what is needed meanwhile


@contextlib.contextmanager
def built_aside(target: Path) -> Iterator[Aside]:
    """Within: two empty folders, of which `result` becomes `target` if all goes well. Otherwise nothing is left.

    Raises:
        ConfigError: if `target` exists, its folder cannot be written, another process exports to it, or the disk
            becomes full.
    """
    refuse_existing(target)
    aside = target.parent / f".{target.name}.exporting"
    try:
        aside.mkdir(parents=True, exist_ok=True)
        lock = claim(aside)
    except Timeout:
        raise ConfigError(
            f"--to {short_path(target)}: another process is exporting to it. Wait, or name another."
        ) from None
    except OSError as error:
        raise ConfigError(
            f"--to {short_path(target)}: it cannot be made ({error.strerror}). Name another folder."
        ) from None
    try:
        _remove_within(aside)
        refuse_existing(target)  # another process may have finished meanwhile
        made = Aside(aside / target.name, aside / "scratch")
        made.result.mkdir()
        made.scratch.mkdir()
        yield made
        _make_durable(made.result)
        _rename(made.result, target)
    except OSError as error:
        if error.errno in DISK_IS_FULL:
            raise disk_is_full(target) from None
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        lock.release()


def refuse_existing(target: Path) -> None:
    """Return if there is nothing at `target`.

    Raises:
        ConfigError: if there is.
    """
    if os.path.lexists(target):
        raise ConfigError(f"--to {short_path(target)}: it exists already, and is not overwritten. Name a new folder.")


def refuse_small_disk(target: Path, needed_bytes: int) -> None:
    """Return if the disk of `target` has room for what is about to be written.

    Raises:
        ConfigError: with both sizes.
    """
    there = next(path for path in target.absolute().parents if path.is_dir())
    free = shutil.disk_usage(there).free
    if free < needed_bytes + _SPARE_BYTES:
        raise ConfigError(
            f"--to {short_path(target)}: the disk has {_gigabytes(free)} free, and this needs "
            f"{_gigabytes(needed_bytes + _SPARE_BYTES)} while it runs. Make room, or name a folder on another disk."
        )


def disk_is_full(target: Path) -> ConfigError:
    return ConfigError(
        f"--to {short_path(target)}: the disk is full, and nothing was kept. Make room, or name another."
    )


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"


def _remove_within(aside: Path) -> None:
    """What a process left that was killed."""
    for path in aside.iterdir():
        if path.name not in CLAIM_FILES:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _make_durable(folder: Path) -> None:
    """On the disk, and readable as other files of this user are: libraries write some for him alone."""
    mask = os.umask(0)
    os.umask(mask)
    for path in [*folder.rglob("*"), folder]:
        if path.is_file():
            path.chmod(0o666 & ~mask)
        _synchronize(path)


def _synchronize(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _rename(made: Path, target: Path) -> None:
    try:
        os.rename(made, target)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            refuse_existing(target)
        raise
    _synchronize(target.parent)
