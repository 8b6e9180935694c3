"""What is not as it was when a trial began and yet is no part of its signature: for `resume`, and for repeats."""

from typing import Any

from medqa_sweeps.base.fingerprints import is_of_this_version
from medqa_sweeps.trial.provenance import ground
from medqa_sweeps.trial.reproduce import changed_numbers

EARLIER_VERSION = (
    "of an earlier version of medqa_sweeps, which recorded of the base only config.json and the weights: whether its "
    "tokenizer and other files have changed is unknown"
)
AMONG_NEWER = "A new trial that equals it is run again, and seeds of both versions are not pooled."


def changed_since(provenance: dict[str, Any], code: bool = True) -> list[str]:
    """A sentence without its full stop for each thing that can move digits and differs now; none if nothing does.

    Args:
        code: whether our own code is looked at too; a sweep says what has changed of it on its own.
    """
    now = ground()
    return changed_numbers(provenance if code else {**provenance, "code": now["code"]}, now)


def since_it_began(name: str, provenance: dict[str, Any], in_a_study: bool = False) -> list[str]:
    """What a reader of results from then and now must know, in whole sentences.

    Args:
        name: of the trial, to begin a sentence with: "Trial 3".
        provenance: of the trial.
    """
    told = []
    if not is_of_this_version(provenance):
        told.append(f"{name} is {EARLIER_VERSION}." + f" {AMONG_NEWER}" * in_a_study)
    if changed := "; ".join(changed_since(provenance, code=not in_a_study)):
        told.append(f"Changed since {name[0].lower()}{name[1:]} began: {changed}.")
    return told
