"""The settings of a W&B run: `tracking.*` combined with W&B's own variables, before anything is sent."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from medqa_sweeps.config import TrackingConfig
from medqa_sweeps.tracking.variables import SERVER, Variables, from_record, tags_in, variables_here

OFF = "disabled"
_MOST_RESTRICTIVE_FIRST = (OFF, "offline", "online", "auto")
_MODES = {"online": "online", "run": "online", "shared": "online", "offline": "offline", "dryrun": "offline", OFF: OFF}
_NOT_DISABLED = dict.fromkeys(("0", "false", "False", "FALSE", "no", "off"), "auto")
_SWITCHES = {"WANDB_MODE": _MODES, "WANDB_DISABLED": _NOT_DISABLED}  # any other value is off
_DEFAULTS = TrackingConfig()


@dataclass(frozen=True)
class Mode:
    """`name`: auto | online | offline | disabled; `source`: where it is set, such as `WANDB_MODE=offline`."""

    name: str
    source: str


@dataclass(frozen=True)
class RunSettings:
    """The settings of a W&B run: whether and where it is sent, and its names."""

    mode: Mode
    project: str
    entity: str | None  # None: the key's own
    group: str
    name: str
    job_type: str
    tags: tuple[str, ...]
    notes: str | None
    host: str | None  # None: not shown
    server: str | None  # URL; None: the client's default
    sweep_id: str | None  # of a W&B sweep, whose agent started the run


def run_settings(
    tracking: TrackingConfig,
    record: Mapping[str, str] | None,
    group: str = "",
    name: str = "",
    mode: str | None = None,
    current: Variables | None = None,
) -> RunSettings:
    """The config takes precedence over the variables at the start of the trial; for the mode see `effective_mode`.

    Args:
        record: the variables that the trial recorded; None: it recorded none, so the current ones apply.
        group: used where neither `tracking.group` nor WANDB_RUN_GROUP is set.
        name: used where WANDB_NAME is not set.
        mode: replaces `tracking.mode`, unless the trial was switched off.
        current: the variables now; None: of this process.
    """
    current = variables_here() if current is None else current
    recorded = from_record(record or {})
    then = current if record is None else recorded
    return RunSettings(
        mode=effective_mode(tracking.mode, then, current, mode),
        project=_set(tracking, "project") or _value("WANDB_PROJECT", then) or _DEFAULTS.project,
        entity=_set(tracking, "entity") or _value("WANDB_ENTITY", then),
        group=_set(tracking, "group") or _value("WANDB_RUN_GROUP", then) or group,
        name=_value("WANDB_NAME", recorded) or name,
        job_type=_value("WANDB_JOB_TYPE", then) or "trial",
        tags=tuple(tracking.tags) or tags_in(_value("WANDB_TAGS", then) or ""),
        notes=_lines(tracking.notes) or _value("WANDB_NOTES", then),
        host=_value("WANDB_HOST", then),
        server=_value(SERVER, current, then),
        sweep_id=_value("WANDB_SWEEP_ID", recorded),
    )


def effective_mode(requested: str, then: Variables, current: Variables, override: str | None = None) -> Mode:
    """The most restrictive of `tracking.mode`, the variables when the trial began and the variables now.

    An unknown WANDB_MODE means disabled: a misspelt `offline` must not send anything.

    Args:
        override: replaces the requested mode, unless that is disabled; the current variables still restrict it.
    """
    mode = _most_restrictive(Mode(requested, f"tracking.mode={requested}"), *_modes_of(current), *_modes_of(then))
    if override is None or mode.name == OFF:
        return mode
    return _most_restrictive(Mode(override, "as requested"), *_modes_of(current))


def upload_text(requested: str) -> str:
    """What leaves the machine while trials run, for people, before anything starts; "" where nothing does.

    Whether a key is stored is found out when the first run opens: the client takes seconds to import.

    Args:
        requested: `tracking.mode`.
    """
    if effective_mode(requested, {}, variables_here()).name not in ("auto", "online"):
        return ""
    return "Uploads    results go to W&B as they arrive, if an API key is stored; tracking=none keeps everything here"


def invalid_mode(current: Variables) -> str | None:
    """A clause about an unknown WANDB_MODE; None if it is valid or not set."""
    found = current.get("WANDB_MODE")
    if found is None or found.value in _MODES:
        return None
    return f"{found.source} is none of {', '.join(_MODES)}"


def _modes_of(variables: Variables) -> Iterator[Mode]:
    for name, modes in _SWITCHES.items():
        if found := variables.get(name):
            yield Mode(modes.get(found.value, OFF), found.source)


def _most_restrictive(*modes: Mode) -> Mode:
    """The most restrictive mode; the first of several equal ones."""
    return min(modes, key=lambda mode: _MOST_RESTRICTIVE_FIRST.index(mode.name))


def _set(tracking: TrackingConfig, key: str) -> str | None:
    """The config's value; None if it is the default."""
    value: str | None = getattr(tracking, key)
    return None if value == getattr(_DEFAULTS, key) else value


def _value(name: str, *ranked: Variables) -> str | None:
    return next((variables[name].value for variables in ranked if name in variables), None)


def _lines(notes: dict[str, str]) -> str | None:
    return "\n".join(f"{name}: {text}" for name, text in notes.items()) or None
