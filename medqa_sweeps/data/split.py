"""Divides the questions into a training and a validation set. The test questions are never read here.

A random split or a fold keeps near-duplicates of one vignette in one set (`data.duplicates`). An official split is used
unchanged, and its near-duplicates across the two sets are counted. A SHA-256 of seed and question id decides the set of
each question, so the split depends neither on the order of the files nor on the process. A smaller `train_fraction`
gives a subset of a larger one.
"""

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from medqa_sweeps.config import DataConfig, SplitConfig, short_hash
from medqa_sweeps.data.duplicates import SIMILARITY_RULE, near_duplicates, overlap as overlap_of, question_hash
from medqa_sweeps.data.question import Quarantined, Question, QuestionSet, fingerprint
from medqa_sweeps.data.reading import Part, file_in_both_parts, read_questions
from medqa_sweeps.durable.cache import shared
from medqa_sweeps.errors import DataError
from medqa_sweeps.wording import setting

# Keys of `Split.flagged` and of provenance.json for validation questions that the model has trained on.
IN_TRAINING = "in training and in validation"
NEARLY_IN_TRAINING = "in validation, a near-duplicate in training"
Read = Callable[[DataConfig, Part], QuestionSet]


@dataclass(frozen=True)
class Split:
    """The questions of a trial, in the order of their files, and counts from reading and splitting."""

    train: list[Question]
    validation: list[Question]
    fingerprint: str  # 12 hex digits of both sets' ids and gold letters, in order
    cleaned: Counter[str]  # number of records, by what was changed
    flagged: Counter[str]  # number of records, by oddity; none was changed
    quarantined: list[Quarantined]
    overlap: str = ""  # a sentence if one set contains the other, or both read one file; else empty


def split_questions(data: DataConfig, split: SplitConfig, read: Read = read_questions) -> Split:
    """The training and validation questions that `split` makes from the files or hub data set of `data`.

    Args:
        read: returns the questions of a part, `train` or `validation`.

    Raises:
        DataError: if a set would be empty, or the questions cannot be read (see `data.read_questions`).
        ConfigError: if the config names a bundled file that does not exist.
    """
    parts = [read(data, "train")]
    if split.name == "official" or data.validation is not None:
        parts.append(read(data, "validation"))
    overlap = ""
    if split.name == "official":
        train, validation = (part.questions for part in parts)
        overlap = _overlapping_parts(data, train, validation)
    else:
        train, validation = _divide([question for part in parts for question in part.questions], split)
    train, validation = _sampled(train, validation, split)
    return Split(
        train,
        validation,
        short_hash([fingerprint(train), fingerprint(validation)]),
        cleaned=sum((part.cleaned for part in parts), Counter[str]()),
        flagged=sum((part.flagged for part in parts), _on_both_sides(train, validation)),
        quarantined=[record for part in parts for record in part.quarantined],
        overlap=overlap,
    )


def _overlapping_parts(data: DataConfig, train: list[Question], validation: list[Question]) -> str:
    """Why these two parts of an official split must be a mistake; empty: they may be intended."""
    sources = f"data.train={setting(data.train)} and data.validation={setting(data.validation)}"
    if file := file_in_both_parts(data):
        return f"{sources} both read {file}, or a copy of it."
    trained_on, validated_on = ({question.id for question in side} for side in (train, validation))
    if validated_on <= trained_on:
        return f"{sources}: all {len(validation):,} validation questions are also training questions."
    if trained_on <= validated_on:
        return f"{sources}: all {len(train):,} training questions are also validation questions."
    return ""


def _on_both_sides(train: list[Question], validation: list[Question]) -> Counter[str]:
    """Counts of validation questions that are training questions or near-duplicates of one; cached by question ids."""
    key = short_hash([SIMILARITY_RULE, *([question.id for question in side] for side in (train, validation))])
    return +Counter(shared("overlaps", key, lambda: _overlap(train, validation))[0])


def _overlap(train: list[Question], validation: list[Question]) -> dict[str, int]:
    hashed = [[question_hash(question.question, question.options) for question in side] for side in (validation, train)]
    found = overlap_of("validation", hashed[0], "training", hashed[1])
    return {IN_TRAINING: found.same, NEARLY_IN_TRAINING: found.near}


def _divide(pool: list[Question], split: SplitConfig) -> tuple[list[Question], list[Question]]:
    """Training and validation questions; a group is never divided."""
    groups = near_duplicates(pool)
    groups.sort(key=lambda group: min(_draw_key(split.seed, "split", pool[index].id) for index in group))
    if split.name == "kfold":
        chosen = _fold(groups, split.folds, split.fold)
    else:
        chosen = _groups_up_to(groups, round(split.validation_ratio * len(pool)))
    train = [question for index, question in enumerate(pool) if index not in chosen]
    return train, [question for index, question in enumerate(pool) if index in chosen]


def _groups_up_to(groups: list[list[int]], count: int) -> set[int]:
    """Indices of groups in order, except groups that would exceed `count` questions."""
    chosen: set[int] = set()
    for group in groups:
        if len(chosen) + len(group) <= count:
            chosen.update(group)
    return chosen


def _fold(groups: list[list[int]], folds: int, fold: int) -> set[int]:
    """Indices of one fold. Large groups are assigned first, each to the fold with the fewest questions so far."""
    parts: list[list[int]] = [[] for _ in range(folds)]
    for group in sorted(groups, key=len, reverse=True):
        min(parts, key=len).extend(group)
    return set(parts[fold])


def _sampled(
    train: list[Question], validation: list[Question], split: SplitConfig
) -> tuple[list[Question], list[Question]]:
    kept = _random_subset(train, round(split.train_fraction * len(train)), split.seed, "train")
    most = len(validation) if split.max_validation is None else split.max_validation
    chosen = _random_subset(validation, most, split.seed, "validation")
    if kept and chosen:
        return kept, chosen
    raise DataError(
        f"split={split.name} leaves {len(kept)} training and {len(chosen)} validation questions, of "
        f"{len(train)} and {len(validation)} before split.train_fraction={split.train_fraction} and "
        f"split.max_validation={split.max_validation}; each set needs at least one. {_remedy(split)}"
    )


def _remedy(split: SplitConfig) -> str:
    return {
        "official": "Raise split.train_fraction.",
        "random": f"Raise split.validation_ratio ({split.validation_ratio}) or split.train_fraction, or add questions.",
        "kfold": f"Lower split.folds ({split.folds}), raise split.train_fraction, or add questions.",
    }[split.name] + " Near-duplicates of one vignette always stay in one set."


def _random_subset(questions: list[Question], count: int, seed: int, purpose: str) -> list[Question]:
    """A random `count` of the questions, or all if there are fewer, in their original order."""
    order = sorted(range(len(questions)), key=lambda index: (_draw_key(seed, purpose, questions[index].id), index))
    return [questions[index] for index in sorted(order[:count])]


def _draw_key(seed: int, purpose: str, question_id: str) -> bytes:
    """A pseudorandom sort key, equal in every process. `purpose` makes draws for different purposes independent."""
    return hashlib.sha256(f"{seed} {purpose} {question_id}".encode()).digest()
