"""Validation questions that are also training questions, or near-duplicates of training questions."""

from medqa_sweeps.alarms.alarm import Alarm

LEAKED_SHARE = 0.01
_CONSEQUENCE = ", so accuracies probably overstate what the model would score on new questions"


def near_duplicates(same: int, near: int, questions: int) -> Alarm | None:
    """An alarm if at least 1% of the validation questions are training questions or near-duplicates of one.

    It is a count, so it is never false. Below 1% the overlap can raise the accuracy by at most one point.

    Args:
        same: validation questions that are also training questions.
        near: further validation questions with a near-duplicate in training (`data.duplicates.overlap`).
        questions: number of validation questions.
    """
    if not _is_alarming(same, near, questions):
        return None
    return Alarm("near_duplicates", sentence(same, near, questions), about_data=True)


def sentence(same: int, near: int, questions: int) -> str:
    """The alarm's sentence, for any count, with the consequence if the alarm is raised; empty if both counts are 0."""
    so = _CONSEQUENCE if _is_alarming(same, near, questions) else ""
    of_all = f"of {questions:,} validation questions"
    also = f"{same:,} {of_all} are also training questions"
    if not near:
        return f"{also}{so}" if same else ""
    if same:
        return f"{also}, and {near:,} have a near-duplicate in training{so}"
    return f"{near:,} {of_all} have a near-duplicate in training{so}"


def _is_alarming(same: int, near: int, questions: int) -> bool:
    return same + near >= max(1, LEAKED_SHARE * questions)
