"""The texts behind question ids, where the files that a trial was asked of are still there."""

import functools
from collections.abc import Iterable

from medqa_sweeps.analysis.reading.studies import Trial
from medqa_sweeps.config import DataConfig
from medqa_sweeps.data import Question, read_questions
from medqa_sweeps.errors import TrialError
from medqa_sweeps.trial.folder import TrialDir


def questions_of(trial: Trial, ids: Iterable[str]) -> dict[str, Question]:
    """By id; those whose file is gone, or on a hub, are left out. The test questions are never read."""
    wanted = set(ids)
    try:
        data = TrialDir(trial.directory.path).config().data
    except TrialError:
        return {}
    if data.hub_id is not None:
        return {}  # it would be asked for over the network
    found: dict[str, Question] = {}
    for part in ("validation", "train"):  # a random or k-fold split takes them from the training file
        if wanted - found.keys():
            found |= {id_: question for id_, question in _all_of(_Key(data), part).items() if id_ in wanted}
    return found


class _Key:
    """A data config that can be a cache's key."""

    def __init__(self, data: DataConfig) -> None:
        self.data = data

    def __hash__(self) -> int:
        return hash(repr(self.data))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and repr(other.data) == repr(self.data)


@functools.lru_cache(maxsize=4)
def _all_of(key: _Key, part: str) -> dict[str, Question]:
    try:
        known = read_questions(key.data, "validation" if part == "validation" else "train")
    except (TrialError, OSError):
        return {}
    return {question.id: question for question in known.questions}
