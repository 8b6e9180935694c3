"""W&B's own environment variables: what each one decides here. One table, which all that speaks of W&B reads.

The client's settings files (`wandb offline`, `wandb disabled` and `wandb init` write them) say the same things under
other names, and count where the variable is not set. `wandb_settings.py` weighs them against `tracking.*`.
"""

import configparser
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Rule(StrEnum):
    """What becomes of a variable."""

    SWITCH = "Of it and `tracking.mode`, the one that sends less decides."
    DEFAULT = "Used where `tracking.*` is left at its default. Noted with the trial when it begins."
    ONE_RUN = "Used for a single run. Not used in a sweep, where it would make one run of all trials."
    CLIENT = "Read by the client itself."
    MERGES = "Not used, as every trial is a run of its own; a sweep says so."
    UNUSED = "Not used."


@dataclass(frozen=True)
class Variable:
    name: str
    rule: Rule
    says: str  # what it decides, or why it is not used
    setting: str | None = None  # the client's own, as its settings files name it; null: it has none that matters
    key: str | None = None  # of `tracking.*`, which ranks above it


VARIABLES = (
    Variable("WANDB_MODE", Rule.SWITCH, "online, offline, disabled; dryrun is offline, run and shared online", "mode"),
    Variable("WANDB_DISABLED", Rule.SWITCH, "anything but false, no, off, 0 turns W&B off"),
    Variable("WANDB_PROJECT", Rule.DEFAULT, "the project", "project", "project"),
    Variable("WANDB_ENTITY", Rule.DEFAULT, "team or user", "entity", "entity"),
    Variable("WANDB_RUN_GROUP", Rule.DEFAULT, "the group, instead of the study's name", "run_group", "group"),
    Variable("WANDB_TAGS", Rule.DEFAULT, "tags, joined by commas", "run_tags", "tags"),
    Variable("WANDB_NOTES", Rule.DEFAULT, "the runs' notes", "run_notes", "notes"),
    Variable("WANDB_JOB_TYPE", Rule.DEFAULT, "the trials' job type, instead of trial", "run_job_type"),
    Variable("WANDB_HOST", Rule.DEFAULT, "the host that is shown; without it W&B is told none", "host"),
    Variable("WANDB_RUN_ID", Rule.ONE_RUN, "the run's id, instead of one that follows from the folder", "run_id"),
    Variable("WANDB_NAME", Rule.ONE_RUN, "the run's name, instead of STUDY/TRIAL", "run_name"),
    Variable("WANDB_SWEEP_ID", Rule.ONE_RUN, "the W&B sweep of an agent, to which the run belongs", "sweep_id"),
    Variable("WANDB_RESUME", Rule.MERGES, "a run goes on where its folder does", "resume"),
    Variable("WANDB_RESUME_FROM", Rule.MERGES, "a run goes on where its folder does", "resume_from"),
    Variable("WANDB_FORK_FROM", Rule.MERGES, "a run goes on where its folder does", "fork_from"),
    Variable("WANDB_SWEEP_PARAM_PATH", Rule.UNUSED, "a trial's settings are its config's", "sweep_param_path"),
    Variable("WANDB_CONFIG_PATHS", Rule.UNUSED, "a trial's settings are its config's", "config_paths"),
    Variable("WANDB_LAUNCH", Rule.MERGES, "a launched job is one run", "launch"),
    Variable("WANDB_LAUNCH_CONFIG_PATH", Rule.UNUSED, "a trial's settings are its config's", "launch_config_path"),
    Variable("WANDB_BASE_URL", Rule.CLIENT, "the server; noted with the trial, for what is sent later", "base_url"),
    Variable("WANDB_API_KEY", Rule.CLIENT, "the key"),
    Variable("WANDB_IDENTITY_TOKEN_FILE", Rule.CLIENT, "a token instead of a key"),
    Variable("WANDB_CREDENTIALS_FILE", Rule.CLIENT, "where what the token buys is kept"),
    Variable("WANDB_HTTP_PROXY", Rule.CLIENT, "the proxy on the way to the server"),
    Variable("WANDB_HTTPS_PROXY", Rule.CLIENT, "the proxy on the way to the server"),
    Variable("WANDB_INSECURE_DISABLE_SSL", Rule.CLIENT, "certificates are not checked"),
    Variable("WANDB_APP_URL", Rule.CLIENT, "the address that people are shown"),
    Variable("WANDB_IGNORE_GLOBS", Rule.CLIENT, "files that are not sent"),
    Variable("WANDB_DIR", Rule.CLIENT, "where W&B writes its files, instead of the trial's folder"),
    Variable("WANDB_CONFIG_DIR", Rule.CLIENT, "where its settings file is"),
    Variable("WANDB_CACHE_DIR", Rule.CLIENT, "where it caches"),
    Variable("WANDB_DATA_DIR", Rule.CLIENT, "where what is to be sent waits"),
    Variable("WANDB_SERVICE", Rule.CLIENT, "a running service process; one that does not answer is passed over"),
    Variable("WANDB_ERROR_REPORTING", Rule.CLIENT, "reports of its errors, off unless it is set"),
    Variable("WANDB_USERNAME", Rule.CLIENT, "who you are"),
    Variable("WANDB_USER_EMAIL", Rule.CLIENT, "who you are"),
    Variable("WANDB_CONSOLE", Rule.UNUSED, "what a trial prints stays in its trial.log"),
    Variable("WANDB_DISABLE_CODE", Rule.UNUSED, "code is never sent"),
    Variable("WANDB_SAVE_CODE", Rule.UNUSED, "code is never sent"),
    Variable("WANDB_DISABLE_GIT", Rule.UNUSED, "commit and diff are never sent"),
    Variable("WANDB_DOCKER", Rule.UNUSED, "the machine is never described"),
    Variable("WANDB_SILENT", Rule.UNUSED, "the client is always silent; the sweep says where its runs are"),
    Variable("WANDB_QUIET", Rule.UNUSED, "the client is always silent; the sweep says where its runs are"),
    Variable("WANDB_INIT_TIMEOUT", Rule.UNUSED, "a run begins within 10 s, or is told later"),
)
SERVER = "WANDB_BASE_URL"
_BY_NAME = {variable.name: variable for variable in VARIABLES}
_LONGEST_TAG = 64  # characters; W&B refuses a run with a longer one


