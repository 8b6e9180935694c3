"""A quiz as one HTML file: no server, no network, progress in the browser's own storage.

Before the learner commits to an answer, neither the right letter nor the model's is in the page's elements: not as
text, not in an attribute, not in what a screen reader is given. They are in the script's data, encoded, and the script
takes that data out of the page before it shows a question.

The code protects a learner from seeing an answer by accident: in the page's source, with the browser's search or
inspector, by ear. It is no secret: whoever wants to can run the decoder below.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

from medqa_sweeps.analysis.page.markup import escaped, json_in_script
from medqa_sweeps.quiz.exercise import Exercise, ExerciseSet
from medqa_sweeps.quiz.scoring import NO_STEP
from medqa_sweeps.quiz.sentences import (
    DO_NOT_KNOW,
    ROWS,
    about_model,
    joined,
    left_out,
    standing,
    subject,
    verdict,
)
from medqa_sweeps.wording import CI, percent, step_name

_FOLDER = Path(__file__).parent


def page_html(source: ExerciseSet, exercises: Sequence[Exercise]) -> str:
    """The whole document."""
    title = f"Quiz: {subject(source, len(exercises))}"
    sentences = standing(source)
    return Template(_text_of("page.html")).substitute(
        title=escaped(title),
        css=_text_of("page.css"),
        script=_text_of("page.js"),
        first=escaped(sentences[0]),
        standing=escaped(joined(sentences[1:])),
        notes=escaped(joined([left_out(source), *source.notes])),
        data=json_in_script(_data(source, exercises)),
    )


def encoded(text: str, key: str) -> str:
    """Base64 of the UTF-8 bytes of `text`, each combined (xor) with a byte of a stream that `key` determines."""
    state = 2166136261  # FNV-1a over the key, then xorshift32: both are a line each in page.js
    for byte in key.encode():
        state = ((state ^ byte) * 16777619) % 2**32
    stream = bytearray()
    for byte in text.encode():
        state ^= (state << 13) % 2**32
        state ^= state >> 17
        state ^= (state << 5) % 2**32
        stream.append(byte ^ (state & 255))
    return base64.b64encode(stream).decode()


def _data(source: ExerciseSet, exercises: Sequence[Exercise]) -> dict[str, Any]:
    """What the script shows. The id, under which a browser keeps the learner's progress, is that of these questions
    and answers."""
    questions = [_question(source, one) for one in exercises]
    id_ = hashlib.sha256(json.dumps(questions).encode()).hexdigest()[:16]
    has_model = any(one.model for one in exercises)
    return {
        "id": id_,
        "questions": questions,
        "rows": ROWS if has_model else ROWS[:2],
        "model": has_model,
        "pass": DO_NOT_KNOW,
        "ci": CI,
        "noStep": NO_STEP,
    }


def _question(source: ExerciseSet, exercise: Exercise) -> dict[str, Any]:
    shares = exercise.model.probabilities() if exercise.model else {}
    answer = {
        "gold": exercise.letters.index(exercise.gold),
        "model": exercise.letters.find(exercise.model.predicted or "-") if exercise.model else -1,
        "shares": [shares[letter] for letter in exercise.letters] if shares else [],
        "percent": [percent(shares[letter]) for letter in exercise.letters] if shares else [],
        "passed": verdict(exercise, None),
        "right": verdict(exercise, exercise.gold),
        "wrong": verdict(exercise, ""),
        "about": about_model(exercise, source.record),
    }
    return {
        "id": exercise.id,
        "question": _shown(exercise.question.question),
        "options": [_shown(text) for text in exercise.question.options],
        "step": step_name(exercise.question.step or ""),
        "answer": encoded(json.dumps(answer, ensure_ascii=False), exercise.id),
    }


def _shown(text: str) -> str:
    """The script writes texts as text, so that nothing needs escaping; control characters become spaces."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


def _text_of(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
