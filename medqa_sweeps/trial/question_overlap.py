"""Overlap of a file's questions with those a trial trained or validated on, and what it means for a score."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from medqa_sweeps.data import Question, fingerprint
from medqa_sweeps.data.duplicates import Similarity, similarities
from medqa_sweeps.data.split import split_questions
from medqa_sweeps.errors import TrialError
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import JsonRecord
from medqa_sweeps.wording import counted


@dataclass(frozen=True)
class QuestionOverlap:
    """Overlap of a file's questions with the training or the validation questions of a trial."""

    similarities: tuple[Similarity, ...] | None  # for each question, in the file's order; None: unknown
    why_unknown: str = ""  # a sentence

    def of(self, index: int) -> str:
        """`same`, `near` or `no` for the question at `index`; or `unknown`."""
        return "unknown" if self.similarities is None else self.similarities[index]

    def count(self) -> "OverlapCount | None":
        """The counts; None: unknown."""
        return None if self.similarities is None else count_overlap(self.similarities)


@dataclass(frozen=True)
class OverlapCount(JsonRecord):
    """How many questions of a file are in a part of a trial's data."""

    questions: int  # in the file
    same: int  # questions with the same text and options
    near: int  # further near-duplicates

    @property
    def overlapping(self) -> int:
        return self.same + self.near


def overlap_with_trial(trial: TrialDir, questions: Sequence[Question]) -> tuple[QuestionOverlap, QuestionOverlap]:
    """Overlap of `questions` with the trial's training questions, and with its validation questions.

    Both sets are read again. The overlap is unknown if they cannot be read or have changed since the trial ran.
    """
    config, then = trial.config(), trial.provenance().get("questions", {})
    try:
        split = split_questions(config.data, config.split)
    except TrialError as error:
        return QuestionOverlap(None, str(error)), QuestionOverlap(None, str(error))
    return (
        _overlap_with(questions, split.train, then.get("train_fingerprint")),
        _overlap_with(questions, split.validation, then.get("validation_fingerprint")),
    )


def _overlap_with(
    questions: Sequence[Question], those: Sequence[Question], fingerprint_then: str | None
) -> QuestionOverlap:
    if fingerprint_then not in (None, fingerprint(those)):
        return QuestionOverlap(None, "They have changed since the trial ran.")
    return QuestionOverlap(tuple(similarities(questions, those)))


def count_overlap(found: Sequence[Similarity]) -> OverlapCount:
    return OverlapCount(len(found), found.count(Similarity.SAME), found.count(Similarity.NEAR))


def questions_without_overlap(training: QuestionOverlap, validation: QuestionOverlap) -> list[int]:
    """Indices of the questions without any overlap, near-duplicates included; empty if the overlap is unknown."""
    both = zip(training.similarities or (), validation.similarities or (), strict=False)
    return [index for index, pair in enumerate(both) if set(pair) == {Similarity.NO}]


# Sentences


def sentences(training: QuestionOverlap, validation: QuestionOverlap) -> Iterator[str]:
    """What a reader must know about the accuracy on the file."""
    for part, seen in (("training", training), ("validation", validation)):
        if seen.similarities is None:
            yield f"It is unknown whether these are among the trial's {part} questions. {seen.why_unknown}"
    yield from overlap_sentences(training.count(), validation.count())


def overlap_sentences(
    training: OverlapCount | None, validation: OverlapCount | None, these: str = "these"
) -> Iterator[str]:
    """One sentence for each part that the file overlaps with, or one that says that there is no overlap.

    Args:
        these: how to refer to the questions: `these` 400 questions, `the test's` 400 questions.
    """
    if training and training.overlapping:
        most = 2 * training.overlapping > training.questions
        verdict = "this accuracy says nothing about new questions" if most else "the accuracy is biased upwards"
        yield f"{_overlap(training, 'training', these)}: {verdict}."
    if validation and validation.overlapping:
        why = "the trial may have been selected by its score on them"
        yield f"{_overlap(validation, 'validation', these)}: {why}, so the accuracy is biased upwards."
    if training and validation and not training.overlapping and not validation.overlapping:
        yield f"None of {these} questions is, or nearly duplicates, a training or validation question of this trial."


def _overlap(count: OverlapCount, part: str, these: str) -> str:
    total = f"{these} {counted(count.questions, 'question')}"
    same = f"{count.same:,} of {total} {'was' if count.same == 1 else 'were'} in this trial's {part} data"
    of = "more" if count.same else f"of {total}"
    are = "is a near-duplicate" if count.near == 1 else "are near-duplicates"
    near = f"{count.near:,} {of} {are} of {part} questions"
    return " and ".join([same] * bool(count.same) + [near] * bool(count.near))
