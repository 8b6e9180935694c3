"""Duplicates (equal ids) and near-duplicates: the same vignette with another last question or small edits.

Two questions are near-duplicates if the Jaccard index of their word 5-grams is at least 0.3; 5-grams that occur in more
than 20 questions are ignored. Near-duplicates form groups: the relation is extended transitively. Hashes alone
(`QuestionHash`) are enough, so test questions can be searched for without reading them.
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
SIMILARITY_RULE = (SHINGLE_WORDS, BOILERPLATE_QUESTIONS, NEAR_DUPLICATE_JACCARD)  # part of the key of cached counts
_WORD = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")


@dataclass(frozen=True)
class QuestionHash:
    """Hashes of a question, enough to find its duplicates; they cannot be read, trained on or scored."""

    id: str  # 16 hex digits of question and options
    shingles: tuple[bytes, ...]  # an 8-byte hash of each 5-gram


class Similarity(StrEnum):
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
    return _groups([question.id for question in questions], (shingles_of(question.question) for question in questions))


def similarities(questions: Sequence[Question], others: Sequence[Question]) -> list[Similarity]:
    """For each question, whether it or a near-duplicate is among the others."""
    ids = {question.id for question in others}
    groups = [group for group in near_duplicates([*others, *questions]) if group[0] < len(others)]
    alike = {index for group in groups for index in group}
    return [
        Similarity.SAME if question.id in ids else Similarity.NEAR if index in alike else Similarity.NO
        for index, question in enumerate(questions, start=len(others))
    ]


def question_hash(question: str, options: Sequence[str]) -> QuestionHash:
    """The hashes of cleaned texts."""
    shingles = (shingle_hash(shingle) for shingle in shingles_of(question))
    return QuestionHash(question_id(question, options), tuple(shingles))


def shingle_hash(shingle: str) -> bytes:
    """The 8 bytes that stand for a 5-gram in a `QuestionHash`."""
    return blake2b(shingle.encode(), digest_size=8).digest()


def overlaps(parts: dict[str, list[QuestionHash]]) -> list[Overlap]:
    """Each part with itself, then each pair of parts. Each count depends on its two parts only."""
    within = [_within(part, hashes) for part, hashes in parts.items()]
    across = [overlap(part, parts[part], among, parts[among]) for among, part in combinations(parts, 2)]
    return within + across


def overlap(part: str, hashes: Sequence[QuestionHash], among: str, others: Sequence[QuestionHash]) -> Overlap:
    """How many questions of `part` are also in `among`, or have a near-duplicate there.

    `medqa-sweeps data` and provenance.json both show this count. Near-duplicates are searched in these two
    parts only, so that the count does not depend on other parts.
    """
    groups = _groups_of([*others, *hashes])
    with_other = {index for group in groups if group[0] < len(others) for index in group}
    ids = {hashed.id for hashed in others}
    same = sum(hashed.id in ids for hashed in hashes)
    near = sum(index >= len(others) for index in with_other)
    return Overlap(part, among, same, near - same)


def _within(part: str, hashes: Sequence[QuestionHash]) -> Overlap:
    ids = [hashed.id for hashed in hashes]
    distinct = [len({ids[index] for index in group}) for group in _groups_of(hashes)]
    return Overlap(part, part, len(ids) - len(set(ids)), sum(count for count in distinct if count > 1))


def _groups_of(hashes: Sequence[QuestionHash]) -> list[list[int]]:
    return _groups([hashed.id for hashed in hashes], (hashed.shingles for hashed in hashes))


def split_words(text: str) -> list[str]:
    """Words without punctuation; each Chinese character is a word."""
    return _WORD.findall(text)


def _groups(ids: Sequence[str], shingles: Iterable[Collection[Hashable]]) -> list[list[int]]:
    union = _UnionFind(len(ids))
    first_with_id: dict[str, int] = {}
    for index, one_id in enumerate(ids):
        union.join(first_with_id.setdefault(one_id, index), index)
    for one, other in _similar_pairs(shingles, len(ids)):
        union.join(one, other)
    return union.lists()


def _similar_pairs(shingles: Iterable[Collection[Hashable]], count: int) -> Iterator[tuple[int, int]]:
    """Pairs of indices whose Jaccard index of rare shingles reaches the threshold.

    Only pairs that share a rare shingle are compared. A rare shingle has at most 190 pairs, so the time is nearly
    linear.
    """
    first: dict[Hashable, int] = {}
    owners: dict[Hashable, list[int]] = {}  # indices of the texts, for shingles in more than one text
    rare_counts = [0] * count
    for index, own in enumerate(shingles):
        for shingle in own:
            rare_counts[index] += 1
            if (one := first.setdefault(shingle, index)) != index:
                owners.setdefault(shingle, [one]).append(index)
    common: Counter[tuple[int, int]] = Counter()
    for indices in owners.values():
        if len(indices) <= BOILERPLATE_QUESTIONS:
            common.update((one, other) for at, one in enumerate(indices) for other in indices[at + 1 :])
        else:
            for index in indices:
                rare_counts[index] -= 1
    for (one, other), both in common.items():
        if both >= NEAR_DUPLICATE_JACCARD * (rare_counts[one] + rare_counts[other] - both):
            yield one, other


def shingles_of(text: str) -> Collection[str]:
    """The distinct runs of 5 words; for a shorter text, all its words as one."""
    words = split_words(text.lower())
    starts = range(max(1, len(words) - SHINGLE_WORDS + 1))
    return dict.fromkeys(" ".join(words[start : start + SHINGLE_WORDS]) for start in starts)


class _UnionFind:
    """Disjoint sets of indices (union-find); the smallest index represents its group."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self._root(one), self._root(other)))
        self._parent[high] = low

    def lists(self) -> list[list[int]]:
        members: dict[int, list[int]] = defaultdict(list)
        for index in range(len(self._parent)):
            members[self._root(index)].append(index)
        return list(members.values())

    def _root(self, index: int) -> int:
        while self._parent[index] != index:
            self._parent[index] = self._parent[self._parent[index]]
            index = self._parent[index]
        return index
