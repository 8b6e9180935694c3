"""Records by similar names of their fields, by data.columns, and the answers and ids that they have."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from medqa_sweeps.commands.typed_options import typed
from medqa_sweeps.config import ColumnsConfig, DataConfig
from medqa_sweeps.config.interpolation import literal
from medqa_sweeps.data import UNLABELLED, QuestionSet, fingerprint, read_questions, read_to_answer
from medqa_sweeps.errors import DataError
from tests.data.record_formats import BASES, DOCUMENT, DOCUMENTED, FORMATS, LETTERED, SORTED, STEM, TEXTS

QUIETLY = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def written(folder: Path, *records: Any) -> Path:
    (folder / "q.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return folder / "q.jsonl"


def config_of(path: Path, **config: Any) -> DataConfig:
    return DataConfig(name="t", train=str(path), **config)


def read(folder: Path, *records: Any, **config: Any) -> QuestionSet:
    return read_questions(config_of(written(folder, *records), **config), "train")


def golds(folder: Path, *records: Any, **config: Any) -> list[int]:
    return [question.gold for question in read(folder, *records, **config).questions]


def refusal(folder: Path, *records: Any, **config: Any) -> str:
    with pytest.raises(DataError) as caught:
        read(folder, *records, **config)
    return str(caught.value)


# The page


def test_the_table_of_the_page_is_read_whole() -> None:
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| ") and "`{" in line]
    assert len(DOCUMENTED) == len(rows) >= 36, "a row that is not read, or two of one name"


@pytest.mark.parametrize("name", SORTED)
def test_options_without_an_order_are_sorted(tmp_path: Path, name: str) -> None:
    (question,) = read(tmp_path, DOCUMENTED[name]).questions
    assert question.options == ("E. coli", "Influenza", "Parainfluenza virus", "RSV") and question.gold == 2
    assert "has wrong options alone" in refusal(tmp_path, {**DOCUMENTED[name], "correct_answer": None})


BLOCKS = re.findall(r"(?:^`(data\.[^`]*)`\n\n)?^```(\w+)\n(.*?)^```$", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(("overrides", "ending", "text"), BLOCKS)
def test_every_file_of_the_page_is_read(tmp_path: Path, overrides: str, ending: str, text: str) -> None:
    path = tmp_path / f"q.{ending}"
    path.write_text(text)
    config = typed("data", DataConfig, literal({"name": "t", "train": str(path)}), shlex.split(overrides))
    questions = read_questions(config, "train").questions
    assert len(BLOCKS) == 6 and questions
    assert {question.options[question.gold] for question in questions} == {"Parainfluenza virus"}


# Answers


@pytest.mark.parametrize(
    "answer",
    [
        "D",
        "d",
        "D.",
        "(D)",
        "D)",
        " [d] ",
        "D:",
        "Option D",
        "option_d",
        "choice d.",
        "Answer: D",
        "the correct answer D",
        "D. Influenza",
        "(d) Influenza",
        "Influenza",
        ["D"],
        "D、",
        "（D）",
    ],
)
@pytest.mark.parametrize("field", ["answer", "answer_idx"])
def test_a_letter_is_read_in_every_way_of_writing_it(tmp_path: Path, answer: Any, field: str) -> None:
    assert golds(tmp_path, {"question": STEM, "options": LETTERED, field: answer}) == [3]
    assert golds(tmp_path, {"question": STEM, **LETTERED, field: answer}) == [3]


@pytest.mark.parametrize("answer", ["E.", "Option E", "DD", "D. RSV", "D or so", "Vitamin D", "4.", "(4)", "Option 4"])
def test_what_names_no_option_is_refused(tmp_path: Path, answer: str) -> None:
    for field in ("answer", "answer_idx"):
        assert "the gold answer" in refusal(tmp_path, {"question": STEM, "options": LETTERED, field: answer})


@pytest.mark.parametrize("answer", ["ABD", "A, C", "a and c", ["a", "d"], "B;C"])
def test_several_correct_options_are_refused_as_such(tmp_path: Path, answer: Any) -> None:
    assert "has several correct options" in refusal(tmp_path, {"question": STEM, "options": LETTERED, "answer": answer})


def test_an_option_that_looks_like_a_letter_is_matched_by_its_text_first(tmp_path: Path) -> None:
    record = {"question": "Which?", "options": ["A.", "B.", "(C)", "x"], "answer": "(C)"}
    assert golds(tmp_path, {**record, "options": ["(C)", "b", "c", "x"]}) == [0]
    assert golds(tmp_path, record) == [2]


def test_a_letter_beside_a_number_needs_no_base(tmp_path: Path) -> None:
    record = {"question": STEM, **LETTERED, "answer": "D", "answer_index": 3}
    assert golds(tmp_path, record) == [3]
    assert "does not say whether numbers start" in refusal(tmp_path, {**record, "answer": None})


# Numbers


def mmlu(*answers: Any, field: str = "choices") -> list[dict[str, Any]]:
    return [{"question": f"{STEM} {n}", field: TEXTS, "answer": answer} for n, answer in enumerate(answers)]


@pytest.mark.parametrize("answers", [[2], [0, 3], [1, 2, 3], ["1", "2"]])
def test_choices_count_from_0_as_mmlu_documents(tmp_path: Path, answers: list[Any]) -> None:
    assert golds(tmp_path, *mmlu(*answers)) == [int(answer) for answer in answers]


def test_choices_that_show_a_1_as_first_are_read_so(tmp_path: Path) -> None:
    assert golds(tmp_path, *mmlu(1, 4)) == [0, 3]
    assert "numbers start at 0 or 1. Set data.answer_base=1" in refusal(tmp_path, *mmlu(*[1, 2, 3] * 9))
    assert golds(tmp_path, *mmlu(1, 2), answer_base=1) == [0, 1]


def test_a_number_beside_options_of_numbers_counts_them(tmp_path: Path) -> None:
    """MMLU's algebra: 2 is the third option and the text of the fourth."""
    records = [{"question": f"{n}?", "choices": ["0", "4", "6", "2"], "answer": n} for n in (2, 0)]
    assert golds(tmp_path, *records) == [2, 0]
    for record in records:
        record["options"] = record.pop("choices")
    assert golds(tmp_path, *records) == [2, 0]
    assert "Set data.answer_base=1" in refusal(tmp_path, records[0])


