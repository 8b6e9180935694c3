"""The files of a model's folder: which of them can change a result, and hashes of their content.

Each process hashes small files again. The hash of a large file is cached on disk by path, inode, size and times. A file
that changed in the last seconds is not cached: on a disk with whole-second timestamps, its next change may be invisible
in its times.
"""

import hashlib
import os
import time
from collections.abc import Callable
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path

from medqa_sweeps.config import short_hash
from medqa_sweeps.durable.cache import shared
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.installation import IN_ENVIRONMENT
from medqa_sweeps.lfs import is_lfs_pointer

# What the loaders look for: vocabularies of all kinds, configs, chat templates, weights.
VOCABULARIES = ("tokenizer.json", "vocab*", "*.model", "tokenizer.model.*", "tekken.json", "*.tiktoken", "*.spm")
SMALL_FILES = ("*.json", "*.jinja", "*.txt", "*.codes", *VOCABULARIES)
FILES = (*SMALL_FILES, "*.safetensors")
TEMPLATES = "additional_chat_templates"  # the only subfolder that a loader reads
# Why a file cannot change a result, by the first pattern that matches its name.
IRRELEVANT_FILES = {
    "README*": "it is documentation for users",
    "LICENSE*": "it is documentation for users",
    "NOTICE*": "it is documentation for users",
    "USE_POLICY*": "it is documentation for users",
    "requirements*.txt": "nothing is installed from a model's folder",
    "modelcard.json": "it is documentation for users",
    "trainer_state.json": "a record of earlier training; no loader reads it",
    "*_results.json": "a record of earlier scores; no loader reads it",
    "pytorch_model.bin.index.json": "weights are loaded from safetensors only",
    "*.py": "code in a model's folder never runs, since trust_remote_code is off",
    "*.bin": "weights are loaded from safetensors only",
    "*.gguf": "weights are loaded from safetensors only",
    "*.pt": "weights are loaded from safetensors only",
    "*.pth": "weights are loaded from safetensors only",
    "*/*": "no loader reads this subfolder",
}
_NO_TYPE = "no loader reads files of this type"
_LARGE_BYTES = 1 << 24  # takes about 20 ms to hash; a cache lookup takes 1 ms
_UNSETTLED_SECONDS = 3.0  # the coarsest disks store times in steps of 2 s


def why_irrelevant(name: str) -> str | None:
    """Why a file of a model's folder cannot change a result; None: it can.

    Args:
        name: relative to the folder, with `/`.
    """
    if fnmatch(name, f"{TEMPLATES}/*.jinja"):
        return None
    for pattern, reason in IRRELEVANT_FILES.items():
        if fnmatch(name, pattern):
            return reason
    return None if any(fnmatch(name, pattern) for pattern in FILES) else _NO_TYPE


def hashes(folder: Path) -> dict[str, str]:
    """Hex SHA-256 of each file that can change a result, by its name relative to `folder`, sorted by name.

    Raises:
        ConfigError: if a file is a Git-LFS pointer, a broken link, or an incomplete safetensors file.
    """
    return {name: checked_hash(folder / name) for name in _names(folder)}


def refuse_broken_weights(file: Path) -> None:
    """Check that a safetensors file is complete: its header is readable, and as many bytes follow as it declares.

    Raises:
        FileNotFoundError: if there is no such file.
        ConfigError: if it is incomplete or a Git-LFS pointer.
    """
    from safetensors import SafetensorError, safe_open

    _refuse_pointer(file)
    try:
        with safe_open(file, framework="numpy"):
            pass
    except SafetensorError as error:
        raise ConfigError(
            f"{file}: not a readable safetensors file ({error}). A copy or download may have been cut short: fetch it "
            "again."
        ) from None


def _names(folder: Path) -> list[str]:
    inside = [*folder.iterdir(), *folder.glob(f"{TEMPLATES}/*")]
    names = [file.relative_to(folder).as_posix() for file in inside if file.is_symlink() or file.is_file()]
    return sorted(name for name in names if why_irrelevant(name) is None)


def checked_hash(file: Path) -> str:
    """Hex SHA-256 of a file.

    Raises:
        ConfigError: if it is a Git-LFS pointer, a broken link, or an incomplete safetensors file.
    """
    try:
        before = _state(file)
    except FileNotFoundError:
        raise ConfigError(
            f"{file} is a link to a file that does not exist. Fetch that file (`git annex get`, or download the model "
            "again)."
        ) from None
    check: Callable[..., str] = _check_and_hash if _is_settled(before) else _check_and_hash.__wrapped__
    return check(file, before)


State = tuple[str, int, int, int, int]


def _state(file: Path) -> State:
    """Real path, inode, size and times in nanoseconds; they change when the file changes."""
    stat = file.stat()
    return os.path.realpath(file), stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _is_settled(state: State) -> bool:
    """Whether any later change will show in the file's times. On a disk with a wrong clock, it is True at once."""
    return abs(time.time_ns() - max(state[-2:])) > _UNSETTLED_SECONDS * 1e9


@lru_cache(maxsize=4096)
def _check_and_hash(file: Path, state: State) -> str:
    """The hash of a complete file; cached in this process, and on disk for a large file."""
    if file.suffix == ".safetensors":
        refuse_broken_weights(file)
    else:
        _refuse_pointer(file)
    if state[2] < _LARGE_BYTES or not _is_settled(state):
        return _sha256(file)
    return shared("fingerprints", short_hash(state), lambda: {"sha256": _sha256(file)})[0]["sha256"]


def _sha256(file: Path) -> str:
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _refuse_pointer(file: Path) -> None:
    if is_lfs_pointer(file):
        raise ConfigError(
            f"{file} is a Git-LFS pointer, not the file itself. Run `git lfs pull` in the model's folder, or download "
            f"the model with `{IN_ENVIRONMENT}hf download`."
        )
