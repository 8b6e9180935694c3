"""The lines of each model in a trial's files, as bytes: what every trial of a study has alike needs reading once."""

import json
import re
from pathlib import Path

from medqa_sweeps import damage

_SEEN = re.compile(rb'\{"samples_seen": (\d+),')  # how our own lines begin


def lines_by_model(path: Path) -> dict[int, bytes]:
    """By samples seen, the complete lines of a file of such records; nothing if there is no file.

    Raises:
        ConfigError: if a line does not say of which model it is; the message names the file and the line.
    """
    parts: dict[int, list[bytes]] = {}
    if path.exists():
        with open(path, "rb") as file:
            for number, text in enumerate(file, start=1):
                if text.endswith(b"\n"):
                    parts.setdefault(_seen(path, number, text), []).append(text)
    return {seen: b"".join(texts) for seen, texts in parts.items()}


def _seen(path: Path, number: int, text: bytes) -> int:
    if found := _SEEN.match(text):
        return int(found[1])
    with damage.parsing(path, line=number):
        return int(json.loads(text)["samples_seen"])