@dataclass(frozen=True)
class Said:
    """A value, and how people would find it again: `WANDB_MODE=offline`."""

    value: str
    source: str


Variables = Mapping[str, Said]


def variables_here(environment: Mapping[str, str] = os.environ) -> dict[str, Said]:
    """What is said here and now, by variable. An empty one is as unset; a variable ranks above a settings file."""
    said: dict[str, Said] = {}
    for file in _settings_files(environment):
        settings = _read(file)
        for variable in VARIABLES:
            if variable.setting and (value := settings.get(variable.setting, "").strip()):
                said[variable.name] = Said(value, f"{variable.setting}={value} in {file}")
    for name in _BY_NAME:
        if (value := environment.get(name, "")).strip():
            said[name] = Said(value, f"{name}={value}")
    return said


def to_record(variables: Variables, alone: bool) -> dict[str, str]:
    """What a trial that begins notes: where its run belongs and what it is called, never a secret.

    Args:
        alone: whether it is a single run, not one of a sweep.
    """
    rules = {Rule.SWITCH, Rule.DEFAULT} | ({Rule.ONE_RUN} if alone else set())
    kept = {name: said.value for name, said in variables.items() if _BY_NAME[name].rule in rules}
    if SERVER in variables and "@" not in variables[SERVER].value:  # a password may stand before it
        kept[SERVER] = variables[SERVER].value
    return kept


def from_record(record: Mapping[str, str]) -> dict[str, Said]:
    """What `to_record` noted."""
    return {name: Said(value, f"{name}={value} when the trial began") for name, value in record.items()}


def not_used(here: Variables, record: Mapping[str, str] | None) -> str | None:
    """A sentence that names what is set and would make several runs one; None if nothing is.

    Args:
        record: what the trial noted: that of a single run holds what is used.
    """
    kept_away = [name for name in here if _BY_NAME[name].rule in (Rule.ONE_RUN, Rule.MERGES)]
    names = [name for name in kept_away if name not in (record or {})]
    return f"{', '.join(names)} not used: every trial is a run of its own" if names else None


def tags_in(value: str) -> tuple[str, ...]:
    """The tags of WANDB_TAGS, without those that W&B would refuse the run for."""
    return tuple(tag for part in value.split(",") if 0 < len(tag := part.strip()) <= _LONGEST_TAG)


def settings_to_clear() -> Iterable[str]:
    """The client's settings of which it must know nothing but what a run is opened with."""
    return [variable.setting for variable in VARIABLES if variable.setting and variable.rule is not Rule.CLIENT]


def as_markdown() -> str:
    """The table for people; `docs/wandb.md` holds it."""
    rows = [f"| `{one.name}` | {one.says} | {_ranks_below(one)}{one.rule} |" for one in VARIABLES]
    return "\n".join(["| variable | what it says | what becomes of it |", "|---|---|---|", *rows])


def _ranks_below(variable: Variable) -> str:
    return f"`tracking.{variable.key}` ranks above it. " if variable.key else ""


def _settings_files(environment: Mapping[str, str]) -> list[Path]:
    """The user's and this folder's, which ranks above it; where the client (0.31) looks for them."""
    user = Path(environment.get("WANDB_CONFIG_DIR") or "~/.config/wandb")
    here = Path(".wandb" if Path(".wandb").exists() else "wandb")
    return [folder / "settings" for folder in (user, here)]


def _read(file: Path) -> dict[str, str]:
    parser = configparser.ConfigParser()
    try:
        parser.read(file.expanduser())
        return dict(parser.items("default"))
    except (OSError, RuntimeError, UnicodeError, configparser.Error):  # absent or broken, or nobody has a home: as W&B
        return {}
