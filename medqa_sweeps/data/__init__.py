"""MedQA in all its published formats, from files or the hub, read into checked questions.

Read in this order: `files` and `hub` yield records (`raw_record`) with their location; `tables` reads rows of CSV,
`encodings` turns bytes into text, `contents` recognises what is no data file. `formats` extracts question, options and
answer from a record, by the names of its `fields` and the content of its `cells`; `counting` finds the base of numbered
gold answers; `checking` cleans the texts into a `question` or refuses them, `flags` marks what looks odd, `ordered`
finds options that depend on their order; `reading` does all this for a data config and quarantines bad records if the
config says so; `split` makes the training and validation sets. `duplicates` finds near-duplicates; `description` counts
what a data set contains, and `printing` prints it.
"""

from medqa_sweeps.data.question import UNLABELLED, Quarantined, Question, QuestionSet, fingerprint, question_id
from medqa_sweeps.data.reading import Part, read_questions, read_test_questions, read_to_answer, refuse_missing_test

__all__ = [
    "UNLABELLED",
    "Part",
    "Quarantined",
    "Question",
    "QuestionSet",
    "fingerprint",
    "question_id",
    "read_questions",
    "read_test_questions",
    "read_to_answer",
    "refuse_missing_test",
]
