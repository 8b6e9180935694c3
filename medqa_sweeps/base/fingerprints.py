"""Whether a base is still the one in a trial's provenance, also if an earlier version wrote the provenance."""

from collections.abc import Mapping
from typing import Any

from medqa_sweeps.base.located import BaseModel
from medqa_sweeps.config import short_hash
from medqa_sweeps.wording import listed

FINGERPRINTS = 2  # version of the fingerprint rule; incremented when the rule changes


def changed_base(then: Mapping[str, Any], base: BaseModel) -> str | None:
    """How the base differs from that in `then`, a trial's provenance, in a sentence; None: no known difference.

    For a trial of an earlier version only config.json and the weights can be compared.
    """
    recorded = then.get("base", {})
    now = base.fingerprint if is_of_this_version(then) else fingerprint_1(base)
    if recorded.get("fingerprint") in (None, now):
        return None
    named = f": {_changed_files(recorded['files'], base.files)}" if "files" in recorded else ""
    return (
        f"base: {recorded.get('label')} ({recorded['fingerprint']}) then, {base.label} ({now}) now, with different "
        f"content{named}"
    )


def is_of_this_version(provenance: Mapping[str, Any]) -> bool:
    """Whether the current rule made the fingerprints in a trial's provenance; True if the provenance is empty."""
    return not provenance or provenance.get("fingerprints", 1) == FINGERPRINTS


def fingerprint_1(base: BaseModel) -> str:
    """12 hex digits by version 1 of the rule: of config.json and the weights only."""
    return short_hash({name: sha for name, sha in base.files.items() if _counted_in_version_1(name)})


def _counted_in_version_1(name: str) -> bool:
    return name == "config.json" or (name.endswith(".safetensors") and "/" not in name)


def _changed_files(then: Mapping[str, str], now: Mapping[str, str]) -> str:
    return listed(sorted(name for name in {**then, **now} if then.get(name) != now.get(name)))
