"""Writes files so that readers see them complete or not at all, even if the writing process dies."""

import os
from pathlib import Path


def write_atomically(path: Path, text: str) -> None:
    """Replace the content of `path` by `text`; readers see the old or the new content, never a part."""
    os.replace(write_beside(path, text), path)


def replace_quickly(path: Path, text: str) -> None:
    """As `write_atomically`, without waiting for the disk: a crash of the machine may leave the old file or none."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text)
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def write_beside(path: Path, text: str) -> Path:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError:  # a full disk: leave nothing half-written
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def rename_if_absent(written: Path, path: Path) -> None:
    """Rename a file to `path`, unless `path` exists: the first file stays.

    Unlike a rename, a hard link never replaces a file. On a disk without links, only the process that locked the folder
    writes.

    Raises:
        FileExistsError: if `path` exists.
    """
    try:
        os.link(written, path)
    except FileExistsError:
        raise
    except OSError:
        if path.exists():
            raise FileExistsError(path) from None
        os.replace(written, path)