@pytest.mark.parametrize("field", ["options", "Options", "label of lettered", "numbered"])
def test_a_number_is_asked_about_where_nothing_shows_its_base(tmp_path: Path, field: str) -> None:
    records = {
        "options": {"question": STEM, "options": TEXTS, "answer": 2},
        "Options": {"Question": STEM, "Options": TEXTS, "Answer": 2},
        "label of lettered": {"question": STEM, **LETTERED, "label": 2},
        "numbered": {"question": STEM, **{f"choice{n}": text for n, text in enumerate(TEXTS, 1)}, "label": 2},
    }
    for quarantine in ("stop", "quarantine"):
        message = refusal(tmp_path, records[field], on_bad_record=quarantine)
        assert "is 2, and the file does not say whether numbers start at 0 or 1" in message
    assert golds(tmp_path, records[field], answer_base=0) == [2]
    assert golds(tmp_path, records[field], answer_base=1) == [1]


def numbered_names(*answers: Any, first: int = 1) -> list[dict[str, Any]]:
    options = [{"aid": n, "atext": text} for n, text in enumerate(TEXTS, first)]
    return [{"qtext": f"{n}?", "answers": options, "ra": answer} for n, answer in enumerate(answers)]


def test_a_number_that_is_an_options_own_name_is_that_option(tmp_path: Path) -> None:
    assert golds(tmp_path, *numbered_names(1, 2, 3)) == [0, 1, 2]
    assert golds(tmp_path, *numbered_names(1, 2, 3, first=0)) == [1, 2, 3]
    assert golds(tmp_path, *numbered_names(1, 2, 3), answer_base=1) == [0, 1, 2]
    assert golds(tmp_path, *numbered_names(1, 2, 3), answer_base=0) == [1, 2, 3]


