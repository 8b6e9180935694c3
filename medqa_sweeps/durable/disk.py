"""What a disk must be able to do for trials to be kept on it: asked before anything trains."""

import os
import shutil
from pathlib import Path

from medqa_sweeps.errors import ConfigError


def refuse_unfit(folder: Path) -> None:
    """Nothing if files and folders can be written, lengthened, cut and renamed on the disk of `folder`, which need not
    be there yet. Leaves nothing behind.

    Raises:
        ConfigError: naming what cannot be done.
    """
    there = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    probe = there / f".probe-{os.getpid()}"
    doing = "make a folder"
    try:
        probe.mkdir()
        doing = "write and lengthen a file"
        with open(probe / "written", "a+b") as file:
            file.write(b"a line\nhalf a")
            file.flush()
            os.fsync(file.fileno())
            doing = "cut a file"
            file.truncate(7)
        doing = "put a file in the place of another"
        (probe / "other").write_bytes(b"")
        os.replace(probe / "other", probe / "written")
        doing = "rename a folder"
        (probe / ".writing").mkdir()
        (probe / ".writing" / "file").touch()
        os.rename(probe / ".writing", probe / "step")
    except OSError as error:
        raise ConfigError(
            f"{folder}: this disk cannot {doing} ({error.strerror}), so no trial could be kept there. Choose a folder "
            "on another disk: hydra.run.dir or hydra.sweep.dir."
        ) from None
    finally:
        shutil.rmtree(probe, ignore_errors=True)
