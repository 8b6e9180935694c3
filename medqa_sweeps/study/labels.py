"""Labels for the trials of a study: the overrides that are not common to all trials."""

from collections.abc import Mapping, Sequence

from medqa_sweeps.wording import overrides_label


def labels(overrides: Mapping[int, Sequence[str]]) -> dict[int, str]:
    """A label for each trial, by number: "r=8 lr=0.0003".

    Args:
        overrides: the overrides of each trial, by number.
    """
    common = set.intersection(*map(set, overrides.values())) if overrides else set()
    return {number: overrides_label([one for one in own if one not in common]) for number, own in overrides.items()}
