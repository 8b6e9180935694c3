"""Validation questions that the model has, or nearly has, trained on."""

from medqa_sweeps.alarms.alarm import Alarm

LEAKED_SHARE = 0.01


def near_duplicates(same: int, near: int, questions: int) -> Alarm | None:
    """An alarm if at least 1 % of the validation questions are, or are nearly, training questions.

    A count, which is never false. Below 1 % the accuracy can gain at most one point by it.

    Args:
        same: validation questions that are also training questions.
        near: besides, those with a near-duplicate there (`data.duplicates.overlap`).
        questions: all validation questions.
    """
    if same + near < max(1, LEAKED_SHARE * questions):
        return None
    return Alarm("near_duplicates", in_words(same, near, questions), about_data=True)


def in_words(same: int, near: int, questions: int) -> str:
    """The alarm's sentence, for any count; empty if none of the questions is, or is nearly, a training question."""
    of_all = f"of {questions:,} validation questions"
    also = f"{same:,} {of_all} are training questions too"
    if not near:
        return also if same else ""
    if same:
        return f"{also}, and {near:,} have a near-duplicate in training"
    return f"{near:,} {of_all} have a near-duplicate in training"
