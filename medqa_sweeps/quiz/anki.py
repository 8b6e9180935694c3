"""A text file that Anki imports (File > Import), one card per question.

The question's id is the note's guid: a file that is imported again updates its notes and keeps what the learner has
reviewed. The front has the question, the back what the learner may see only after answering.

Source: the headers that Anki reads, rslib/src/import_export/text/csv/metadata.rs at ankitects/anki. It ignores a line
that begins with # and is no header.
"""

import html
from collections.abc import Sequence

from medqa_sweeps.quiz.exercise import Exercise, ExerciseSet
from medqa_sweeps.quiz.sentences import LICENCE, about_model, joined, standing, verdict
from medqa_sweeps.wording import percent

_HEADERS = (
    "separator:tab",
    "html:true",
    "guid column:1",
    "tags column:4",
    "columns:guid\tFront\tBack\tTags",
    "notetype:Basic",
    "if matches:update current",
)


def anki_text(source: ExerciseSet, exercises: Sequence[Exercise]) -> str:
    """The whole file; the same questions and answers give the same text. Each card says what its answers are worth."""
    remarks = [_line(sentence) for sentence in (*standing(source), *source.notes, LICENCE)]
    rows = [
        "\t".join((one.id, _front(one), _back(source, one), _tags(one)))
        for one in sorted(exercises, key=lambda e: e.id)
    ]
    return "\n".join([*(f"#{header}" for header in _HEADERS), *(f"# {remark}" for remark in remarks), *rows, ""])


def _front(exercise: Exercise) -> str:
    options = "".join(
        f"<div><b>{letter}</b> &nbsp;{_text(text)}</div>"
        for letter, text in zip(exercise.letters, exercise.question.options, strict=True)
    )
    return f"<div>{_text(exercise.question.question)}</div><br>{options}"


def _back(source: ExerciseSet, exercise: Exercise) -> str:
    shares = exercise.model.probabilities() if exercise.model else {}
    rows = "".join(f"<div>{letter} &nbsp;{percent(shares.get(letter, 0.0))}</div>" for letter in exercise.letters)
    parts = [
        f"<div><b>{_text(verdict(exercise, None))}</b></div>",
        f"<br><div>{_text(about_model(exercise, source.record))}</div>" if exercise.model else "",
        f"<br><div>The model's probabilities</div>{rows}" if shares else "",
        f"<br><div><small>{_text(joined(standing(source)))}</small></div>",
    ]
    return "".join(parts)


def _tags(exercise: Exercise) -> str:
    step = (exercise.question.step or "").replace("&", "-")
    return f"medqa-sweeps {step}".strip()


def _text(text: str) -> str:
    """Of data, as HTML in one cell. Anki reads `[sound:…]` and `[latex]` in fields, so that a bracket is an entity."""
    shown = html.escape(_line(text, keep="\n")).replace("[", "&#91;")
    return shown.replace("\n", "<br>")


def _line(text: str, keep: str = "") -> str:
    """Without tabs, line breaks and other control characters, which would end a cell or a row."""
    return "".join(c if c.isprintable() or c in keep else " " for c in text)
