"""The text file, read as Anki reads it."""

import csv
from dataclasses import replace

from medqa_sweeps.quiz.anki import anki_text
from medqa_sweeps.quiz.exercise import ExerciseSet
from medqa_sweeps.quiz.sentences import LICENCE, standing
from tests.quiz.quizzes import exercise, exercise_set

HOSTILE = (
    'Line one\nline\ttwo "quoted" <script>alert(1)</script> [sound:x.mp3] [latex]\\input{x}[/latex] {{c1::y}}\x1b[2J\r'
)


def notes(text: str) -> dict[str, list[str]]:
    """By guid, the other cells. Anki's reader is a CSV reader whose comments begin with #."""
    lines = text.splitlines()
    assert "#separator:tab" in lines and "#guid column:1" in lines and "#html:true" in lines
    rows = list(csv.reader([line for line in lines if not line.startswith("#")], delimiter="\t"))
    assert all(len(row) == 4 for row in rows)
    assert len({row[0] for row in rows}) == len(rows)
    return {row[0]: row[1:] for row in rows}


def file_of(*numbers: int, model: int = 1) -> tuple[ExerciseSet, str]:
    exercises = [exercise(number, model=model) for number in numbers]
    source = exercise_set(*exercises)
    return source, anki_text(source, exercises)


def test_a_second_import_updates_the_notes() -> None:
    """Of the same questions with another trial's answers: the same guids and fronts, other backs."""
    _, first = file_of(1, 2, 3)
    _, again = file_of(3, 1, 2)
    assert first == again, "the same questions in any order are the same file"
    before, after = notes(first), notes(file_of(2, 3, 4, model=2)[1])
    shared = before.keys() & after.keys()
    assert len(shared) == 2
    assert all(before[id_][0] == after[id_][0] and before[id_][1] != after[id_][1] for id_ in shared)


def test_the_model_is_on_no_front_and_its_error_rate_on_every_back() -> None:
    source, text = file_of(1, 2)
    for front, back, tags in notes(text).values():
        assert "model" not in front and "right" not in front
        assert "The model answered B" in back and "wrong in 10 of 30 validation questions" in back
        assert "For education and research only" in back and tags == "medqa-sweeps"
    head = [line[2:] for line in text.splitlines() if line.startswith("# ")]
    assert head == [*standing(source), LICENCE]


def test_hostile_text_stays_text_in_its_cell() -> None:
    one = exercise(1, model=0, text=HOSTILE)
    ((front, back, _),) = notes(anki_text(exercise_set(one), [one])).values()
    assert "<script" not in front + back and "[" not in front + back and "\x1b" not in front
    assert front.startswith("<div>Line one<br>line two &quot;quoted&quot; &lt;script&gt;")


def test_a_name_cannot_end_the_comments() -> None:
    one = exercise(1, model=0)
    source = replace(exercise_set(one), notes=["first\nsecond\trow"])
    assert len(notes(anki_text(source, [one]))) == 1
