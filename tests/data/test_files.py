"""JSON, CSV and Parquet: the same content in any of them, and what is broken is said with its place."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from medqa_sweeps.config import DataConfig
from medqa_sweeps.data import QuestionSet, fingerprint, read_questions
from medqa_sweeps.errors import DataError
from tests.data.record_formats import BASES, FORMATS, LETTERED, STEM

ONE, OTHER = FORMATS["medqa"], {**FORMATS["medqa"], "question": "Another?"}


def read(path: Path, **config: Any) -> QuestionSet:
    return read_questions(DataConfig(name="t", train=str(path), **config), "train")


def refusal(path: Path, **config: Any) -> str:
    with pytest.raises(DataError) as caught:
        read(path, **config)
    return str(caught.value)


def as_csv(path: Path, *records: dict[str, Any]) -> Path:
    """As pandas writes it: what is no text is written as Python hashes it, and null is an empty cell."""
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(records[0]))
        writer.writeheader()
        writer.writerows(records)
    return path


def as_parquet(path: Path, *records: dict[str, Any]) -> Path:
    parquet.write_table(pyarrow.Table.from_pylist(list(records)), path)
    return path


@pytest.mark.parametrize("record_format", FORMATS)
@pytest.mark.parametrize("write", [as_csv, as_parquet])
def test_every_format_in_a_table(tmp_path: Path, record_format: str, write: Any) -> None:
    path = write(tmp_path / f"q.{write.__name__[3:]}", FORMATS[record_format])
    (question,) = read(path, answer_base=BASES.get(record_format)).questions
    assert (question.id, question.gold) == ("3e273dff5a3e9a7a", 1)


@pytest.mark.parametrize(
    "content",
    [
        {"0000": ONE, "0001": OTHER},
        {"medqa": {"0000": ONE, "0001": OTHER}},
        [ONE, OTHER],
    ],
    ids=["keyed", "keyed one level down", "array"],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_an_object_keyed_by_number_is_the_same_content(tmp_path: Path, content: Any, indent: int | None) -> None:
    (tmp_path / "lines.jsonl").write_text(json.dumps(ONE) + "\n" + json.dumps(OTHER))
    (tmp_path / "whole.json").write_text(json.dumps(content, indent=indent))
    expected = fingerprint(read(tmp_path / "lines.jsonl").questions)
    assert fingerprint(read(tmp_path / "whole.json").questions) == expected


def test_a_single_record_over_several_lines_is_one_question(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps(FORMATS["nested"], indent=2))
    assert len(read(tmp_path / "one.json").questions) == 1


def test_of_several_sets_those_that_are_named_are_read(tmp_path: Path) -> None:
    path = tmp_path / "benchmark.json"
    path.write_text(json.dumps({"medqa": {"0": ONE, "1": OTHER}, "pubmedqa": {"0": OTHER}}))
    assert "contains 2 sets: medqa, pubmedqa. Choose which to read: data.hub_subsets=[medqa]." in refusal(path)
    assert len(read(path, hub_subsets=["medqa"]).questions) == 2
    assert len(read(path, hub_subsets=["pubmedqa", "medqa"]).questions) == 3
    assert "has no set mmlu; data.hub_subsets may name medqa, pubmedqa." in refusal(path, hub_subsets=["mmlu"])


def test_the_location_of_a_bad_record_in_a_keyed_file_is_its_key(tmp_path: Path) -> None:
    (tmp_path / "q.json").write_text(json.dumps({"medqa": {"0000": ONE, "0001": {"question": "?"}}}))
    assert refusal(tmp_path / "q.json").startswith(f"{tmp_path}/q.json, medqa, 0001: not a multiple-choice question")


@pytest.mark.parametrize(
    "text",
    [
        '{"0": {"question": "a"}, "0": {"question": "b"}}',
        '{"question": "?", "options": {"A": "x", "B": "y", "A": "z"}, "answer_idx": "A"}',
    ],
)
def test_a_key_that_is_there_twice_would_lose_something(tmp_path: Path, text: str) -> None:
    (tmp_path / "q.json").write_text(text)
    assert "occurs twice" in refusal(tmp_path / "q.json")
    table = as_csv(tmp_path / "q.csv", {**ONE, "options": "{'A': 'x', 'B': 'y', 'A': 'z'}"})
    assert "allowed are an object" in refusal(table)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "contains no questions"),
        ("question,options,answer\n", "contains no questions"),
        ("question,question\na,b\n", "two columns have the same name"),
        ('question,answer\n"a,b\nc,d\n', "line 2: not CSV (unexpected end of data)"),
        ('question,answer\n"a"b,c\n', "line 2: not CSV"),
        ("question,answer\na,b\na,b,c\n", "line 2: not a multiple-choice question"),
        ("question,option_a,option_b,answer\nq,x,y,A\nq,x,y\n", "line 3: has 3 cells, but the header has 4"),
        ('question,option_a,option_b,answer\n"q\nr",x,y,A\nq,x,,A\n', "line 4: has 1 options"),
        ("question,options,answer\nq,__import__('os'),A\n", "allowed are an object"),
        ("question,options,answer\nq,\"{'A': open('x'), 'B': 'y'}\",A\n", "allowed are an object"),
        ("question,options,answer\nq," + "[" * 5000 + ",A\n", "allowed are an object"),
    ],
)
def test_the_error_of_a_malformed_table_names_the_line(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "q.csv").write_text(text)
    assert reason in refusal(tmp_path / "q.csv")


def test_a_row_with_too_many_cells_can_be_set_aside(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text("question,option_a,option_b,answer\nq,x,y,A\nq,x,y,A,B\n")
    found = read(tmp_path / "q.csv", on_bad_record="quarantine")
    assert len(found.questions) == 1 and found.quarantined[0].record == ["q", "x", "y", "A", "B"]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 60 + b"PAR1"])
def test_a_broken_parquet_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "q.parquet").write_bytes(content)
    assert "not a readable Parquet file" in refusal(tmp_path / "q.parquet")


def test_a_number_in_a_table_of_letters_needs_an_answer_base(tmp_path: Path) -> None:
    for value in (2, "2", 2.0, "2.0"):
        record = {**FORMATS["columns, number"], "correct_option": value}
        assert "correct_option is 2, and the file does not say whether numbers start at 0 or 1" in refusal(
            as_csv(tmp_path / "q.csv", record)
        )
        assert read(as_parquet(tmp_path / "q.parquet", record), answer_base=0).questions[0].gold == 2


def test_an_option_missing_from_the_middle_keeps_the_others_letters(tmp_path: Path) -> None:
    record = {"question": STEM, "options": {**LETTERED, "B": None}, "answer_idx": "D"}
    (question,) = read(as_parquet(tmp_path / "q.parquet", record)).questions
    assert question.options[question.gold] == "Influenza"
    endings = {**FORMATS["ending"], "ending5": "After a gap", "label": 5}
    assert read(as_csv(tmp_path / "q.csv", endings)).questions[0].options[-1] == "After a gap"


@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv", "parquet"])
def test_a_git_lfs_pointer_is_named_and_no_record_of_it_is_set_aside(tmp_path: Path, suffix: str) -> None:
    """It was `line 1: not JSON … data.on_bad_record=quarantine …`."""
    path = tmp_path / f"train.{suffix}"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935\nsize 1502096\n")
    told = refusal(path, on_bad_record="quarantine")
    assert (
        told.startswith(f"{path} is a Git-LFS pointer")
        and "git lfs pull" in told
        and "without such records" not in told
    )


def test_a_file_that_begins_like_a_pointer_and_is_long_is_none(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("version https://git-lfs.github.com/spec/v1\n" * 100)
    assert "Git-LFS" not in refusal(path)


@pytest.mark.parametrize("named", ["b.jsonl", "*.jsonl"])
def test_a_link_to_nothing_is_named_and_not_left_out_of_a_glob(tmp_path: Path, named: str) -> None:
    """A glob trained on the other files without a word."""
    (tmp_path / "a.jsonl").write_text(json.dumps(ONE) + "\n")
    (tmp_path / "b.jsonl").symlink_to("annex/objects/SHA256E-s70012")
    assert re.search(r"b\.jsonl is a link to a file that does not exist.*git annex get", refusal(tmp_path / named))
