"""Options that depend on their order are found and counted; the config says what is done with them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medqa_sweeps.config import DataConfig
from medqa_sweeps.data import QuestionSet, fingerprint, read_questions
from medqa_sweeps.data.ordered import order_matters, without_copy

COPY = "Which scan? Answer Choices: (A) X-ray (B) MRI (C) CT (70 %)"
SCANS = ["X-ray", "MRI", "CT (70 %)"]


@pytest.mark.parametrize(
    "options",
    [
        ["x", "y", "z", "Both A & B"],
        ["x", "y", "z", "A, B, and C"],
        ["x", "y", "z", "All except C"],
        ["x", "y", "z", "Options (A) and (B) only"],
        ["x", "y", "z", "Both (A) & (C)"],
        ["x", "y", "A+B", "C"],
        ["中枢淋巴器官", "外周淋巴器官", "免疫活性细胞", "A和B", "A、B和C"],
    ],
)
def test_options_that_name_letters_are_found(options: list[str]) -> None:
    assert order_matters("Which?", options) == "options name the letters of others"


@pytest.mark.parametrize(
    "option",
    ["None of the above", "All of the above.", "all the above", "Can be any of the above", "以上都不是", "以上均正确"],
)
def test_options_that_refer_to_those_above_are_found(option: str) -> None:
    assert order_matters("Which?", ["x", "y", option]) == "options refer to those above"


@pytest.mark.parametrize(
    ("question", "options"),
    [(COPY, SCANS), ("Which?\nA. X-ray\nB. MRI\nC. CT (70 %)", SCANS), ("A) a B) b, ok?", ["a", "b"])],
)
def test_options_in_the_question_are_found(question: str, options: list[str]) -> None:
    assert order_matters(question, options) == "options stand in the question too"


@pytest.mark.parametrize(
    ("question", "options"),
    [
        ("Which vitamins?", ["A", "B12", "C", "D"]),
        ("Which vitamins?", ["A and D", "B12", "C", "K"]),
        ("Which device?", ["A only", "B only", "C only", "A and B"]),
        ("Which virus?", ["Hepatitis A and B", "Influenza A", "Coxsackie A virus", "Vitamin C"]),
        ("Which?", ["None of these", "Both kidneys", "Above the knee", "All teeth below the gum"]),
        ("Which?", ["以上肢运动为主", "均数和中位数", "65岁以上的患者"]),
        ("Is it an X-ray or an MRI? (A) helps.", ["X-ray", "MRI"]),
    ],
)
def test_other_questions_are_unchanged(question: str, options: list[str]) -> None:
    assert order_matters(question, options) is None
    assert without_copy(question, options) == question


def test_long_options_are_looked_at_in_no_time() -> None:
    assert order_matters("Which?", ["x", "A  ,  " * 500, "A" + " " * 9000 + "!"]) is None


def test_a_copy_is_removed_and_nothing_else() -> None:
    assert without_copy(COPY, SCANS) == "Which scan?"
    assert without_copy(COPY + " Choose.", SCANS) == "Which scan?  Choose."
    assert without_copy("A. a B. b", ["a", "b"]) == "A. a B. b", "a question is never emptied"


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., QuestionSet]:
    records = [{"question": "Which?", "options": {"A": "x", "B": "y", "C": "Both A and B"}, "answer_idx": "C"}]
    records += [{"question": COPY, "options": dict(zip("ABC", SCANS, strict=True)), "answer_idx": "A"}]
    records += [{"question": "Whom?", "options": {"A": "x", "B": "y"}, "answer_idx": "A"}]
    path = tmp_path / "q.jsonl"
    path.write_text("\n".join(map(json.dumps, records)))

    def read_as(ordered_options: str) -> QuestionSet:
        return read_questions(DataConfig(name="d", train=str(path), ordered_options=ordered_options), "train")

    return read_as


@pytest.mark.parametrize(
    ("asked", "in_order"),
    [
        ("keep", [True, True, False]),
        ("remove", [True, False, False]),
        ("permute", [False, False, False]),
        ("quarantine", [False]),
    ],
)
def test_the_config_says_what_is_done(read: Callable[..., QuestionSet], asked: str, in_order: list[bool]) -> None:
    found = read(asked)
    assert [question.in_order for question in found.questions] == in_order
    assert found.flagged["options name the letters of others"] == 1
    assert found.flagged["options stand in the question too"] == (asked != "remove")
    assert found.cleaned["options removed from the question"] == (asked == "remove")
    assert len(found.quarantined) == 3 - len(in_order)
    assert all("data.ordered_options=quarantine" in one.reason for one in found.quarantined)


def test_the_fingerprint_says_which_options_keep_their_order(read: Callable[..., QuestionSet]) -> None:
    """It is part of a trial's signature; questions without such options have the fingerprint that they had."""
    kept, permuted = (read(asked).questions for asked in ("keep", "permute"))
    assert fingerprint(kept) != fingerprint(permuted) and fingerprint(kept[2:]) == fingerprint(permuted[2:])


def test_other_values_are_refused() -> None:
    problems: Any = list(DataConfig(name="d", train="x", ordered_options="sort").problems())
    assert problems == ["data.ordered_options=sort: allowed are keep, remove, quarantine, permute"]
