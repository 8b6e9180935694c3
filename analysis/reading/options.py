"""The options of swept config groups, by the name that people typed: `lora=attention`.

Read from what Hydra leaves in a trial's folder: the trial's own overrides, and of a trial that took the default option
of a group, the options that Hydra composed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import yaml

from medqa_sweeps import damage
from medqa_sweeps.trial.folder import TrialDir

_OVERRIDE = re.compile(r"""^- ['"]?\+{0,2}([\w./@-]+)=(.*?)['"]?$""", re.MULTILINE)  # 10,000 files: no YAML parser
_OPTION = re.compile(r"[\w.-]+")
_NO_GROUP = "seed"  # the only key of a trial's config that is in no group


@dataclass(frozen=True)
class Typed:
    """What a trial was told on the command line."""

    keys: frozenset[str]  # of its overrides: `lora`, `lora.r`
    options: dict[str, str] = field(default_factory=dict)  # by config group, of the groups that were swept


def typed(trials: Sequence[TrialDir]) -> list[Typed]:
    """Of each trial, what it was told.

    A group is swept where the trials were told different options of it. One whose option is not known for every trial
    is left out: its values tell the trials apart then.
    """
    told = [_overrides(directory) for directory in trials]
    groups = dict.fromkeys(key for own in told for key in own if not {".", "/"} & {*key} and key != _NO_GROUP)
    options: list[dict[str, str]] = [{} for _ in trials]
    for group in groups:
        found = [own.get(group) or _default(trials[at], group) for at, own in enumerate(told)]
        known = [option for option in found if option and _OPTION.fullmatch(option)]
        if len(known) == len(trials) and len(set(known)) > 1:
            for of_trial, option in zip(options, known, strict=True):
                of_trial[group] = option
    return [Typed(frozenset(own), own_options) for own, own_options in zip(told, options, strict=True)]


def _overrides(directory: TrialDir) -> dict[str, str]:
    try:
        return dict(_OVERRIDE.findall(directory.overrides_file.read_text(encoding="utf-8", errors="replace")))
    except OSError:
        return {}


def _default(directory: TrialDir, group: str) -> str | None:
    """The option that Hydra composed; None where its file is missing or damaged."""
    try:
        whole = yaml.load(directory.hydra_file.read_text(encoding="utf-8", errors="replace"), damage.YAML_LOADER)
        return str(whole["hydra"]["runtime"]["choices"][group])
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return None
