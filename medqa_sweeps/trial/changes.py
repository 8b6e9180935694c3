"""What has changed since a trial began without changing its signature: for `resume` and for repeated trials."""

from typing import Any

from medqa_sweeps.base.fingerprints import is_of_this_version
from medqa_sweeps.trial.provenance import runtime
from medqa_sweeps.trial.reproduce import changed_numerics

EARLIER_VERSION = (
    "from an earlier version of medqa_sweeps, which recorded only config.json and the weights of the base, so it is "
    "unknown whether its tokenizer and other files have changed"
)
MIXED_VERSIONS = "An equal new trial is run again, and seeds from both versions are not pooled."


def numeric_changes(provenance: dict[str, Any], code: bool = True) -> list[str]:
    """A sentence without its full stop for each change since then that can change numbers.

    Args:
        code: whether to compare our own code too; a sweep reports its changes separately.
    """
    now = runtime()
    return changed_numerics(provenance if code else {**provenance, "code": now["code"]}, now)


def changes_since_start(name: str, provenance: dict[str, Any], in_a_study: bool = False) -> list[str]:
    """The changes since a trial began that matter for comparing it with new results, in whole sentences.

    Args:
        name: the trial's name at the beginning of a sentence: "Trial 3".
        provenance: the trial's provenance.
    """
    sentences = []
    if not is_of_this_version(provenance):
        sentences.append(f"{name} is {EARLIER_VERSION}." + f" {MIXED_VERSIONS}" * in_a_study)
    if changed := "; ".join(numeric_changes(provenance, code=not in_a_study)):
        sentences.append(f"Changed since {name[0].lower()}{name[1:]} began: {changed}.")
    return sentences