@pytest.mark.parametrize(("first", "answers"), [(1, [0, 1, 3]), (0, [1, 3, 4])])
def test_names_that_the_answers_contradict_are_asked_about(tmp_path: Path, first: int, answers: list[int]) -> None:
    """With on_bad_record=quarantine one record was set aside, and the others were each one option off."""
    records = numbered_names(*answers, first=first)
    message = refusal(tmp_path, *records, on_bad_record="quarantine")
    assert f"may count the options from {1 - first}. Set data.answer_base=1" in message
    assert golds(tmp_path, *records, answer_base=1 - first) == [answer - 1 + first for answer in answers]


# Fields


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ({"question": STEM, **LETTERED, "a": "x", "answer": "A"}, "A, a may each be the option A. Name the right one"),
        (
            {"question": STEM, "option_A": "x", "optionA": "y", "optionB": "z"},
            "option_A, optionA may each be the option A",
        ),
        (
            {"question": STEM, **LETTERED, "Options": TEXTS},
            "A–D, Options may each be the options. Name the right one: data.c",
        ),
        ({"question": STEM, "stem": "x", **LETTERED}, "question, stem may each be the question. Name the right one"),
        ({"Question": STEM, **LETTERED, "Answer": "A", "answer": "B"}, "Answer, answer may each be the gold answer"),
        ({"question": STEM, "answer": "A"}, "none of them is known to contain options (docs/data.md"),
        ({"frage": STEM, **LETTERED}, "none of them is known to contain a question (docs/data.md"),
        ({"frage": STEM}, "contain a question and options (docs/data.md"),
        ({"frage": STEM}, "Name the fields, data.columns.question=NAME data.columns.options=[NAME,NAME]"),
    ],
)
def test_what_cannot_be_told_from_the_names_is_refused_with_the_names(tmp_path: Path, record: Any, told: str) -> None:
    assert told in refusal(tmp_path, record)


def test_a_letter_that_is_left_out_moves_no_other(tmp_path: Path) -> None:
    record = {"question": STEM, "A": "x", "B": None, "D": "z", "answer": "D"}
    assert read(tmp_path, record).questions[0].options == ("x", "z") and golds(tmp_path, record) == [1]
    numbered = {"question": STEM, "Option 1": "x", "Option 2": "y", "Option 4": "z", "answer": "Option 4"}
    assert golds(tmp_path, numbered) == [2]


@pytest.mark.parametrize(("format", "name"), [("choices", "arc"), ("columns", "Option A"), ("distractors", "sciq")])
def test_a_format_that_is_named_reads_its_own_alone(tmp_path: Path, format: str, name: str) -> None:
    assert len(read(tmp_path, DOCUMENTED[name], format=format).questions) == 1
    for other in {"arc", "Option A", "sciq"} - {name}:
        assert "not a multiple-choice question" in refusal(tmp_path, DOCUMENTED[other], format=format)


@pytest.mark.parametrize(
    "text", ["A x\ny", "x\ny", "B. x\nC. y", "A. x", "A. x\nC. y", "A drug\nCells\nC-peptide", "A,B"]
)
def test_a_text_that_is_no_list_of_lettered_lines_is_refused(tmp_path: Path, text: str) -> None:
    assert "one lettered option per line" in refusal(tmp_path, {"question": STEM, "options": text, "answer": "A"})


# Columns that are named

ODD = {"Stem": STEM, **{f"Opt {n}": text for n, text in enumerate(TEXTS, 1)}, "Note": "x", "Sol": "B", "Nr": 17}
MAPPED = {"question": "Stem", "options": [f"Opt {n}" for n in range(1, 5)], "answer": "Sol", "id": "Nr"}


