"""What is shipped with the package: `sample`, a synthetic set of questions, and `tiny_gemma3`, a small base model."""

import os
from pathlib import Path

from medqa_sweeps.errors import ConfigError

_FOLDER = Path(__file__).parent
_PREFIX = "bundled:"


def resolve_bundled(text: str) -> Path:
    """The path that `text` names: "bundled:NAME" or "bundled:NAME/FILE" in here, anything else as it is, ~ expanded.

    Only a bundled path is known to exist.

    Raises:
        ConfigError: if nothing of that name is bundled.
    """
    if not text.startswith(_PREFIX):
        return Path(os.path.expanduser(text))
    name = text.removeprefix(_PREFIX).rstrip("/")
    bundled = _bundled()
    if name not in bundled:
        raise ConfigError(f"{text} is not shipped with medqa_sweeps; bundled are: {', '.join(bundled) or 'nothing'}.")
    return _FOLDER / name


def _bundled() -> list[str]:
    """Folders, and the data and model files in them, as they are written after "bundled:"."""
    names = []
    for folder in sorted(path for path in _FOLDER.iterdir() if path.is_dir() and not path.name.startswith("_")):
        files = sorted(path for path in folder.iterdir() if path.is_file() and path.suffix not in (".py", ".pyc"))
        names += [folder.name, *(f"{folder.name}/{path.name}" for path in files)]
    return names
