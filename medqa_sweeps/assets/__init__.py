"""Data in the package: the synthetic `sample`, two small bases `tiny_gemma3…`, and `off_topic` questions for `ask`."""

import os
from pathlib import Path

from medqa_sweeps.errors import ConfigError

_FOLDER = Path(__file__).parent
_PREFIX = "bundled:"


def resolve_bundled(text: str) -> Path:
    """The path that `text` names: "bundled:NAME" or "bundled:NAME/FILE" in this folder; any other path with ~ expanded.

    Only a bundled path is checked to exist.

    Raises:
        ConfigError: if no bundled file or folder has that name.
    """
    if not text.startswith(_PREFIX):
        return Path(os.path.expanduser(text))
    name = text.removeprefix(_PREFIX).rstrip("/")
    bundled = _bundled()
    if name not in bundled:
        raise ConfigError(f"{text} is not part of medqa_sweeps; bundled are: {', '.join(bundled) or 'nothing'}.")
    return _FOLDER / name


def _bundled() -> list[str]:
    """Folders and their data and model files, as written after "bundled:"."""
    names = []
    for folder in sorted(path for path in _FOLDER.iterdir() if path.is_dir() and not path.name.startswith("_")):
        files = sorted(path for path in folder.iterdir() if path.is_file() and path.suffix not in (".py", ".pyc"))
        names += [folder.name, *(f"{folder.name}/{path.name}" for path in files)]
    return names
