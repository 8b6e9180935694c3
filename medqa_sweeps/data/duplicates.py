"""Duplicates (equal ids) and near-duplicates: the same vignette with another last question or small edits.

Two questions are near-duplicates if the Jaccard index of their word 5-grams is at least 0.3; 5-grams that occur in more
than 20 questions are ignored. Near-duplicates form groups: the relation is extended transitively. Hashes alone
(`Print`) are enough, so test questions can be searched for without reading them.
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
# Every second question contains phrases such as "of the following is the most likely". Ignoring them keeps the index
# below short, and keeps data sets of templates or of one-line questions from merging into one group.
BOILERPLATE_QUESTIONS = 20
# Measured: in a part of US train + dev (3,264 questions) 8 pairs reach 0.3, all of them variants of one case; in
# Mainland dev, where several questions follow one vignette, groups have up to 4 questions. At 0.25 the synthetic sample
# has groups of 13; without the boilerplate rule 1,357 of its 2,400 questions form one group at 0.3.
NEAR_DUPLICATE_JACCARD = 0.3
LIKENESS = (SHINGLE_WORDS, BOILERPLATE_QUESTIONS, NEAR_DUPLICATE_JACCARD)  # part of the key of cached counts
_WORD = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")


@dataclass(frozen=True)
class Print:
    """Hashes of a question, enough to find its duplicates; they cannot be read, trained on or scored."""

    id: str  # 16 hex digits of question and options
    shingles: tuple[bytes, ...]  # an 8-byte hash of each 5-gram


class Likeness(StrEnum):
    """Whether a set of questions contains a question, or a near-duplicate of it."""

    SAME = "same"  # a question with the same text and options
    NEAR = "near"  # a near-duplicate
    NO = "no"


@dataclass(frozen=True)
class Overlap:
    """How many questions of one part are also in another; for a part and itself, how many repeat an earlier one."""

    part: str
    among: str
    same: int  # questions of `part` with the same id in `among`; within a part: repeats of an earlier one
    near: int  # further questions of `part` with a near-duplicate in `among`


def near_duplicates(questions: Sequence[Question]) -> list[list[int]]:
    """Indices of the questions in groups of near-duplicates, ordered by first index; a unique question is a group.

    Equal ids are always together. About 4 s and 200 MB for 12,000 USMLE questions.
    """
    return _groups([question.id for question in questions], (_shingles(question.question) for question in questions))


def likeness(questions: Sequence[Question], others: Sequence[Question]) -> list[Likeness]:
    """For each question, whether it or a near-duplicate is among the others."""
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
    """Each part with itself, then each pair of parts. Each count depends on its two parts only."""
    within = [_within(part, prints) for part, prints in parts.items()]
    across = [overlap(part, parts[part], among, parts[among]) for among, part in combinations(parts, 2)]
    return within + across


def overlap(part: str, prints: Sequence[Print], among: str, others: Sequence[Print]) -> Overlap:
    """How many questions of `part` are also in `among`, or have a near-duplicate there.

    `python -m medqa_sweeps data` and provenance.json both show this count. Near-duplicates are searched in these two
    parts only, so that the count does not depend on other parts.
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
    """Words without punctuation; each Chinese character is a word."""
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
    """Pairs of indices whose Jaccard index of rare shingles reaches the threshold.

    Only pairs that share a rare shingle are compared. A rare shingle has at most 190 pairs, so the time is nearly
    linear.
    """
    first: dict[Hashable, int] = {}
    owners: dict[Hashable, list[int]] = {}  # indices of the texts, for shingles in more than one text
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
    """The distinct runs of 5 words; for a shorter text, all its words as one."""
    words = words_of(text.lower())
    starts = range(max(1, len(words) - SHINGLE_WORDS + 1))
    return dict.fromkeys(" ".join(words[start : start + SHINGLE_WORDS]) for start in starts)


class _Joined:
    """Disjoint sets of indices (union-find); the smallest index represents its group."""

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
