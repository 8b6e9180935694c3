"""Which questions train and which choose. The test questions are never seen here.

A random split or a fold keeps the near-duplicates of one vignette on one side: two questions belong together when
the Jaccard index of their word 5-grams is at least 0.3, 5-grams that stand in more than 20 questions not counted.
Who goes where is drawn by SHA-256 of seed and question id, so it depends neither on the order of the files nor on the
process, and a smaller `train_fraction` is part of a larger one.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from medqa_sweeps.config import DataConfig, SplitConfig, short_hash
from medqa_sweeps.data import Question, fingerprint, read_questions
from medqa_sweeps.errors import DataError

SHINGLE_WORDS = 5
# Phrases such as "of the following is the most likely" stand in every second question. Without them the index below
# stays short, and sets made from templates or of one-line questions do not melt into one group.
BOILERPLATE_QUESTIONS = 20
# Measured: in US train part + dev (3,264 questions) 8 pairs reach 0.3, all of them variants of one case; in Mainland
# dev, where a vignette is followed by several questions, groups have up to 4. Lower, the synthetic sample begins to
# clump (0.25: groups of 13); without the boilerplate rule 1,357 of its 2,400 questions are one group at 0.3.
NEAR_DUPLICATE_JACCARD = 0.3
_WORD = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")  # a Chinese character is a word


@dataclass(frozen=True)
class Split:
    """The questions of a trial, in the order of their files."""

    train: list[Question]
    validation: list[Question]
    fingerprint: str  # 12 hex digits of both sides' ids and gold letters, in order
    notes: Counter[str]  # what was cleaned or looked odd while reading and splitting: how many questions of each kind


def split_questions(data: DataConfig, split: SplitConfig) -> Split:
    """The training and validation questions that `split` makes of the files or hub data set of `data`.

    Raises:
        DataError: if one side would be empty, or the questions cannot be read (see `data.read_questions`).
        ConfigError: if a bundled file is asked for that is not shipped.
    """
    parts = [read_questions(data, "train")]
    if split.name == "official" or data.validation is not None:
        parts.append(read_questions(data, "validation"))
    if split.name == "official":
        train, validation = (part.questions for part in parts)
    else:
        train, validation = _divided([question for part in parts for question in part.questions], split)
    train, validation = _sampled(train, validation, split)
    notes = sum((part.notes for part in parts), Counter[str]())
    ids = {question.id for question in train}
    notes["in training and in validation"] += sum(question.id in ids for question in validation)
    return Split(train, validation, short_hash([fingerprint(train), fingerprint(validation)]), +notes)


def near_duplicates(questions: list[Question]) -> list[list[int]]:
    """Places of the questions in groups of one vignette, a group for each that stands alone; in order of first place.

    Equal ids are always together. About 4 s and 200 MB for 12,000 USMLE questions.
    """
    groups = _Groups(len(questions))
    first_with_id: dict[str, int] = {}
    for place, question in enumerate(questions):
        groups.join(first_with_id.setdefault(question.id, place), place)
    for one, other in _similar_pairs([question.question for question in questions]):
        groups.join(one, other)
    return groups.lists()


def _similar_pairs(texts: list[str]) -> Iterator[tuple[int, int]]:
    """Pairs of places whose Jaccard index of rare shingles is high enough.

    Only pairs that share a rare shingle are looked at, and a rare shingle has at most 190 pairs: nearly linear.
    """
    first: dict[str, int] = {}
    owners: dict[str, list[int]] = {}  # of shingles that more than one text has
    rare_counts = [0] * len(texts)
    for place, text in enumerate(texts):
        for shingle in _shingles(text):
            rare_counts[place] += 1
            if (one := first.setdefault(shingle, place)) != place:
                owners.setdefault(shingle, [one]).append(place)
    common: Counter[tuple[int, int]] = Counter()
    for places in owners.values():
        if len(places) <= BOILERPLATE_QUESTIONS:
            common.update((one, other) for at, one in enumerate(places) for other in places[at + 1 :])
        else:
            for place in places:
                rare_counts[place] -= 1
    for (one, other), count in common.items():
        if count >= NEAR_DUPLICATE_JACCARD * (rare_counts[one] + rare_counts[other] - count):
            yield one, other


def _shingles(text: str) -> Iterable[str]:
    """Each run of 5 words once; all words of a text that is shorter."""
    words = _WORD.findall(text.lower())
    starts = range(max(1, len(words) - SHINGLE_WORDS + 1))
    return dict.fromkeys(" ".join(words[start : start + SHINGLE_WORDS]) for start in starts)


class _Groups:
    """Disjoint sets of places (union-find); the smallest place stands for its group."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self._root(one), self._root(other)))
        self._parent[high] = low

    def lists(self) -> list[list[int]]:
        members: dict[int, list[int]] = defaultdict(list)
        for place in range(len(self._parent)):
            members[self._root(place)].append(place)
        return list(members.values())

    def _root(self, place: int) -> int:
        while self._parent[place] != place:
            self._parent[place] = self._parent[self._parent[place]]
            place = self._parent[place]
        return place


