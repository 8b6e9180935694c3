"""W&B's own environment variables: one table of how each is treated.

The client's settings files (written by `wandb offline`, `wandb disabled` and `wandb init`) contain the same settings
under other names; they apply if the variable is not set. `run_settings.py` combines both with `tracking.*`.
"""

import configparser
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Rule(StrEnum):
    """How a variable is treated."""

    SWITCH = "The more restrictive of this and `tracking.mode` applies whenever data would be sent."
    DEFAULT = "Applies if the config has the default. Recorded when the trial begins."
    ONE_RUN = "Applies to a single run. Ignored in a sweep, where it would merge all trials into one run."
    CLIENT = "Read by the W&B client."
    MERGES = "Ignored, with a message: it could merge trials into one run."
    UNUSED = "Ignored."


@dataclass(frozen=True)
class Variable:
    name: str
    rule: Rule
    meaning: str  # or, if it is ignored, the reason
    setting: str | None = None  # its name in the client's settings files; None: none that matters here
    key: str | None = None  # the key of `tracking.*` that takes precedence


VARIABLES = (
    Variable("WANDB_MODE", Rule.SWITCH, "online, run or shared; offline or dryrun; disabled; any other: off", "mode"),
    Variable("WANDB_DISABLED", Rule.SWITCH, "any value except 0, false, no or off switches W&B off"),
    Variable("WANDB_PROJECT", Rule.DEFAULT, "project", "project", "project"),
    Variable("WANDB_ENTITY", Rule.DEFAULT, "team or user", "entity", "entity"),
    Variable("WANDB_RUN_GROUP", Rule.DEFAULT, "group; default: the study's name", "run_group", "group"),
    Variable("WANDB_TAGS", Rule.DEFAULT, "tags, separated by commas", "run_tags", "tags"),
    Variable("WANDB_NOTES", Rule.DEFAULT, "notes of the runs", "run_notes", "notes"),
    Variable("WANDB_JOB_TYPE", Rule.DEFAULT, "job type of the trials; default: `trial`", "run_job_type"),
    Variable("WANDB_HOST", Rule.DEFAULT, "host name to show instead of the machine's own", "host"),
    Variable("WANDB_RUN_ID", Rule.ONE_RUN, "id; default: derived from the folder", "run_id"),
    Variable("WANDB_NAME", Rule.ONE_RUN, "name; default: STUDY/TRIAL", "run_name"),
    Variable("WANDB_SWEEP_ID", Rule.ONE_RUN, "W&B sweep of the agent that started the run", "sweep_id"),
    Variable("WANDB_RESUME", Rule.MERGES, "runs resume as their folders do", "resume"),
    Variable("WANDB_RESUME_FROM", Rule.MERGES, "runs resume as their folders do", "resume_from"),
    Variable("WANDB_FORK_FROM", Rule.MERGES, "runs resume as their folders do", "fork_from"),
    Variable("WANDB_LAUNCH", Rule.MERGES, "a launched job is a single run", "launch"),
    Variable("WANDB_LAUNCH_CONFIG_PATH", Rule.UNUSED, "a trial's config comes from its folder", "launch_config_path"),
    Variable("WANDB_SWEEP_PARAM_PATH", Rule.UNUSED, "a trial's config comes from its folder", "sweep_param_path"),
    Variable("WANDB_CONFIG_PATHS", Rule.UNUSED, "a trial's config comes from its folder", "config_paths"),
    Variable("WANDB_BASE_URL", Rule.CLIENT, "server; also recorded, for sending later", "base_url"),
    Variable("WANDB_API_KEY", Rule.CLIENT, "key"),
    Variable("WANDB_IDENTITY_TOKEN_FILE", Rule.CLIENT, "file of a token that replaces the key"),
    Variable("WANDB_CREDENTIALS_FILE", Rule.CLIENT, "file of the credentials obtained with that token"),
    Variable("WANDB_HTTP_PROXY", Rule.CLIENT, "proxy to the server"),
    Variable("WANDB_HTTPS_PROXY", Rule.CLIENT, "proxy to the server"),
    Variable("WANDB_INSECURE_DISABLE_SSL", Rule.CLIENT, "do not check certificates"),
    Variable("WANDB_APP_URL", Rule.CLIENT, "address of the web pages"),
    Variable("WANDB_IGNORE_GLOBS", Rule.CLIENT, "files that are not sent"),
    Variable(
        "WANDB_DIR",
        Rule.CLIENT,
        "where W&B writes its files; if unset or not writable, the trial's folder",
    ),
    Variable("WANDB_CONFIG_DIR", Rule.CLIENT, "folder of the user's settings file"),
    Variable("WANDB_CACHE_DIR", Rule.CLIENT, "cache"),
    Variable("WANDB_DATA_DIR", Rule.CLIENT, "folder of files that are not sent yet"),
    Variable("WANDB_SERVICE", Rule.CLIENT, "a running service process; replaced if it cannot be reached"),
    Variable("WANDB_ERROR_REPORTING", Rule.CLIENT, "sends the client's internal errors to W&B; off unless set"),
    Variable("WANDB_USERNAME", Rule.CLIENT, "user"),
    Variable("WANDB_USER_EMAIL", Rule.CLIENT, "user"),
    Variable("WANDB_CONSOLE", Rule.UNUSED, "a trial's output stays in its trial.log"),
    Variable("WANDB_DISABLE_CODE", Rule.UNUSED, "code is never sent"),
    Variable("WANDB_SAVE_CODE", Rule.UNUSED, "code is never sent"),
    Variable("WANDB_DISABLE_GIT", Rule.UNUSED, "commit and diff are never sent"),
    Variable("WANDB_DOCKER", Rule.UNUSED, "no description of the machine is sent"),
    Variable("WANDB_SILENT", Rule.UNUSED, "the client is always silent"),
    Variable("WANDB_QUIET", Rule.UNUSED, "the client is always silent"),
    Variable("WANDB_INIT_TIMEOUT", Rule.UNUSED, "a run that has not started within 10 s is sent later by `wandb-sync`"),
)
SERVER = "WANDB_BASE_URL"
_BY_NAME = {variable.name: variable for variable in VARIABLES}
_LONGEST_TAG = 64  # characters; the client refuses a run with a longer one


