"""Git-LFS pointers, which stand in for large files in a clone until git-lfs fetches them."""

from pathlib import Path

_BEGINS = b"version https://git-lfs.github.com/spec/"
_MOST_BYTES = 1024  # a pointer is shorter: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md


def is_lfs_pointer(file: Path) -> bool:
    """Whether `file` is a Git-LFS pointer; False if it cannot be read."""
    try:
        if file.stat().st_size >= _MOST_BYTES:
            return False
        with open(file, "rb") as stream:
            return stream.read(len(_BEGINS)) == _BEGINS
    except OSError:
        return False