def _divided(pool: list[Question], split: SplitConfig) -> tuple[list[Question], list[Question]]:
    """Training and validation questions, whole groups on either side."""
    groups = near_duplicates(pool)
    groups.sort(key=lambda group: min(_draw(split.seed, "split", pool[place].id) for place in group))
    if split.name == "kfold":
        chosen = _fold(groups, split.folds, split.fold)
    else:
        chosen = _up_to(groups, round(split.validation_ratio * len(pool)))
    train = [question for place, question in enumerate(pool) if place not in chosen]
    return train, [question for place, question in enumerate(pool) if place in chosen]


def _up_to(groups: list[list[int]], count: int) -> set[int]:
    """Groups in turn, those left out that would exceed `count` questions."""
    chosen: set[int] = set()
    for group in groups:
        if len(chosen) + len(group) <= count:
            chosen.update(group)
    return chosen


def _fold(groups: list[list[int]], folds: int, fold: int) -> set[int]:
    """Part `fold` of `folds`: large groups first, each to the part that has fewest questions so far."""
    parts: list[list[int]] = [[] for _ in range(folds)]
    for group in sorted(groups, key=len, reverse=True):
        min(parts, key=len).extend(group)
    return set(parts[fold])


def _sampled(
    train: list[Question], validation: list[Question], split: SplitConfig
) -> tuple[list[Question], list[Question]]:
    kept = _drawn(train, round(split.train_fraction * len(train)), split.seed, "train")
    most = len(validation) if split.max_validation is None else split.max_validation
    chosen = _drawn(validation, most, split.seed, "validation")
    if kept and chosen:
        return kept, chosen
    raise DataError(
        f"split={split.name} leaves {len(kept)} questions to train on and {len(chosen)} to choose by, of "
        f"{len(train)} and {len(validation)} before split.train_fraction={split.train_fraction} and "
        f"split.max_validation={split.max_validation}; each side needs at least one. {_way_out(split)}"
    )


def _way_out(split: SplitConfig) -> str:
    return {
        "official": "Raise split.train_fraction.",
        "random": f"Raise split.validation_ratio ({split.validation_ratio}) or split.train_fraction, or add questions.",
        "kfold": f"Lower split.folds ({split.folds}), raise split.train_fraction, or add questions.",
    }[split.name] + " Near-duplicates of one vignette stay together and count as one."


def _drawn(questions: list[Question], count: int, seed: int, purpose: str) -> list[Question]:
    """`count` of the questions, or all if there are fewer, in their order."""
    order = sorted(range(len(questions)), key=lambda place: (_draw(seed, purpose, questions[place].id), place))
    return [questions[place] for place in sorted(order[:count])]


def _draw(seed: int, purpose: str, question_id: str) -> bytes:
    """A lot: as good as random, the same in every process. `purpose` keeps one draw from steering another."""
    return hashlib.sha256(f"{seed} {purpose} {question_id}".encode()).digest()
