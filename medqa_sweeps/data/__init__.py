"""MedQA in all its published formats, from files or the hub, read into checked questions.

Read in this order: `files` and `hub` yield records (`raw_record`) with their location; `formats` extracts question,
options and answer from a record's fields; `counting` finds the base of numbered gold answers; `checking` cleans the
texts into a `question` or refuses them, `flags` marks what looks odd, `ordered` finds options that depend on their
order; `reading` does all this for a data config and quarantines bad records if the config says so; `split` makes the
training and validation sets. `duplicates` finds near-duplicates; `description` counts what a data set contains, and
`printing` prints it.
"""

from medqa_sweeps.data.question import Quarantined, Question, QuestionSet, fingerprint, question_id
from medqa_sweeps.data.reading import Part, read_questions, read_test_questions, refuse_missing_test

__all__ = [
    "Part",
    "Quarantined",
    "Question",
    "QuestionSet",
    "fingerprint",
    "question_id",
    "read_questions",
    "read_test_questions",
    "refuse_missing_test",
]
