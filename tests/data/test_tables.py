"""Delimiters, encodings, blank rows, files that are not what their names say, and several files at once."""

import codecs
import csv
import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from medqa_sweeps.config import DataConfig
from medqa_sweeps.data import QuestionSet, fingerprint, read_questions
from medqa_sweeps.data.encodings import text_of
from medqa_sweeps.data.reading import Part
from medqa_sweeps.data.split import file_in_both_parts
from medqa_sweeps.errors import DataError
from tests.data.record_formats import FORMATS, LETTERED, STEM
from tests.data.test_files import as_parquet

HEADER = ["question", "A", "B", "C", "answer"]
ROW = ["Was ist Ménière, und warum?", "é; x", "ü, y", "|z|", "B"]
QUIETLY = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def table(*rows: list[str], delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()


def file(folder: Path, content: str | bytes, name: str = "q.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(source: Any, **config: Any) -> QuestionSet:
    train = [str(one) for one in source] if isinstance(source, list) else str(source)
    return read_questions(DataConfig(name="t", train=train, **config), "train")


def refusal(source: Any, **config: Any) -> str:
    with pytest.raises(DataError) as caught:
        read(source, **config)
    return str(caught.value)


# Delimiters


@pytest.mark.parametrize("name", ["q.csv", "q.tsv", "q.TSV"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("first", ["", "sep=%s\r\n", '"sep=%s"\n', "\ufeffsep=%s\n"])
def test_the_header_shows_the_delimiter(tmp_path: Path, name: str, delimiter: str, first: str) -> None:
    text = table(HEADER, ROW, delimiter=delimiter)
    (question,) = read(file(tmp_path, (first % delimiter if first else "") + text, name)).questions
    assert [question.question, *question.options] == ROW[:4] and question.gold == 1


@pytest.mark.parametrize(
    ("named", "sign"), [("semicolon", ";"), (";", ";"), ("tab", "\t"), ("pipe", "|"), ("comma", ",")]
)
def test_a_delimiter_can_be_named(tmp_path: Path, named: str, sign: str) -> None:
    odd = ["Frage, neu; alt", "x|y", "z"]  # parts with three delimiters
    path = file(tmp_path, table(odd, ["a", "b", "c"], delimiter=sign))
    assert "Its columns are" in refusal(path, delimiter=named, columns={"question": "nothing"})
    listed = refusal(path, delimiter=named, columns={"question": "nothing"}).partition("Its columns are ")[2]
    assert listed.startswith("Frage, neu; alt, x|y, z.")


def test_a_header_that_several_delimiters_part_is_asked_about(tmp_path: Path) -> None:
    path = file(tmp_path, "a,b;c\n1,2;3\n4,5;6\n")
    message = refusal(path)
    assert "the header does not tell what parts its columns (comma: a / b;c; semicolon: a,b / c)." in message
    assert message.endswith("Name it: data.delimiter=comma.")
    assert "its fields are ['a', 'b;c']" in refusal(path, delimiter="comma")


def test_named_columns_show_the_delimiter_too(tmp_path: Path) -> None:
    path = file(tmp_path, table(["Stem, long", "X", "Y", "Key"], ["a, b", "x", "y", "B"], delimiter=";"))
    mapped = {"question": "Stem, long", "options": ["X", "Y"], "answer": "Key"}
    assert read(path, columns=mapped).questions[0].gold == 1


def test_a_comma_in_a_quoted_name_of_a_column_is_no_delimiter(tmp_path: Path) -> None:
    path = file(tmp_path, table(["question", "A", "B", "answer", "source; date | page"], ["q", "x", "y", "A", ""]))
    assert len(read(path).questions) == 1


# Rows


@pytest.mark.parametrize("blank", [",,,,", " , ,\t,,", "", '"",,,,', ",,,,,,,"])
def test_blank_rows_are_skipped_wherever_they_are(tmp_path: Path, blank: str) -> None:
    rows = table(HEADER, ROW, ROW).splitlines()
    text = "\n".join([blank, rows[0], blank, rows[1], blank, rows[2], blank, blank, ""])
    assert len(read(file(tmp_path, text)).questions) == 2
    broken = "\n".join([rows[0], blank, rows[1].replace(",B", ",X")])
    assert "line 3: the gold answer 'X'" in refusal(file(tmp_path, broken)), "the line is that of the file"
    assert "contains no questions" in refusal(file(tmp_path, f"{rows[0]}\n{blank}\n"))


def test_empty_cells_after_the_last_column_are_left_out_and_others_are_not(tmp_path: Path) -> None:
    text = table([*HEADER, "", ""], [*ROW, "", ""])
    assert len(read(file(tmp_path, text)).questions) == 1
    message = refusal(file(tmp_path, table([*HEADER, "", ""], [*ROW, "", "x"])))
    assert "line 2: has 7 cells, but the header has 5" in message


def test_the_line_after_excels_own_is_counted_from_the_top(tmp_path: Path) -> None:
    text = "sep=;\n" + table(HEADER, ROW, [*ROW[:4], "X"], delimiter=";")
    assert "line 4: the gold answer 'X'" in refusal(file(tmp_path, text))


MMLU = [["What?", "w", "x", "y", "z", letter] for letter in "ABDDC"]


def test_mmlus_tables_have_no_header(tmp_path: Path) -> None:
    found = read(file(tmp_path, table(*MMLU))).questions
    assert [question.gold for question in found] == [0, 1, 3, 3, 2]
    bad = refusal(file(tmp_path, table(*MMLU, ["Why?", "w", "x", "y", "z", "E"])))
    assert "line 6: the gold answer 'E' is none" in bad
    assert "line 6: has 3 cells" in refusal(file(tmp_path, table(*MMLU, ["Why?", "w", "A"])))


def test_a_header_is_never_taken_for_a_question(tmp_path: Path) -> None:
    for header in (["Frage", "Antwort", "a1", "a2", "a3", "D"], ["question", "answer", "A", "B", "C", "D"]):
        rows = [["What?", "B", "w", "x", "y", "z"]] * 3
        path = file(tmp_path, table(header, *rows))
        if header[0] == "question":
            assert [question.gold for question in read(path).questions] == [1, 1, 1]
        else:
            assert "its fields are ['Frage', 'Antwort'" in refusal(path)


@settings(max_examples=150, **QUIETLY)  # type: ignore[arg-type]
@given(
    st.lists(
        st.lists(
            st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1), min_size=3, max_size=3
        ).filter(lambda row: all(cell.strip() for cell in row)),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\r\n", "\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)
def test_any_cells_come_back_from_any_table(
    tmp_path: Path, cells: list[list[str]], delimiter: str, end: str, encoding: str
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    writer.writerows([["question", "Option A", "Option B", "answer_idx"], *([*row, "A"] for row in cells)])
    path = file(tmp_path, text.getvalue().encode(encoding))
    found = read(path).questions
    assert [[one.question, one.options[0]] for one in found] == [[row[0].strip(), row[1].strip()] for row in cells]


# Encodings


@pytest.mark.parametrize("ending", ["csv", "jsonl", "json"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_with_its_mark_is_read(tmp_path: Path, ending: str, encoding: str) -> None:
    record = {"question": ROW[0], **LETTERED, "answer": "B"}
    text = table(list(record), list(record.values())) if ending == "csv" else json.dumps(record, ensure_ascii=False)
    assert read(file(tmp_path, text.encode(encoding), f"q.{ending}")).questions[0].question == ROW[0]
    big = codecs.BOM_UTF16_BE + text.encode("utf-16-be")
    assert read(file(tmp_path, big, f"q.{ending}")).questions[0].question == ROW[0]


@pytest.mark.parametrize(
    ("encoding", "question"),
    [
        ("cp1252", "Maladie de Ménière – “quoi”?"),
        ("gb18030", "下列哪项是正确的？"),
        ("cp1251", "Что вызывает круп?"),
        ("shift_jis", "クループの原因は何か。"),
        ("utf-16-le", "Quelle maladie, Ménière?"),
        ("utf-16-be", "Quelle maladie, Ménière?"),
        ("utf-16-le", "Which disease?"),
    ],
)
def test_another_encoding_must_be_named_and_the_error_shows_how_it_would_read(
    tmp_path: Path, encoding: str, question: str
) -> None:
    text = table(HEADER, ["Why?", *ROW[1:2], "y", "z", "A"], [question, "a", "b", "c", "B"])
    text = text.replace("é", "e") if encoding != "cp1252" else text
    text = text.replace("Menière", "Ménière")
    path = file(tmp_path, text.encode(encoding))
    message = refusal(path)
    assert message.startswith(f"{path}, line ") and ": not UTF-8" in message
    shown = question if "é" not in text or encoding.startswith("utf") else "é"
    assert f"{encoding}" in message and (shown in message or "question,A" in message)
    assert "Look at the letters, and name the right one, as data.encoding=" in message
    assert read(path, encoding=encoding).questions[1].question == question


def test_a_wrong_or_contradicted_encoding_is_refused(tmp_path: Path) -> None:
    path = file(tmp_path, table(HEADER, ROW).encode("cp1252"))
    assert "line 2: not ascii. These encodings read it: cp1252" in refusal(path, encoding="ascii")
    assert "name another, as data.encoding=" in refusal(path, encoding="ascii")
    marked = file(tmp_path, table(HEADER, ROW).encode("utf-8-sig"))
    assert "begins with the byte order mark of utf-8, and data.encoding=cp1252. Leave" in refusal(
        marked, encoding="cp1252"
    )
    for same in ("utf-8", "utf8", "utf_8_sig"):
        assert read(marked, encoding=same).questions[0].question == ROW[0]
    wide = file(tmp_path, table(HEADER, ROW).encode("utf-16"))
    assert read(wide, encoding="utf-16-le").questions[0].question == ROW[0]
    cut = file(tmp_path, table(HEADER, ROW).encode("utf-16")[:-1])
    assert "not UTF-16" in refusal(cut)


def test_bytes_that_are_no_text_are_said_to_be_none(tmp_path: Path) -> None:
    assert "No usual encoding reads it: it may be damaged" in refusal(file(tmp_path, bytes(range(256)) * 4))


@settings(max_examples=200, **QUIETLY)  # type: ignore[arg-type]
@given(st.binary(max_size=60), st.sampled_from([None, "utf-8", "cp1252", "utf-16", "gb18030"]))
def test_any_bytes_are_text_or_a_sentence(tmp_path: Path, content: bytes, encoding: str | None) -> None:
    path = file(tmp_path, content)
    try:
        assert isinstance(text_of(path, encoding), str)
    except DataError as error:
        assert str(error).startswith(str(path)) and str(error).endswith((".", *"0123456789", "be", "le"))


# What a file is


def archive(*names: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as zipped:
        for name in names:
            zipped.writestr(name, "x")
    return made.getvalue()


PARQUET = b"PAR1" + b"\0" * 60
CSV = table(HEADER, ROW)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (
            "q.csv",
            archive("xl/workbook.xml"),
            "is an Excel workbook (.xlsx), not a table of text. In Excel or LibreOffice",
        ),
        ("q.csv", archive("train.csv"), "is a zip archive, not a table of text. Unpack it"),
        ("q.jsonl", gzip.compress(b"{}", mtime=0), "is a gzip archive, not JSON. Unpack it"),
        ("q.csv", b"\xd0\xcf\x11\xe0\xa1\xb1", "is an old Excel workbook (.xls), not a table of text. In Excel"),
        ("q.csv", PARQUET, "is a Parquet file, not a table of text. Rename it to .parquet."),
        ("q.json", PARQUET, "is a Parquet file, not JSON. Rename it to .parquet."),
        ("q.csv", '{"question": "a, b", "x": 1}\n', "is JSON, not a table of text. Rename it to .jsonl."),
        ("q.tsv", '\ufeff[\n {"question": 1}]', "is JSON, not a table of text. Rename it to .json."),
        ("q.csv", "<!DOCTYPE html>\n<html>404", "is a web page (HTML), perhaps an error message of the server"),
        ("q.jsonl", " \n<html lang='en'>", "is a web page (HTML)"),
        ("q.parquet", "<!-- x --> <HTML>", "is a web page (HTML)"),
        ("q.json", "<?xml version='1.0'?><a/>", "is an XML document, not JSON."),
        ("q.jsonl", CSV, "is a table of text, not JSON. Rename it to .csv."),
        ("q.parquet", CSV, "is text, not Parquet. Give it the ending of what it is"),
        ("q.parquet", '{"a": 1}', "is JSON, not Parquet. Rename it to .jsonl."),
        ("q.csv", b"SQLite format 3\x00", "is an SQLite database"),
        (
            "q.xlsx",
            archive("xl/workbook.xml"),
            "allowed are .jsonl, .json, .csv, .tsv, .parquet. It is an Excel workbook. In E",
        ),
        ("q.xls", b"", "It is an old Excel workbook. In Excel or LibreOffice, save the sheet as `CSV UTF-8"),
        ("q.ods", b"", "It is a LibreOffice workbook."),
        (
            "q.zip",
            archive("a.csv"),
            "this file type is not supported; allowed are .jsonl, .json, .csv, .tsv, .parquet. It is a zip a",
        ),
        ("q.txt", CSV, "this file type is not supported; allowed are"),
    ],
)
def test_a_file_is_named_as_what_it_is(tmp_path: Path, name: str, content: Any, told: str) -> None:
    message = refusal(file(tmp_path, content, name), on_bad_record="quarantine")
    assert told in message and message.startswith(str(tmp_path / name))


def test_a_file_that_is_what_its_name_says_is_read(tmp_path: Path) -> None:
    assert read(file(tmp_path, CSV)).questions and read(as_parquet(tmp_path / "q.parquet", FORMATS["arc"])).questions
    odd = table(["question", "A", "B", "answer"], ['<html> and {"a": 1}', "x", "y", "A"])
    assert read(file(tmp_path, odd)).questions[0].question == '<html> and {"a": 1}'


# Several files


def part(folder: Path, name: str, *numbers: int) -> Path:
    lines = [json.dumps({**FORMATS["medqa"], "question": f"{STEM} {n}"}) for n in numbers]
    return file(folder, "\n".join(lines), name)


def test_several_files_are_read_in_their_order(tmp_path: Path) -> None:
    a, b = part(tmp_path, "a.jsonl", 1, 2), part(tmp_path, "b.jsonl", 3)
    c = file(tmp_path, CSV, "c.csv")
    whole = part(tmp_path, "whole.json", 3, 1, 2)
    assert fingerprint(read([b, a]).questions) == fingerprint(read(whole).questions)
    assert fingerprint(read([a, b]).questions) == fingerprint(read(tmp_path / "?.jsonl").questions)
    assert len(read([tmp_path / "?.jsonl", c, "bundled:sample/train.jsonl"]).questions) == 2004
    assert len(read([a]).questions) == 2


def test_a_file_of_several_that_is_not_there_or_comes_twice_is_named(tmp_path: Path) -> None:
    a = part(tmp_path, "a.jsonl", 1)
    assert f"data.train={tmp_path}/b.jsonl: there is no such file" in refusal([a, tmp_path / "b.jsonl"])
    for twice in ([a, a], [a, tmp_path / "*.jsonl"]):
        assert f"names {a} twice. Name each file once." in refusal(twice)


@pytest.mark.parametrize("part_name", ["train", "validation"])
def test_a_test_file_among_several_is_refused(tmp_path: Path, part_name: Part) -> None:
    files = [str(part(tmp_path, name, n)) for n, name in enumerate(["a.jsonl", "b.jsonl", "c.jsonl"])]
    for named, test in (([files[0], files[1]], files[1]), (files[1], [files[2], files[1]])):
        config = DataConfig(name="t", train=named, validation=named, test=test)
        with pytest.raises(DataError, match="contains the test questions"):
            read_questions(config, part_name)
    hub = DataConfig(name="t", hub_id="a/b", train=["train", "test[:5]"], validation=["train", "test"], test=["held"])
    with pytest.raises(DataError, match="contains the test questions"):
        read_questions(hub, part_name)


def test_a_file_of_both_parts_is_found_among_several(tmp_path: Path) -> None:
    a, b, c = (str(part(tmp_path, name, n)) for n, name in enumerate(["a.jsonl", "b.jsonl", "c.jsonl"]))
    assert file_in_both_parts(DataConfig(name="t", train=[a, b], validation=[c, b])) == Path(b)
    assert file_in_both_parts(DataConfig(name="t", train=[a, b], validation=c)) is None
