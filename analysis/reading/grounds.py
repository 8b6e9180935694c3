"""What the trials of a study stood on, from their `provenance.json`: code, data, base, hardware, command."""

from collections.abc import Iterable
from dataclasses import dataclass

from analysis.reading.studies import Study
from medqa_sweeps.damage import NOT_WHAT_WAS_WRITTEN
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
    records = []
    for trial in study.trials:
        try:
            records.append(trial.directory.provenance())
        except ConfigError:
            continue
    parts: dict[str, list[object]] = {}
    for record in records:
        for name, make in _PARTS.items():
            try:
                parts.setdefault(name, []).append(make(record))
            except NOT_WHAT_WAS_WRITTEN:  # an older record, or one of a test, lacks it
                continue
    began = [float(record["created_at"]) for record in records if isinstance(record.get("created_at"), float)]
    return Grounds(**{name: _once(found) for name, found in parts.items()}, began=min(began, default=None))  # type: ignore[arg-type]


def _once(found: Iterable[object]) -> tuple[object, ...]:
    return tuple(dict.fromkeys(one for one in found if one))


def _commit(record: dict) -> str:  # type: ignore[type-arg]
    code = record["code"]
    return f"{code['commit'][:_COMMIT_CHARACTERS]}{' with uncommitted changes' if code['dirty'] else ''}"


def _base(record: dict) -> str:  # type: ignore[type-arg]
    base = record["base"]
    return f"{base['label']} at {base['revision'][:_REVISION_CHARACTERS]}" if base["revision"] else str(base["label"])


def _hardware(record: dict) -> str:  # type: ignore[type-arg]
    machine = record["hardware"]
    names = [gpu["name"] for gpu in machine["gpus"]]
    gpus = ", ".join(f"{names.count(name)} × {name}" for name in dict.fromkeys(names)) or "no GPU"
    return f"{machine['processor']}, {machine['cores']} cores, {machine['memory_bytes'] / _GIB:.0f} GiB memory; {gpus}"


_PARTS = {
    "commands": lambda record: str(record["command"]),
    "commits": _commit,
    "bases": _base,
    "questions": lambda record: (int(record["questions"]["train"]), int(record["questions"]["validation"])),
    "hardware": _hardware,
}
