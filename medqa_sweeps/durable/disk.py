"""Checks, before anything trains, that a disk supports what trials need."""

import os
import shutil
from pathlib import Path

from medqa_sweeps.errors import ConfigError


def refuse_unfit(folder: Path) -> None:
    """Check that files and folders can be written, extended, truncated and renamed on the disk of `folder`, which need
    not exist yet. Leaves nothing behind.

    Raises:
        ConfigError: if one of these is impossible; the message names it.
    """
    there = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    probe = there / f".probe-{os.getpid()}"
    doing = "create a folder"
    try:
        probe.mkdir()
        doing = "write and extend a file"
        with open(probe / "written", "a+b") as file:
            file.write(b"a line\nhalf a")
            file.flush()
            os.fsync(file.fileno())
            doing = "truncate a file"
            file.truncate(7)
        doing = "replace a file by another"
        (probe / "other").write_bytes(b"")
        os.replace(probe / "other", probe / "written")
        doing = "rename a folder"
        (probe / ".writing").mkdir()
        (probe / ".writing" / "file").touch()
        os.rename(probe / ".writing", probe / "step")
    except OSError as error:
        raise ConfigError(
            f"{folder}: this disk cannot {doing} ({error.strerror}), so it cannot store trials. Choose a folder on "
            "another disk: hydra.run.dir or hydra.sweep.dir."
        ) from None
    finally:
        shutil.rmtree(probe, ignore_errors=True)
