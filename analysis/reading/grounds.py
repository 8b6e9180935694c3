"""What the trials of a study stood on, from their `provenance.json`: code, data, base, hardware, command."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from medqa_sweeps.analysis.reading.studies import Study
from medqa_sweeps.damage import PARSE_ERRORS
from medqa_sweeps.errors import ConfigError

_COMMIT_CHARACTERS = 12
_REVISION_CHARACTERS = 12
_GIB = 2**30


@dataclass(frozen=True)
class Grounds:
    """Of all trials whose record can be read; each text once, in the order of the trials."""

    commands: tuple[str, ...] = ()
    commits: tuple[str, ...] = ()  # `a08eb54b7c28`, `a08eb54b7c28 with uncommitted changes`
    bases: tuple[str, ...] = ()  # `unsloth/gemma-3-1b-it at 8ae1f1a2b3c4`
    questions: tuple[tuple[int, int], ...] = ()  # numbers of training and validation questions
    hardware: tuple[str, ...] = ()
    began: float | None = None  # seconds since the epoch, of the first trial's submission


def grounds_of(study: Study) -> Grounds:
    """Read from every trial: code and hardware can change where a study was resumed."""
    parts: dict[str, dict[object, None]] = {}  # an ordered set each: 10,000 whole records would be half a gigabyte
    began: list[float] = []
    for trial in study.trials:
        try:
            record = trial.directory.provenance()
        except ConfigError:
            continue
        if isinstance(record.get("created_at"), float):
            began.append(record["created_at"])
        for name, make in _PARTS.items():
            try:
                parts.setdefault(name, {})[make(record)] = None
            except PARSE_ERRORS:  # an older record lacks it
                continue
    once: dict[str, Any] = {name: tuple(found) for name, found in parts.items()}
    return Grounds(**once, began=min(began, default=None))


def _commit(record: dict[str, Any]) -> str:
    code = record["code"]
    return f"{code['commit'][:_COMMIT_CHARACTERS]}{' with uncommitted changes' if code['dirty'] else ''}"


def _base(record: dict[str, Any]) -> str:
    base = record["base"]
    return f"{base['label']} at {base['revision'][:_REVISION_CHARACTERS]}" if base["revision"] else str(base["label"])


def _hardware(record: dict[str, Any]) -> str:
    machine = record["hardware"]
    names = [gpu["name"] for gpu in machine["gpus"]]
    gpus = ", ".join(f"{names.count(name)} × {name}" for name in dict.fromkeys(names)) or "no GPU"
    return f"{machine['processor']}, {machine['cores']} cores, {machine['memory_bytes'] / _GIB:.0f} GiB memory; {gpus}"


_PARTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "commands": lambda record: str(record["command"]),
    "commits": _commit,
    "bases": _base,
    "questions": lambda record: (int(record["questions"]["train"]), int(record["questions"]["validation"])),
    "hardware": _hardware,
}