def test_named_columns_are_read(tmp_path: Path) -> None:
    (question,) = read(tmp_path, ODD, columns=ColumnsConfig(**MAPPED)).questions
    assert (question.id, question.gold, question.source_id) == ("3e273dff5a3e9a7a", 1, "17")
    for answer, gold in (("Opt 3", 2), ("Influenza", 3), (["c"], 2)):
        assert golds(tmp_path, {**ODD, "Sol": answer}, columns=ColumnsConfig(**MAPPED)) == [gold]
    assert golds(tmp_path, {**ODD, "Sol": 2}, columns=ColumnsConfig(**MAPPED), answer_base=1) == [1]


def test_the_other_columns_are_found_by_their_names(tmp_path: Path) -> None:
    for key, name in {"question": "Stem", "answer": "Sol"}.items():
        record = {**LETTERED, "question": "not this", "answer": "not this", "Stem": STEM, "Sol": "B"}
        del record[key]
        record["question" if key == "answer" else "answer"] = STEM if key == "answer" else "B"
        record = {k: v for k, v in record.items() if k != ("Stem" if key == "answer" else "Sol")}
        (question,) = read(tmp_path, record, columns=ColumnsConfig(**{key: name})).questions
        assert (question.id, question.gold) == ("3e273dff5a3e9a7a", 1)


def test_a_named_column_wins_over_a_usual_name(tmp_path: Path) -> None:
    record = {**FORMATS["medqa"], "Sol": "D", "better": TEXTS[::-1]}
    assert golds(tmp_path, record, columns=ColumnsConfig(answer="Sol")) == [3]
    (question,) = read(tmp_path, record, columns=ColumnsConfig(options="better", answer="Sol")).questions
    assert question.options == tuple(TEXTS[::-1]) and question.gold == 3


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"question": "Stam"}, "data.columns.question=Stam: data.train="),
        ({"question": "Stam"}, "has no such column. Its columns are Stem, Opt 1, Opt 2, Opt 3, Opt 4, Note, Sol, Nr."),
        ({"question": "Stam"}, "Did you mean Stem?"),
        ({"options": ["Opt 1", "Opt 9"]}, "data.columns.options=Opt 9: data.train="),
        ({"answer": "Key"}, "data.columns.answer=Key: data.train="),
        ({"id": "uid"}, "data.columns.id=uid: data.train="),
    ],
)
def test_a_column_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path, columns: Any, told: str) -> None:
    assert told in refusal(tmp_path, ODD, columns=ColumnsConfig(**{**MAPPED, **columns}), on_bad_record="quarantine")


