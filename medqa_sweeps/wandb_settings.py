"""What a W&B run is opened with: `tracking.*` weighed against W&B's own variables, before anything goes out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from medqa_sweeps.config import TrackingConfig
from medqa_sweeps.wandb_variables import SERVER, Variables, from_record, tags_in, variables_here

OFF = "disabled"
_QUIETEST_FIRST = (OFF, "offline", "online", "auto")
_MODES = {"online": "online", "run": "online", "shared": "online", "offline": "offline", "dryrun": "offline", OFF: OFF}
_NOT_DISABLED = dict.fromkeys(("0", "false", "False", "FALSE", "no", "off"), "auto")
_SWITCHES = {"WANDB_MODE": _MODES, "WANDB_DISABLED": _NOT_DISABLED}
_AS_IT_COMES = TrackingConfig()


@dataclass(frozen=True)
class Sending:
    """`mode`: auto | online | offline | disabled; `why`: who said so, as people would find it."""

    mode: str
    why: str


@dataclass(frozen=True)
class RunSettings:
    """Where a run belongs, what it is called, and whether it is sent."""

    sending: Sending
    project: str
    entity: str | None  # null: the key's own
    group: str
    name: str
    job_type: str
    tags: tuple[str, ...]
    notes: str | None
    host: str | None  # null: none is shown
    server: str | None  # null: as the client finds it
    sweep_id: str | None  # W&B's own, of an agent


def run_settings(
    tracking: TrackingConfig,
    record: Mapping[str, str] | None,
    group: str = "",
    name: str = "",
    mode: str | None = None,
    here: Variables | None = None,
) -> RunSettings:
    """A variable counts where `tracking.*` is left at its default, and as it was when the trial began.

    Whether anything is sent is asked anew each time: of what config, trial and variables say, the most silent counts.

    Args:
        record: the variables as the trial noted them; None: it noted none, so those that are set now count.
        group: stands in where neither `tracking.group` nor WANDB_RUN_GROUP names one. `name`: likewise.
        mode: instead of `tracking.mode`, unless that or what the trial noted is disabled.
        here: the variables now; None: of this process.
    """
    here = variables_here() if here is None else here
    noted = from_record(record or {})
    then = here if record is None else noted
    return RunSettings(
        sending=sending(tracking.mode, then, here, mode),
        project=_set(tracking, "project") or _value("WANDB_PROJECT", then) or _AS_IT_COMES.project,
        entity=_set(tracking, "entity") or _value("WANDB_ENTITY", then),
        group=_set(tracking, "group") or _value("WANDB_RUN_GROUP", then) or group,
        name=_value("WANDB_NAME", noted) or name,
        job_type=_value("WANDB_JOB_TYPE", then) or "trial",
        tags=tuple(tracking.tags) or tags_in(_value("WANDB_TAGS", then) or ""),
        notes=_lines(tracking.notes) or _value("WANDB_NOTES", then),
        host=_value("WANDB_HOST", then),
        server=_value(SERVER, here, then),
        sweep_id=_value("WANDB_SWEEP_ID", noted),
    )


def sending(asked: str, then: Variables, here: Variables, instead: str | None = None) -> Sending:
    """The most silent of what was asked for and of what the variables said then and say now.

    A mode that W&B does not have is off: whoever misspelt `offline` did not want to be online.

    Args:
        instead: asked for now, which counts unless W&B was off.
    """
    decided = _most_silent(Sending(asked, f"tracking.mode={asked}"), *_said_by(here), *_said_by(then))
    if instead is None or decided.mode == OFF:
        return decided
    return _most_silent(Sending(instead, "as asked"), *_said_by(here))


def misspelt(here: Variables) -> str | None:
    """A sentence on a WANDB_MODE that W&B does not have; None if it is one, or not set."""
    said = here.get("WANDB_MODE")
    if said is None or said.value in _MODES:
        return None
    return f"{said.source} is none of {', '.join(_MODES)}"


def _said_by(variables: Variables) -> Iterator[Sending]:
    for name, modes in _SWITCHES.items():
        if said := variables.get(name):
            yield Sending(modes.get(said.value, OFF), said.source)


def _most_silent(*said: Sending) -> Sending:
    """The first of them, where several are as silent."""
    return min(said, key=lambda one: _QUIETEST_FIRST.index(one.mode))


def _set(tracking: TrackingConfig, key: str) -> str | None:
    """What somebody wrote into the config; None where it is as it comes."""
    value: str | None = getattr(tracking, key)
    return None if value == getattr(_AS_IT_COMES, key) else value


def _value(name: str, *ranked: Variables) -> str | None:
    return next((variables[name].value for variables in ranked if name in variables), None)


def _lines(notes: dict[str, str]) -> str | None:
    return "\n".join(f"{name}: {text}" for name, text in notes.items()) or None
