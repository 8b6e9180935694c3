"""Random and mutated records of every format, in every kind of file: questions or a sentence, never a traceback or a
silent loss. The slow run throws 10,000 files."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from pyarrow import parquet

from medqa_sweeps.config import DataConfig
from medqa_sweeps.data import QuestionSet, read_questions
from medqa_sweeps.errors import DataError
from tests.data.record_formats import FORMATS

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 30)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["A", "b", '\n"', "{'A': 'x', 'B': 'y'}", "['b']", "[[", "2", "-1", "\ud800", '"']),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["A", "B", "C", "D", "a", "b", " ", "key", "value"]) | st.text(max_size=3), inner
        )
    ),
    max_leaves=8,
)


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """A record of any format, unchanged or with some fields replaced, removed, or taken from another format."""
    record = dict(draw(st.sampled_from(list(FORMATS.values()))))
    for field in draw(st.lists(st.sampled_from(sorted(record)), max_size=2)):
        record[field] = draw(JSON)
    for field in draw(st.lists(st.sampled_from(sorted(record)), max_size=1)):
        record.pop(field, None)
    return {**draw(st.sampled_from([{}, {}, *FORMATS.values()])), **record}


def as_lines(path: Path, records: list[Any]) -> Path:
    return _written(path / "q.jsonl", "\n".join(["", *map(json.dumps, records)]) + "\n7")


def as_array(path: Path, records: list[Any]) -> Path:
    return _written(path / "q.json", json.dumps([*records, 7]))


def as_keyed(path: Path, records: list[Any]) -> Path:
    return _written(path / "q.json", json.dumps({**dict(enumerate(records)), "good": FORMATS["ending"], "bad": 7}))


def as_csv(path: Path, records: list[Any]) -> Path:
    table = [record if isinstance(record, dict) else {"odd": record} for record in records] + [{"last": 7}]
    columns = list(dict.fromkeys(str(key) for record in table for key in record))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for record in table:
        cells = {str(key): value for key, value in record.items()}
        writer.writerow([cells.get(column) for column in columns])
    (path / "q.csv").write_bytes(text.getvalue().encode(errors="replace"))
    return path / "q.csv"


def as_parquet(path: Path, records: list[Any]) -> Path:
    table = [{key: _arrow(value) for key, value in record.items()} for record in records if isinstance(record, dict)]
    rows = [*table, *({"odd": 1} for record in records if not isinstance(record, dict)), {"last": 7}]
    columns = {key: pyarrow.array([row.get(key) for row in rows]) for key in dict.fromkeys(k for r in rows for k in r)}
    parquet.write_table(pyarrow.table(columns), path / "q.parquet")
    return path / "q.parquet"


def _arrow(value: Any) -> Any:
    """Columns have one type: texts, and whatever is no text as JSON."""
    text = value if isinstance(value, str) or value is None else json.dumps(value)
    return text and text.encode(errors="replace").decode()


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


WRITERS = [as_lines, as_array, as_keyed, as_csv, as_parquet]


def is_blank_row(record: Any) -> bool:
    """Whether a record is a row of empty cells, which is skipped as a blank line is."""
    values = record.values() if isinstance(record, dict) else [record]
    return all(value is None or not str(value).strip() for value in values)


def check(folder: Path, records: list[Any], write: Any, base: int | None) -> None:
    """Each writer adds records of its own; the last is bad, so `stop` must end in a sentence."""
    path = write(folder, records)
    asked = len(records) + (2 if write is as_keyed else 1) - (sum(map(is_blank_row, records)) if write is as_csv else 0)
    config = {"name": "t", "train": str(path), "answer_base": base}
    with pytest.raises(DataError) as caught:
        read_questions(DataConfig(**config), "train")  # type: ignore[arg-type]
    assert str(caught.value).startswith(str(path)) and str(caught.value).endswith(".")
    try:
        found = read_questions(DataConfig(on_bad_record="quarantine", **config), "train")  # type: ignore[arg-type]
    except DataError as error:
        assert str(path) in str(error) and str(error).endswith(".")
        return
    assert len(found.questions) + len(found.quarantined) == asked, "silently lost"
    check_questions(found, str(path))


def check_questions(found: QuestionSet, path: str) -> None:
    for question in found.questions:
        assert 0 <= question.gold < len(question.options) and question.question.strip()
        assert all(option.strip() and option.encode() for option in question.options)
    for bad in found.quarantined:
        assert bad.location.startswith(path) and bad.reason.endswith(".") and bad.to_json_line().encode()


records = st.lists(mutated() | mutated() | JSON, min_size=1, max_size=3)
quietly = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=400, **quietly)  # type: ignore[arg-type]
@given(records, st.sampled_from(WRITERS), st.sampled_from([None, 0, 1]))
def test_records_are_read_set_aside_or_refused(tmp_path: Path, records: list[Any], write: Any, base: Any) -> None:
    check(tmp_path, records, write, base)


@pytest.mark.slow
@pytest.mark.timeout(1500)
@settings(max_examples=10_000, **quietly)  # type: ignore[arg-type]
@given(records, st.sampled_from(WRITERS), st.sampled_from([None, 0, 1]))
def test_ten_thousand_files(tmp_path: Path, records: list[Any], write: Any, base: Any) -> None:
    check(tmp_path, records, write, base)


@settings(max_examples=150, **quietly)  # type: ignore[arg-type]
@given(st.data(), st.sampled_from(WRITERS[:-1]))
def test_any_bytes_give_questions_or_a_sentence(tmp_path: Path, data: st.DataObject, write: Any) -> None:
    path = write(tmp_path, [FORMATS["medqa"], FORMATS["columns"]])
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        content[place : place + 1] = data.draw(st.binary(max_size=2))
    path.write_bytes(content)
    try:
        read_questions(DataConfig(name="t", train=str(path), on_bad_record="quarantine"), "train")
    except DataError as error:
        assert str(path) in str(error)
