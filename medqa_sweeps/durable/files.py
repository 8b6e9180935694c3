"""Files that a reader sees whole or not at all, whenever the process that writes them dies."""

import os
from pathlib import Path


def write_atomically(path: Path, text: str) -> None:
    """Replace `path` by `text`, so that a reader sees the old or the new and never a part."""
    os.replace(write_beside(path, text), path)


def replace_quickly(path: Path, text: str) -> None:
    """As `write_atomically`, without waiting for the disk: when the machine dies, the old or nothing may be found."""
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


def put_first(written: Path, path: Path) -> None:
    """Give a file its name, unless there is one of that name: the first stands.

    A link refuses to replace, unlike a rename. Where a disk has none, only the process that holds the folder writes.

    Raises:
        FileExistsError: if there is one.
    """
    try:
        os.link(written, path)
    except FileExistsError:
        raise
    except OSError:
        if path.exists():
            raise FileExistsError(path) from None
        os.replace(written, path)
