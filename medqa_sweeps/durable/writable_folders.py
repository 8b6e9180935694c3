"""Finds writable folders for this program and its libraries, also for users without a home, name or writable home.

Containers and clusters run programs as users that are in no user database, or whose home is missing or read-only.
"""

import contextlib
import functools
import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path

from medqa_sweeps.errors import ConfigError

CACHE_VARIABLE = "MEDQA_SWEEPS_CACHE"
# Variables for what libraries keep in the home by default: logs and artifacts, compiled kernels, fonts.
_LIBRARY_FOLDERS = {
    "WANDB_CACHE_DIR": "wandb",
    "WANDB_DATA_DIR": "wandb-data",
    "TRITON_CACHE_DIR": "triton",
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "MPLCONFIGDIR": "matplotlib",
}


def cache_folder() -> Path:
    """`$MEDQA_SWEEPS_CACHE`, else the first of the usual folders that is writable; absolute, and existing.

    It may be deleted while no trial runs.

    Raises:
        ConfigError: if the variable names a folder that cannot be written, or no usual folder is writable.
    """
    if configured := os.environ.get(CACHE_VARIABLE):
        folder = Path(configured).absolute()
        if obstacle := obstacle_to_writing(folder):
            raise ConfigError(
                f"{CACHE_VARIABLE}={configured} cannot be written ({obstacle}). Choose a writable folder, or unset it."
            )
        return folder
    tried = {folder: obstacle_to_writing(folder) for folder in _usual_caches()}
    found = next((folder for folder, obstacle in tried.items() if not obstacle), None)
    if found is None:
        reasons = "; ".join(f"{folder}: {obstacle}" for folder, obstacle in tried.items())
        raise ConfigError(
            f"No folder for the cache is writable ({reasons}). Set {CACHE_VARIABLE} to a writable folder."
        )
    return found


def data_folder() -> Path:
    """The user's folder for what must be kept, `$XDG_DATA_HOME/medqa_sweeps`, by default below `~/.local/share`;
    absolute, and existing.

    Raises:
        ConfigError: if it cannot be written.
    """
    home = home_folder() or _own_temporary()
    configured = os.environ.get("XDG_DATA_HOME")
    folder = (Path(configured).absolute() if configured else home / ".local" / "share") / "medqa_sweeps"
    if obstacle := obstacle_to_writing(folder):
        raise ConfigError(f"{folder} cannot be written ({obstacle}). Set XDG_DATA_HOME to a writable folder.")
    return folder


def home_folder() -> Path | None:
    """This user's home; None: it is unknown or does not exist."""
    home = Path(os.path.expanduser("~"))  # stays "~" without HOME and without an entry in the user database
    return home if home.is_absolute() and home.is_dir() else None


@functools.cache
def obstacle_to_writing(folder: Path) -> str:
    """Why a folder, which is created if necessary, is not writable; empty: it is."""
    temporary = is_temporary(folder)
    try:
        folder.mkdir(mode=0o700 if temporary else 0o777, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return error.strerror or type(error).__name__
    found = folder.lstat()
    # Anybody can create a folder of this name before we do, and then replace our files.
    return "other users can write to it" if temporary and (found.st_uid != os.getuid() or found.st_mode & 0o022) else ""


def complete_environment() -> None:
    """Set home, user and writable folders in the environment, where libraries would find none.

    A readable home stays the home, for its keys and models.
    """
    try:
        folder = cache_folder()
        os.environ[CACHE_VARIABLE] = str(folder)
    except ConfigError:  # reported when the cache is needed
        folder = _own_temporary()
        obstacle_to_writing(folder)  # creates it
    if not _has_name():
        os.environ["USER"] = f"uid{os.getuid()}"
    home = home_folder()
    if home is None:
        os.environ["HOME"] = str(folder / "home")
        obstacle_to_writing(folder / "home")  # creates it
    elif obstacle_to_writing(home / ".cache"):
        for variable, name in _LIBRARY_FOLDERS.items():
            os.environ.setdefault(variable, str(folder / name))
        if not (home / ".cache" / "huggingface").exists():  # otherwise its models and key are used
            os.environ.setdefault("HF_HOME", str(folder / "huggingface"))


def _usual_caches() -> Iterator[Path]:
    """The best first; the last lives as long as the machine keeps temporary files."""
    if configured := os.environ.get("XDG_CACHE_HOME"):
        yield Path(configured).absolute() / "medqa_sweeps"
    if home := home_folder():
        yield home / ".cache" / "medqa_sweeps"
    yield _own_temporary()


def is_temporary(folder: Path) -> bool:
    """Whether a cache is in the temporary folder, which a restart of the machine may delete."""
    return folder == _own_temporary()


def _own_temporary() -> Path:
    return Path(tempfile.gettempdir()) / f"medqa_sweeps-{os.getuid()}"


def _has_name() -> bool:
    if any(os.environ.get(variable) for variable in ("LOGNAME", "USER", "LNAME", "USERNAME")):
        return True
    with contextlib.suppress(KeyError):
        pwd.getpwuid(os.getuid())
        return True
    return False
