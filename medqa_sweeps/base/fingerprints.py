"""Whether a base is still the one that a trial's provenance speaks of, also where an earlier version wrote it."""

from collections.abc import Mapping
from typing import Any

from medqa_sweeps.base.located import BaseModel
from medqa_sweeps.config import short_hash
from medqa_sweeps.wording import listed

FINGERPRINTS = 2  # version of the rule by which a base is fingerprinted; goes up when the rule changes


def changed_base(then: Mapping[str, Any], base: BaseModel) -> str | None:
    """What is not as it was when `then`, a trial's provenance, was written, in a sentence; None: nothing that is known.

    Of a trial that an earlier version wrote only config.json and the weights are known.
    """
    recorded = then.get("base", {})
    now = base.fingerprint if is_of_this_version(then) else fingerprint_1(base)
    if recorded.get("fingerprint") in (None, now):
        return None
    named = f": {_changed_files(recorded['files'], base.files)}" if "files" in recorded else ""
    return (
        f"base: {recorded.get('label')} ({recorded['fingerprint']}) then, {base.label} ({now}) now, of other content"
        f"{named}"
    )


def is_of_this_version(provenance: Mapping[str, Any]) -> bool:
    """Whether signature and fingerprints in a trial's provenance were made by today's rule. An empty one was."""
    return not provenance or provenance.get("fingerprints", 1) == FINGERPRINTS


def fingerprint_1(base: BaseModel) -> str:
    """12 hex digits as fingerprints of version 1 were made: of config.json and the weights alone."""
    return short_hash({name: sha for name, sha in base.files.items() if _counted_in_version_1(name)})


def _counted_in_version_1(name: str) -> bool:
    return name == "config.json" or (name.endswith(".safetensors") and "/" not in name)


def _changed_files(then: Mapping[str, str], now: Mapping[str, str]) -> str:
    return listed(sorted(name for name in {**then, **now} if then.get(name) != now.get(name)))
