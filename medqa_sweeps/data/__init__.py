"""MedQA in the shapes in which it is met, from files or from the hub, made into checked questions.

Read in this order: `files` and `hub` yield records with their place; `shapes` finds the `question` in a record
(`record`) from its fields; `counting` finds from where numbered gold answers count; `checking` cleans and refuses,
`flags` says what looks odd, `ordered` finds options that name letters; `reading` does it for a data config, and sets
bad records aside if asked to; `split` says which questions train and which validate. `duplicates` finds
near-duplicates; `description` says what a set holds. `page` shows it.
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