def test_a_record_that_lacks_a_named_field_is_a_bad_record(tmp_path: Path) -> None:
    bare = {key: value for key, value in ODD.items() if key != "Stem"}
    message = refusal(tmp_path, ODD, bare, columns=ColumnsConfig(**MAPPED))
    assert "line 2: has no field Stem, which data.columns.question names. Fix or remove the record." in message


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"columns": ColumnsConfig(question="X", answer="X")}, "name the column X 2 times"),
        ({"columns": ColumnsConfig(options=["X", "Y", "X"])}, "data.columns.options name the column X 2 times"),
        ({"columns": ColumnsConfig(options=["X"])}, "name two or more columns, or one without brackets"),
        ({"columns": ColumnsConfig(options={"A": "X"})}, "data.columns.options={'A': 'X'}: a column, or columns in br"),
        ({"columns": ColumnsConfig(answer="X"), "format": "medqa"}, "with data.columns.answer it must be auto"),
        ({"train": []}, "data.train=[]: a file, a glob, or several in brackets"),
        ({"train": ["a", None]}, "data.train=[a,null]: a file"),
        ({"train": {"a": "b"}}, "data.train={'a': 'b'}: a file"),
        ({"encoding": "base64"}, "data.encoding=base64: no such encoding; common values are utf-8"),
        ({"encoding": "cp12520"}, "data.encoding=cp12520: no such encoding"),
        ({"delimiter": "space"}, "data.delimiter=space: allowed are comma, semicolon, tab, pipe"),
        ({"hub_id": "a/b", "encoding": "cp1252"}, "data.encoding=cp1252: it is of files"),
    ],
)
def test_a_config_of_columns_that_cannot_be_is_refused(config: dict[str, Any], told: str) -> None:
    problems = list(DataConfig(name="t", **{"train": "x", **config}).problems())
    assert len(problems) == 1 and told in problems[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf_16", "utf-32-le", "cp1252", "gb18030", "latin-1"])
def test_usual_encodings_are_known(encoding: str) -> None:
    assert not list(DataConfig(name="t", train="x", encoding=encoding).problems())


# Ids


@pytest.mark.parametrize(
    ("fields", "own"),
    [
        ({"id": "a1"}, "a1"),
        ({"ID": 7}, "7"),
        ({"qid": 7.0}, "7"),
        ({"Question ID": " x "}, "x"),
        ({"question_id": "q", "id": 0}, "0"),
        ({"id": None, "qid": "q"}, None),
        ({"id": ""}, None),
        ({"id": True}, None),
        ({"id": {"$oid": "5f"}}, None),
        ({}, None),
    ],
)
def test_the_own_id_is_kept_and_decides_nothing(tmp_path: Path, fields: Any, own: str | None) -> None:
    bare = read(tmp_path, FORMATS["medqa"])
    found = read(tmp_path, {**FORMATS["medqa"], **fields})
    assert found.questions[0].source_id == own
    assert fingerprint(found.questions) == fingerprint(bare.questions) and found.questions == bare.questions


def test_an_id_that_comes_twice_is_flagged(tmp_path: Path) -> None:
    records = [
        {**FORMATS["medqa"], "question": f"{n}?", "id": own} for n, own in enumerate(["a", "b", "a", None, None])
    ]
    found = read(tmp_path, *records)
    assert len(found.questions) == 5 and found.flagged == {"has the id of an earlier record": 1}


def test_a_record_that_is_set_aside_keeps_its_id(tmp_path: Path) -> None:
    found = read(tmp_path, FORMATS["medqa"], {"id": "x7", "question": "?", "options": {}}, on_bad_record="quarantine")
    assert json.loads(found.quarantined[0].to_json_line())["source_id"] == "x7"
    found = read(tmp_path, FORMATS["medqa"], {"question": "?", "options": {}}, on_bad_record="quarantine")
    assert list(json.loads(found.quarantined[0].to_json_line())) == ["place", "reason", "record"]


# Questions to answer


@pytest.mark.parametrize("name", [name for name in DOCUMENTED if name not in ("mmlu", *SORTED)])
def test_questions_without_an_answer_are_read_to_be_answered(tmp_path: Path, name: str) -> None:
    golden = ("answer", "answer_idx", "answerKey", "Answer", "label", "cop", "ra", "correct_answers", "correct_answer")
    record = {key: value for key, value in DOCUMENTED[name].items() if key not in (*golden, "Correct Answer")}
    if "data" in record:
        record = {"data": {"Question": STEM, "Options": LETTERED}}
    record = {key: value for key, value in record.items() if not key.startswith("Correct")}
    if name in ("bigbio qa", "medmcqa", "ending", "head-qa", "answers as an object"):
        record = {**record, **{key: None for key in DOCUMENTED[name] if key in golden}}
    (question,) = read_to_answer(config_of(written(tmp_path, record))).questions
    assert (question.id, question.gold) == ("3e273dff5a3e9a7a", UNLABELLED)
    assert "has no gold answer" in refusal(tmp_path, record)


@pytest.mark.parametrize("blank", [None, "", " ", -1])
def test_labelled_and_unlabelled_questions_may_stand_in_one_file(tmp_path: Path, blank: Any) -> None:
    for base, fields in ((1, FORMATS["medmcqa"]), (0, FORMATS["mmlu"])):
        key = "cop" if base else "answer"
        path = written(tmp_path, {**fields, key: 2}, {**fields, key: blank}, {**fields, key: 3})
        found = read_to_answer(config_of(path, answer_base=base)).questions
        assert [question.gold for question in found] == [2 - base, UNLABELLED, 3 - base]


def test_an_answer_that_is_wrong_is_refused_also_where_none_is_needed(tmp_path: Path) -> None:
    path = written(
        tmp_path, {"question": STEM, "options": LETTERED}, {"question": STEM, "options": LETTERED, "answer": "X"}
    )
    with pytest.raises(DataError, match=r"line 2: the gold answer 'X' is none of its options"):
        read_to_answer(config_of(path))


# Any of it

names = st.sampled_from(
    [
        "question",
        "Question",
        "stem",
        "qtext",
        "prompt",
        "A",
        "a",
        "B",
        "b",
        "C",
        "option_a",
        "Option B",
        "opt1",
        "option 2",
        "options",
        "Choices",
        "answers",
        "answer",
        "Answer",
        "label",
        "key",
        "distractor1",
        "incorrect_answers",
        "id",
        "x",
    ]
)
values = st.sampled_from(
    [
        STEM,
        "x",
        "y",
        "A",
        "b.",
        "(C)",
        "Option A",
        "1",
        0,
        1,
        2,
        4,
        -1,
        None,
        "",
        float("nan"),
        TEXTS,
        LETTERED,
        ["a"],
        [1],
        "A. x\nB. y",
        {"text": ["x", "y"], "label": ["A", "B"]},
        {"text": "x"},
        [{"aid": 1, "atext": "x"}],
        {"stem": STEM},
    ]
)
columns = st.builds(
    ColumnsConfig,
    question=st.none() | names,
    options=st.none() | names | st.lists(names, min_size=2, max_size=4, unique=True),
    answer=st.none() | names,
    id=st.none() | names,
)


@settings(max_examples=300, **QUIETLY)  # type: ignore[arg-type]
@given(st.lists(st.dictionaries(names, values), min_size=1, max_size=3), columns, st.sampled_from([None, 0, 1]))
def test_fields_of_any_names_give_questions_or_a_sentence(
    tmp_path: Path, records: list[Any], mapped: ColumnsConfig, base: int | None
) -> None:
    config = config_of(written(tmp_path, *records), columns=mapped, answer_base=base, on_bad_record="quarantine")
    for reading in (lambda: read_questions(config, "train"), lambda: read_to_answer(config)):
        try:
            found = reading()
        except DataError as error:
            assert str(error).endswith((".", "?")) and "q.jsonl" in str(error)
        else:
            assert len(found.questions) + len(found.quarantined) == len(records), "silently lost"
            assert all(-1 <= question.gold < len(question.options) for question in found.questions)


@settings(max_examples=100, **QUIETLY)  # type: ignore[arg-type]
@given(st.data(), st.lists(st.sampled_from(sorted(FORMATS)), min_size=1, max_size=1))
def test_case_blanks_and_order_of_fields_change_nothing(tmp_path: Path, data: st.DataObject, chosen: list[str]) -> None:
    record = FORMATS[chosen[0]]
    if {"data", "meta_info", "Correct Option", "ending0"} & record.keys():
        return  # read by exact names alone
    change = data.draw(
        st.sampled_from([str.upper, str.capitalize, lambda name: name.replace("_", " "), lambda name: name])
    )
    renamed = {change(key): record[key] for key in data.draw(st.permutations(list(record)))}
    base = BASES.get(chosen[0], 0 if chosen[0] == "mmlu" else None)
    (question,) = read(tmp_path, renamed, answer_base=base).questions
    assert (question.id, question.gold) == ("3e273dff5a3e9a7a", 1)