@dataclass(frozen=True)
class Value:
    """A variable's value and where it is set, such as `WANDB_MODE=offline`."""

    value: str
    source: str


Variables = Mapping[str, Value]


def variables_here(environment: Mapping[str, str] = os.environ) -> dict[str, Value]:
    """The current values by variable. An empty value means not set; the environment takes precedence over files."""
    found: dict[str, Value] = {}
    for file in _settings_files(environment):
        settings = _read(file)
        for variable in VARIABLES:
            if variable.setting and (value := settings.get(variable.setting, "").strip()):
                found[variable.name] = Value(value, f"{variable.setting}={value} in {file}")
    for name in _BY_NAME:
        if (value := environment.get(name, "")).strip():
            found[name] = Value(value, f"{name}={value}")
    return found


def to_record(variables: Variables, alone: bool) -> dict[str, str]:
    """The variables that a trial records when it begins; never a key or password.

    Args:
        alone: whether it is a single run, not one of a sweep.
    """
    rules = {Rule.SWITCH, Rule.DEFAULT} | ({Rule.ONE_RUN} if alone else set())
    record = {name: found.value for name, found in variables.items() if _BY_NAME[name].rule in rules}
    if SERVER in variables and "@" not in variables[SERVER].value:  # there may be a password before the @
        record[SERVER] = variables[SERVER].value
    return record


def from_record(record: Mapping[str, str]) -> dict[str, Value]:
    """The variables that `to_record` recorded."""
    return {name: Value(value, f"{name}={value} when the trial began") for name, value in record.items()}


def ignored(variables: Variables, record: Mapping[str, str] | None) -> str | None:
    """A sentence that names the variables that are set and could merge several runs; None if there are none.

    Args:
        record: of the trial; in a single run it contains the variables that apply to it.
    """
    merging = [name for name in variables if _BY_NAME[name].rule in (Rule.ONE_RUN, Rule.MERGES)]
    names = [name for name in merging if name not in (record or {})]
    return f"{', '.join(names)} ignored: every trial is a separate run" if names else None


def tags_in(value: str) -> tuple[str, ...]:
    """The tags in WANDB_TAGS, without tags for which the client would refuse the run."""
    return tuple(tag for part in value.split(",") if 0 < len(tag := part.strip()) <= _LONGEST_TAG)


def settings_to_clear() -> Iterable[str]:
    """The client's global settings that must not apply to every run of this process."""
    return [variable.setting for variable in VARIABLES if variable.setting and variable.rule is not Rule.CLIENT]


def as_markdown() -> str:
    """The table in `docs/wandb.md`."""
    rows = [f"| `{one.name}` | {one.meaning} | {one.rule}{_precedence(one)} |" for one in VARIABLES]
    return "\n".join(["| variable | meaning | treatment |", "|---|---|---|", *rows])


def _precedence(variable: Variable) -> str:
    return f" `tracking.{variable.key}` takes precedence." if variable.key else ""


def _settings_files(environment: Mapping[str, str]) -> list[Path]:
    """The user's settings file, then this folder's, which takes precedence, as in the client (0.31)."""
    user = Path(environment.get("WANDB_CONFIG_DIR") or "~/.config/wandb")
    here = Path(".wandb" if Path(".wandb").exists() else "wandb")
    return [folder / "settings" for folder in (user, here)]


def _read(file: Path) -> dict[str, str]:
    """The settings in a file; none if it is missing or damaged (as in the client), or there is no home."""
    parser = configparser.ConfigParser()
    try:
        parser.read(file.expanduser())
        return dict(parser.items("default"))
    except (OSError, RuntimeError, UnicodeError, configparser.Error):
        return {}
