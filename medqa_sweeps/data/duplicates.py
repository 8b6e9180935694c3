"""Questions that are one, or nearly one: equal ids, and the same vignette with another last question or small edits.

Two questions are near-duplicates when the Jaccard index of their word 5-grams is at least 0.3, 5-grams that stand in
more than 20 questions not counted; likeness is passed on, so near-duplicates form groups. The same is done on hashes
alone (`Print`), so that the test questions can be looked for without being seen.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from itertools import combinations

from medqa_sweeps.data.question import Question, question_id

SHINGLE_WORDS = 5
# Phrases such as "of the following is the most likely" stand in every second question. Without them the index below
# stays short, and sets made from templates or of one-line questions do not melt into one group.
BOILERPLATE_QUESTIONS = 20
# Measured: in US train part + dev (3,264 questions) 8 pairs reach 0.3, all of them variants of one case; in Mainland
# dev, where a vignette is followed by several questions, groups have up to 4. Lower, the synthetic sample begins to
# clump (0.25: groups of 13); without the boilerplate rule 1,357 of its 2,400 questions are one group at 0.3.
NEAR_DUPLICATE_JACCARD = 0.3
LIKENESS = (SHINGLE_WORDS, BOILERPLATE_QUESTIONS, NEAR_DUPLICATE_JACCARD)  # what a stored count depends on
_WORD = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")


@dataclass(frozen=True)
class Print:
    """What is left of a question when only likeness is asked for: nothing that could be read, trained on or scored."""

    id: str  # 16 hex digits of question and options
    shingles: tuple[bytes, ...]  # a hash of 8 bytes of each 5-gram


class Likeness(StrEnum):
    """How a question stands among others."""

    SAME = "same"  # one of them has the same text and options
    NEAR = "near"  # one of them is a near-duplicate
    NO = "no"


@dataclass(frozen=True)
class Overlap:
    """How many questions of one part stand in another; or, for a part and itself, are there more than once."""

    part: str
    among: str
    same: int  # questions of `part` whose id is also in `among`; within a part: that repeat an earlier one
    near: int  # besides, questions of `part` that have a near-duplicate in `among`


def near_duplicates(questions: Sequence[Question]) -> list[list[int]]:
    """Places of the questions in groups of one vignette, a group for each that stands alone; in order of first place.

    Equal ids are always together. About 4 s and 200 MB for 12,000 USMLE questions.
    """
    return _groups([question.id for question in questions], (_shingles(question.question) for question in questions))


def likeness(questions: Sequence[Question], others: Sequence[Question]) -> list[Likeness]:
    """How each of the questions stands among the others, in order."""
    ids = {question.id for question in others}
    groups = [group for group in near_duplicates([*others, *questions]) if group[0] < len(others)]
    alike = {place for group in groups for place in group}
    return [
        Likeness.SAME if question.id in ids else Likeness.NEAR if place in alike else Likeness.NO
        for place, question in enumerate(questions, start=len(others))
    ]


def print_of(question: str, options: Sequence[str]) -> Print:
    """The hashes of cleaned texts."""
    shingles = (blake2b(shingle.encode(), digest_size=8).digest() for shingle in _shingles(question))
    return Print(question_id(question, options), tuple(shingles))


def overlaps(parts: dict[str, list[Print]]) -> list[Overlap]:
    """Each part with itself, then each with those before it. Of two parts alone: a third one changes no count."""
    within = [_within(part, prints) for part, prints in parts.items()]
    across = [overlap(part, parts[part], among, parts[among]) for among, part in combinations(parts, 2)]
    return within + across


def overlap(part: str, prints: Sequence[Print], among: str, others: Sequence[Print]) -> Overlap:
    """How many questions of `part` are, or are nearly, questions of `among`.

    The one count of a set's leaks: `python -m medqa_sweeps data` and provenance.json show it. Near-duplicates are
    looked for among these two parts and no others, so that it does not depend on what else is known of the set.
    """
    groups = _groups_of([*others, *prints])
    with_other = {place for group in groups if group[0] < len(others) for place in group}
    ids = {printed.id for printed in others}
    same = sum(printed.id in ids for printed in prints)
    near = sum(place >= len(others) for place in with_other)
    return Overlap(part, among, same, near - same)


def _within(part: str, prints: Sequence[Print]) -> Overlap:
    ids = [printed.id for printed in prints]
    distinct = [len({ids[place] for place in group}) for group in _groups_of(prints)]
    return Overlap(part, part, len(ids) - len(set(ids)), sum(count for count in distinct if count > 1))


def _groups_of(prints: Sequence[Print]) -> list[list[int]]:
    return _groups([printed.id for printed in prints], (printed.shingles for printed in prints))


def words_of(text: str) -> list[str]:
    """Words without punctuation; a Chinese character is one."""
    return _WORD.findall(text)


def _groups(ids: Sequence[str], shingles: Iterable[Collection[Hashable]]) -> list[list[int]]:
    joined = _Joined(len(ids))
    first_with_id: dict[str, int] = {}
    for place, one_id in enumerate(ids):
        joined.join(first_with_id.setdefault(one_id, place), place)
    for one, other in _similar_pairs(shingles, len(ids)):
        joined.join(one, other)
    return joined.lists()


def _similar_pairs(shingles: Iterable[Collection[Hashable]], count: int) -> Iterator[tuple[int, int]]:
    """Pairs of places whose Jaccard index of rare shingles is high enough.

    Only pairs that share a rare shingle are looked at, and a rare shingle has at most 190 pairs: nearly linear.
    """
    first: dict[Hashable, int] = {}
    owners: dict[Hashable, list[int]] = {}  # of shingles that more than one text has
    rare_counts = [0] * count
    for place, own in enumerate(shingles):
        for shingle in own:
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
    for (one, other), both in common.items():
        if both >= NEAR_DUPLICATE_JACCARD * (rare_counts[one] + rare_counts[other] - both):
            yield one, other


def _shingles(text: str) -> Collection[str]:
    """Each run of 5 words once; all words of a text that is shorter."""
    words = words_of(text.lower())
    starts = range(max(1, len(words) - SHINGLE_WORDS + 1))
    return dict.fromkeys(" ".join(words[start : start + SHINGLE_WORDS]) for start in starts)


class _Joined:
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
