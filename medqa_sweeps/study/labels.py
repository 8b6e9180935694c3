"""What sets the trials of a study apart, for people: the overrides that not all of them were given."""

from collections.abc import Mapping, Sequence

from medqa_sweeps.wording import overrides as shortened


def labels(overrides: Mapping[int, Sequence[str]]) -> dict[int, str]:
    """By number, the trial's own overrides in a few words: "r=8 lr=0.0003".

    Args:
        overrides: of each trial, by its number.
    """
    common = set.intersection(*map(set, overrides.values())) if overrides else set()
    return {number: shortened([one for one in own if one not in common]) for number, own in overrides.items()}
