"""Whatever a researcher's file holds becomes checked questions, or a sentence that says where and why not."""

import dataclasses
import json
import shutil
import subprocess
import sys
import types
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.config import DataConfig
from medqa_sweeps.data import Quarantined, Question, QuestionSet, fingerprint, question_id, read_questions
from medqa_sweeps.data.duplicates import QuestionHash, overlaps, question_hash
from medqa_sweeps.data.reading import Part, read_test_hashes
from medqa_sweeps.errors import ConfigError, DataError
from medqa_sweeps.trial.folder import TrialDir
from tests.data.record_formats import BASES, COLUMNS, FORMATS, LETTERED, STEM, TEXTS

REAL = Path(__file__).parents[3] / "shared" / "data" / "medqa"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason=f"the real questions are not at {REAL}")


def written(folder: Path, *records: Any, name: str = "q.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))
    return path


def read(path: Path | str, **config: Any) -> QuestionSet:
    return read_questions(DataConfig(name="test", train=str(path), **config), "train")


def read_one(folder: Path, record: Any, **config: Any) -> Question:
    return read(written(folder, record), **config).questions[0]


def refusal(path: Path | str, **config: Any) -> str:
    with pytest.raises(DataError) as caught:
        read(path, **config)
    return str(caught.value)


# What is read


@pytest.mark.parametrize("record_format", FORMATS)
def test_every_format_gives_the_same_question(tmp_path: Path, record_format: str) -> None:
    question = read_one(tmp_path, FORMATS[record_format], answer_base=BASES.get(record_format))
    assert (question.question, question.options, question.gold) == (STEM, tuple(TEXTS), 1)
    assert question.id == "3e273dff5a3e9a7a", "ids have changed: predictions of earlier studies no longer match"


@pytest.mark.parametrize(
    ("meta_info", "region", "step"),
    [
        ("step1", "us", "step1"),
        ("step2&3", "us", "step2&3"),
        ("taiwanese_test_Q", "taiwan", None),
        ("第六部分\u3000儿科疾病", "mainland", None),
        (None, None, None),
        ({"odd": 1}, None, None),
    ],
)
def test_region_and_step(tmp_path: Path, meta_info: Any, region: str | None, step: str | None) -> None:
    question = read_one(tmp_path, {**FORMATS["medqa"], "meta_info": meta_info})
    assert (question.region, question.step) == (region, step)


def test_a_given_format_reads_its_own_shapes_only(tmp_path: Path) -> None:
    assert read_one(tmp_path, FORMATS["bigbio source"], format="bigbio").gold == 1
    assert read_one(tmp_path, FORMATS["bigbio qa"], format="bigbio").gold == 1
    assert "medmcqa (question, opa" in refusal(written(tmp_path, FORMATS["medqa"]), format="medmcqa")


def test_the_letter_decides_when_options_repeat(tmp_path: Path) -> None:
    record = {"question": "?", "options": {"A": "x", "B": "y", "C": "x"}, "answer": "x", "answer_idx": "C"}
    found = read(written(tmp_path, record))
    assert found.questions[0].gold == 2
    assert found.flagged == Counter({"two options have one text": 1})
    del record["answer_idx"]
    assert "matches several options. Give its letter" in refusal(written(tmp_path, record))


def test_a_text_that_is_another_options_letter_is_refused(tmp_path: Path) -> None:
    record = {"question": "?", "options": {"A": "B", "B": "A"}, "answer": "A"}
    assert "matches several options" in refusal(written(tmp_path, record))


def test_cleaning_is_counted_and_leaves_the_inside_alone(tmp_path: Path) -> None:
    inside = 'Sodium\t140\n"Chloride"\u2028ＡＢＣ，\u00e9'
    record = {"question": f" {inside}", "options": {"A": 'a\n"', "B": 'b\n"'}, "answer": 'b\n"', "answer_idx": "B"}
    found = read(written(tmp_path, record, FORMATS["medqa"]))
    assert found.questions[0].question == inside
    assert found.questions[0].options == ('a\n"', "b"), "debris is stripped from the last option only"
    assert found.cleaned == Counter({'\\n" stripped from the last option': 1, "blanks around a text stripped": 1})


def test_repeats_and_contradictions_are_counted(tmp_path: Path) -> None:
    one, two = {**FORMATS["medqa"], "answer": "RSV"}, {**FORMATS["letter alone"], "answer_idx": "A"}
    assert read(written(tmp_path, one, one, two)).flagged == Counter(
        {
            "answer text is not the gold option's": 2,
            "repeats an earlier question": 2,
            "repeats a question with another answer": 1,
        }
    )


def test_an_array_lines_a_bom_and_a_glob_are_the_same_content(tmp_path: Path) -> None:
    records = [FORMATS["medqa"], {**FORMATS["medqa"], "question": "Another?"}]
    lines = read(written(tmp_path, *records))
    (tmp_path / "array.json").write_text("\ufeff \n" + json.dumps(records, indent=1))
    (tmp_path / "lines.json").write_text("\n" + "\r\n\r\n".join(map(json.dumps, records)))
    written(tmp_path, records[0], name="part_1.jsonl")
    written(tmp_path, records[1], name="part_2.jsonl")
    for name in ("array.json", "lines.json", "part_*.jsonl"):
        assert fingerprint(read(tmp_path / name).questions) == fingerprint(lines.questions), name


def test_the_fingerprint_sees_order_and_answers() -> None:
    a, b = (Question(question_id(text, TEXTS), text, tuple(TEXTS), 0) for text in "ab")
    other_answer = Question(a.id, a.question, a.options, 1)
    hashes = {fingerprint(questions) for questions in ([a, b], [b, a], [other_answer, b], [a], [])}
    assert len(hashes) == 5


def test_ids_depend_on_the_order_and_the_borders_of_texts() -> None:
    ids = {
        question_id("q", ["a", "b"]),
        question_id("q", ["b", "a"]),
        question_id("q", ["ab"]),
        question_id("qa", ["b"]),
    }
    assert len(ids) == 4


# What is refused


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"options": {}}, "has 0 options"),
        ({"options": {"A": "only"}}, "has 1 options"),
        ({"options": {str(n): "x" for n in range(27)}}, "has 27 options"),
        ({"options": ["x"] * 30}, "has 30 options"),
        ({"options": None}, "options are None; allowed are an object"),
        ({"options": {**LETTERED, "D": 5}}, "option D is 5; it must be text"),
        ({"options": {**LETTERED, "D": ' \n"'}}, "option D is empty"),
        ({"options": [{"key": "A", "value": "x"}, {"key": "a", "value": "y"}]}, "two options have the same name"),
        ({"answer_idx": "E"}, "the gold answer is 'E', which is none of its options A, B, C, D"),
        ({"answer_idx": 1}, "the gold answer is 1, which is none of its options"),
        ({"answer_idx": None, "answer": "Ebola"}, "the gold answer 'Ebola' is none of its options"),
        ({"answer_idx": None, "answer": None}, "has no gold answer"),
        ({"question": " \n"}, "the question is empty"),
        ({"question": None}, "the question is None; it must be text"),
        ({"question": "\ud800"}, "half a character"),
    ],
)
def test_a_bad_record_is_refused_with_file_line_and_reason(tmp_path: Path, change: Any, reason: str) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(json.dumps(FORMATS["medqa"]) + "\n\n" + json.dumps({**FORMATS["medqa"], **change}))
    message = refusal(path)
    assert message.startswith(f"{path}, line 3: ")
    assert reason in message
    assert message.endswith(
        "Fix or remove the record. Or set data.on_bad_record=quarantine to continue without such records."
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "contains no questions"),
        (b" \n\n", "contains no questions"),
        (b"[]", "contains no questions"),
        (b'{"question": ', "line 1: not JSON"),
        (b"\n[1, 2", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"1" * 5_000, "not JSON"),
        (b"\n7", "line 2: is 7, not an object"),
        (b"[[]]", "record 1: is [], not an object"),
        (b"{}\n\xff", "line 2: not UTF-8"),
        (b'{"OSCE": {}}', "not a multiple-choice question: its fields are ['OSCE']"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "q.json").write_bytes(content)
    assert reason in refusal(tmp_path / "q.json")


def test_a_path_that_is_no_file_is_refused_with_what_is_there(tmp_path: Path) -> None:
    written(tmp_path, FORMATS["medqa"])
    assert "is a folder. Name a file in it" in refusal(tmp_path)
    assert "there is no such file" in refusal(tmp_path / "x.jsonl") and "q.jsonl" in refusal(tmp_path / "x.jsonl")
    assert "there is no such file" in refusal(tmp_path / "*.json")
    assert "there is no such file" in refusal(tmp_path / "no" / "x.jsonl")
    assert "there is no such file" in refusal(tmp_path / ("x" * 5000))
    (tmp_path / "q.xlsx").touch()
    assert "allowed are .jsonl, .json, .csv, .tsv, .parquet" in refusal(tmp_path / "q.xlsx")


@pytest.mark.parametrize(
    ("cop", "base", "reason"), [(1, None, "Set data.answer_base=1"), (4, 0, "from 0 to 3"), (0, 1, "from 1 to 4")]
)
def test_medmcqa_needs_an_answer_base(tmp_path: Path, cop: int, base: int | None, reason: str) -> None:
    path = written(tmp_path, {**FORMATS["medmcqa"], "cop": cop})
    assert reason in refusal(path, answer_base=base)


def test_read_questions_cannot_read_test_questions(tmp_path: Path) -> None:
    path = written(tmp_path, FORMATS["medqa"])
    config = DataConfig(name="mine", train=str(path), test=str(written(tmp_path, FORMATS["medqa"], name="test.jsonl")))
    with pytest.raises(DataError, match=r"data.validation is null.*split=random or split=kfold"):
        read_questions(config, "validation")
    with pytest.raises(KeyError):
        read_questions(config, "test")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="contains the test questions"):
        read_questions(DataConfig(name="mine", train=f"{tmp_path}/*.jsonl", test=config.test), "train")


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_copy_of_the_test_file_is_refused_and_another_of_its_size_is_not(tmp_path: Path, part: Part) -> None:
    test = written(tmp_path, FORMATS["medqa"], name="test.jsonl")
    copy = Path(shutil.copy(test, tmp_path / "mine.jsonl"))
    config = DataConfig(name="mine", train=str(copy), validation=str(copy), test=str(test))
    with pytest.raises(DataError, match=rf"data.{part}=.*mine.jsonl contains the test questions.*Name other questions"):
        read_questions(config, part)
    copy.write_text(copy.read_text().replace("barking", "burning"))
    assert copy.stat().st_size == test.stat().st_size
    assert len(read_questions(config, part).questions) == 1


@pytest.mark.parametrize(
    ("part", "pinned"), [("train", "b674f4e5265c"), ("validation", "c52f695a1713"), ("test", "dd53f057318a")]
)
def test_the_fingerprints_of_the_sample_are_as_they_were(part: str, pinned: str) -> None:
    """They are in the signature of every trial on it."""
    assert fingerprint(read(f"bundled:sample/{part}.jsonl").questions) == pinned


def test_bundled_names() -> None:
    assert resolve_bundled("bundled:sample").is_dir()
    assert resolve_bundled("/some/folder") == Path("/some/folder")
    for name in ("bundled:nothing/here.jsonl", "bundled:../data.py", "bundled:"):
        with pytest.raises(ConfigError, match=r"bundled are: .*sample"):
            resolve_bundled(name)


# What is set aside


def test_bad_records_can_be_quarantined_with_location_and_reason(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    bad = {"question": "?", "options": {}, "answer_idx": "A"}
    path.write_text(
        "\n".join([json.dumps(FORMATS["medqa"]), json.dumps(bad), "{broken", json.dumps(FORMATS["ending"])])
    )
    found = read(path, on_bad_record="quarantine")
    assert len(found.questions) == 2
    assert [record.location for record in found.quarantined] == [f"{path}, line 2", f"{path}, line 3"]
    assert [record.record for record in found.quarantined] == [bad, "{broken"]
    assert "has 0 options" in found.quarantined[0].reason and "not JSON" in found.quarantined[1].reason
    assert found.flagged == {"repeats an earlier question": 1}, "bad records are not counted among the odd ones"


def test_a_file_of_bad_records_alone_is_refused_all_the_same(tmp_path: Path) -> None:
    message = refusal(written(tmp_path, {"OSCE": {}}, {"OSCE": {}}), on_bad_record="quarantine")
    assert "line 1: not a multiple-choice question" in message and "2 of 2 records are bad for this reason" in message
    other = refusal(written(tmp_path, {"OSCE": {}}, {"question": "?", "options": {}}), on_bad_record="quarantine")
    assert "line 1: not a multiple" in other and "This is the first; 2 of 2 records are bad." in other


@pytest.mark.parametrize(("base", "cop"), [(None, 1), (0, 4), (1, 0)])
def test_a_config_that_misreads_is_never_set_aside(tmp_path: Path, base: int | None, cop: int) -> None:
    """Setting aside the records that show a wrong base would leave the others, each one letter off."""
    path = written(tmp_path, {**FORMATS["medmcqa"], "cop": 2}, {**FORMATS["medmcqa"], "cop": cop})
    assert "data.answer_base=1" in refusal(path, answer_base=base, on_bad_record="quarantine")


# Numbers that count options


def endings(*labels: Any) -> list[dict[str, Any]]:
    return [{**FORMATS["ending"], "sent1": f"Question {place}?", "label": one} for place, one in enumerate(labels)]


def cops(*numbers: Any) -> list[dict[str, Any]]:
    return [{**FORMATS["medmcqa"], "question": f"Question {place}?", "cop": one} for place, one in enumerate(numbers)]


def golds(path: Path, **config: Any) -> list[int]:
    return [question.gold for question in read(path, **config).questions]


@pytest.mark.parametrize("quarantine", ["stop", "quarantine"])
@pytest.mark.parametrize("labels", [[1, 2, 3, 4], [1, 2, 3] * 9, [2, 3, 4] * 50, [4]])
def test_endings_that_may_count_from_1_are_asked_about(tmp_path: Path, labels: list[int], quarantine: str) -> None:
    """It set every D aside, and took each other answer for its neighbour."""
    path = written(tmp_path, *endings(*labels))
    message = refusal(path, on_bad_record=quarantine)
    assert "they may count from 1. Set data.answer_base=1 if 1 is the first option" in message
    assert golds(path, answer_base=1) == [label - 1 for label in labels]
    if 4 not in labels:
        assert golds(path, answer_base=0) == labels
    else:
        assert "label is 4; with data.answer_base=0 it must be from 0 to 3" in refusal(
            path, answer_base=0, on_bad_record=quarantine
        )


@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [1], [1, 2, 3], [3, 2, 0] * 50, ["0", "1.0", 2.0]])
def test_endings_count_from_0_where_nothing_speaks_against_it(tmp_path: Path, labels: list[Any]) -> None:
    path = written(tmp_path, *endings(*labels))
    assert golds(path) == [int(float(label)) for label in labels]


@pytest.mark.parametrize("records", [endings(0, 1, 4), cops(0, 1, 4)])
def test_numbers_that_fit_no_base_are_refused_until_one_is_said(tmp_path: Path, records: list[Any]) -> None:
    path = written(tmp_path, *records)
    message = refusal(path, on_bad_record="quarantine")
    assert "line 3: " in message and "is 4 of 4 options, and in" in message and "line 1 it is 0" in message
    assert golds(path, answer_base=0, on_bad_record="quarantine") == [0, 1], "4 is a bad record: another has a 0"
    assert golds(path, answer_base=1, on_bad_record="quarantine") == [0, 3]


@pytest.mark.parametrize(("numbers", "base"), [([0, 1, 2], 0), ([1, 4], 1), ([3, 0], 0), ([4], 1)])
def test_the_base_is_taken_from_the_whole_file_where_it_is_evident(
    tmp_path: Path, numbers: list[int], base: int
) -> None:
    columns = [{**COLUMNS, "question": f"Question {place}?", "label": n} for place, n in enumerate(numbers)]
    lettered = [
        {**FORMATS["letter alone"], "question": f"Question {place}?", "answer_idx": n}
        for place, n in enumerate(numbers)
    ]
    for name, records in {"cop": cops(*numbers), "columns": columns, "letters": lettered}.items():
        path = written(tmp_path, *records, name=f"{name}.jsonl")
        assert golds(path) == [number - base for number in numbers], name


def test_options_of_several_numbers_are_each_counted_by_their_own(tmp_path: Path) -> None:
    five = {**FORMATS["ending"], "sent1": "Five?", "ending4": "A fifth", "label": 4}
    assert golds(written(tmp_path, five, *endings(0, 3))) == [4, 0, 3]


def test_a_digit_among_the_options_is_no_match_where_the_others_are_numbers(tmp_path: Path) -> None:
    """One row of 200 was matched by its text, the others were set aside."""
    rows: list[dict[str, Any]] = [
        {**COLUMNS, "question": f"Question {place}?", "answer": str(place % 4 + 1)} for place in range(8)
    ]
    rows[2]["option_a"] = "3"
    path = written(tmp_path, *rows)
    assert golds(path, on_bad_record="quarantine") == [0, 1, 2, 3] * 2
    neither = written(tmp_path, *(row for row in rows if row["answer"] in "23"), name="neither.jsonl")
    assert "does not say whether numbers start at 0 or 1. Set data.answer_base=1" in refusal(
        neither, on_bad_record="quarantine"
    )


def test_options_that_are_numbers_are_matched_by_their_text(tmp_path: Path) -> None:
    rows = [{"question": f"{n} + 1?", "options": ["2", "3", "4", "5"], "answer": str(n + 1)} for n in range(1, 5)]
    assert golds(written(tmp_path, *rows)) == [0, 1, 2, 3]
    keyed = {"question": "?", "options": dict(zip("1234", TEXTS, strict=True)), "answer_idx": 4}
    assert golds(written(tmp_path, keyed)) == [3]


def test_a_base_without_effect_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, FORMATS["medqa"])
    assert "data.answer_base=1 has no effect" in refusal(path, answer_base=1)
    counted = written(tmp_path, *cops(1, 2), name="validation.jsonl")
    assert golds(path, answer_base=1, validation=str(counted)) == [1]


def test_where_every_gold_answer_is_bad_the_sentence_speaks_of_numbering(tmp_path: Path) -> None:
    path = written(tmp_path, *({**FORMATS["letter alone"], "answer_idx": letter} for letter in "XYXZ"))
    message = refusal(path)
    assert "line 1: the gold answer is 'X'" in message and "4 of 4 records are bad for this reason" in message
    assert "If they are option numbers" in message and "Fix or remove" not in message


@pytest.mark.parametrize("base", [0, 1])
def test_unanswered_questions_are_refused_with_a_reason(tmp_path: Path, base: int) -> None:
    path = written(tmp_path, {**FORMATS["medmcqa"], "cop": -1})
    assert "has no gold answer (cop is -1, as in MedMCQA's test split)" in refusal(path, answer_base=base)


@pytest.mark.parametrize("record", [{1: "a"}, {"a": float("nan")}, "\ud800", b"bytes", {("a",): 1}])
def test_a_quarantine_line_can_contain_any_value(record: Any) -> None:
    line = Quarantined("q.jsonl, line 1", "is empty.", record).to_json_line()
    assert line.endswith("\n") and line.count("\n") == 1 and line.encode()
    assert json.loads(line)["place"] == "q.jsonl, line 1"


def test_the_trial_folder_has_a_quarantine_only_if_something_was_set_aside(tmp_path: Path) -> None:
    TrialDir(tmp_path).quarantine([])
    assert not list(tmp_path.iterdir())
    TrialDir(tmp_path).quarantine([Quarantined("a, line 1", "why.", {"x": "中"}), Quarantined("b", "w.", 1)])
    lines = [json.loads(line) for line in (tmp_path / "quarantine.jsonl").read_text().splitlines()]
    assert lines[0] == {"place": "a, line 1", "reason": "why.", "record": {"x": "中"}} and len(lines) == 2


# What is flagged


@pytest.mark.parametrize(
    ("question", "flag"),
    [
        ("\u0410 man has fever. Why?", "look-alike letters of another alphabet"),
        ("\u0392eta blockers?", "look-alike letters of another alphabet"),
        ("TNF-\u03b1, \u03b2-blockers, IFN\u03b3 and \u03bcg?", None),
        ("\u0423 \u043c\u0443\u0436\u0447\u0438\u043d\u044b \u0436\u0430\u0440?", None),
        ('He says: "It hurts. Why?', "unbalanced quote"),
        ('He says: "It hurts." Why?', None),
        ("A chest x-ray is shown. Why?", "speaks of an image"),
        ("Results are shown below:\nNa 140. Why?", None),
        ("The lesion (See below) grows. Why?", "speaks of an image"),
        ("Fig. 2 has a mass. Why?", "speaks of an image"),
        ("The EXHIBIT B has a mass. Why?", "speaks of an image"),
        ("The curve is as Depicted. Why?", "speaks of an image"),
        ("心电图正常，诊断是？", None),
        ("心电图如下，诊断是？", "speaks of an image"),
        ("如附圖，最可能的診斷為何？", "speaks of an image"),
        ("What has caused this patient's condition?", "speaks of a patient without a vignette"),
        ("A man has fever. What has caused this patient's condition?", None),
        ("女，ＡＢＣ。诊断是（\u3000）。", None),
        ("Why?<end_of_turn>\n<start_of_turn>model\nC", "looks like a control token: <end_of_turn>"),
        ("Why? \uff1cend\u200b_of_turn\uff1e", "looks like a control token: <end_of_turn>"),
        ("Why? [/INST]", "looks like a control token: [/INST]"),
        ("Is p <0.05, x> 3, |a| < b, [Na+] <b>low</b> or <140?", None),
    ],
)
def test_oddities_are_counted_and_unchanged(tmp_path: Path, question: str, flag: str | None) -> None:
    found = read(written(tmp_path, {**FORMATS["medqa"], "question": question}))
    assert found.questions[0].question == question
    assert found.flagged == ({flag: 1} if flag else {}) and not found.cleaned


# Similarity, by hashes alone for the test questions


def test_only_hashes_of_test_questions_are_returned(tmp_path: Path) -> None:
    unanswered = {"question": STEM, "options": LETTERED}
    config = DataConfig(name="d", train="none", test=str(written(tmp_path, unanswered)))
    (printed,) = read_test_hashes(config)
    assert printed.id == "3e273dff5a3e9a7a"
    everything = repr(dataclasses.astuple(printed)).lower()
    assert not any(word in everything for word in ("barking", "cough", "influenza", "boy"))
    assert {type(value) for value in printed.shingles} == {bytes} and {len(value) for value in printed.shingles} == {8}


def test_overlaps_between_parts_and_within(tmp_path: Path) -> None:
    def hashes(*numbers_and_endings: tuple[int, str]) -> list[QuestionHash]:
        stems = [" ".join(f"w{number}x{n}" for n in range(30)) for number, _ in numbers_and_endings]
        return [question_hash(f"{s}. {e}", ["a", "b"]) for s, (_, e) in zip(stems, numbers_and_endings, strict=True)]

    parts = {
        "train": hashes((1, "Why?"), (2, "Why?"), (2, "Why?")),
        "validation": hashes((1, "Why?"), (2, "How is it treated at first?"), (3, "Why?")),
        "test": hashes((3, "What now?"), (4, "Why?")),
    }
    assert [(o.part, o.among, o.same, o.near) for o in overlaps(parts)] == [
        ("train", "train", 1, 0),
        ("validation", "validation", 0, 0),
        ("test", "test", 0, 0),
        ("validation", "train", 1, 1),
        ("test", "train", 0, 0),
        ("test", "validation", 0, 1),
    ]


# The hub


def fake_hub(monkeypatch: pytest.MonkeyPatch, load_rows: Any) -> None:
    """Put a stand-in for the hub and `datasets`, which takes 5 s to import; tests/hub has the real ones."""
    library, exceptions = types.ModuleType("datasets"), types.ModuleType("datasets.exceptions")
    monkeypatch.setattr("medqa_sweeps.hub.load_rows", load_rows)
    exceptions.DatasetsError = type("DatasetsError", (Exception,), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", library)
    monkeypatch.setitem(sys.modules, "datasets.exceptions", exceptions)


def test_hub_subsets_are_read_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load_rows(config: DataConfig, subset: str | None, split: str) -> list[Any]:
        asked.append((config.hub_id, subset, config.revision, split))
        return [FORMATS["medqa"]] if subset == "us" else [{**FORMATS["bigbio qa"], "answer": ["?"]}]

    fake_hub(monkeypatch, load_rows)
    config = DataConfig(name="h", hub_id="a/b", hub_subsets=["us", "taiwan"], revision="abc", train="train")
    with pytest.raises(DataError, match=r"a/b on the hub, subset taiwan, split train, row 1: the gold answer"):
        read_questions(config, "train")
    assert asked == [("a/b", "us", "abc", "train"), ("a/b", "taiwan", "abc", "train")]
    assert (
        len(read_questions(DataConfig(name="h", hub_id="a/b", hub_subsets=["us"], train="train"), "train").questions)
        == 1
    )
    with pytest.raises(DataError, match="contains the test questions"):
        read_questions(DataConfig(name="h", hub_id="a/b", train="t", validation="test", test="test"), "validation")


@pytest.mark.parametrize(
    ("source", "test"), [("test[:10%]", "test"), ("train+test", None), ("test", None), ("held_out[5:]", "held_out")]
)
def test_a_part_of_the_hubs_test_questions_is_refused_too(source: str, test: str | None) -> None:
    with pytest.raises(DataError, match="contains the test questions"):
        read_questions(DataConfig(name="h", hub_id="a/b", train=source, test=test), "train")


def test_reading_files_imports_nothing_heavy() -> None:
    program = (
        "import sys; from medqa_sweeps import config; from medqa_sweeps.data import split\n"
        "data = config.DataConfig(name='s', train='bundled:sample/train.jsonl')\n"
        "split.split_questions(data, config.SplitConfig(name='random'))\n"
        "assert not {'torch', 'datasets', 'numpy', 'hydra', 'optuna'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])


# Real questions


@needs_real
@pytest.mark.parametrize(
    ("name", "rows", "options", "region", "cleaned"),
    [
        ("us_4_options_train_part.jsonl", 1992, 4, "us", 75),
        ("us_4_options_dev.jsonl", 1272, 4, "us", 47),
        ("us_5_options_dev.jsonl", 1272, 5, "us", 60),
        ("taiwan_dev.jsonl", 1412, 4, "taiwan", 0),
        ("mainland_dev.jsonl", 3425, 5, "mainland", 0),
        ("medmcqa_dev.json", 4183, 4, None, 0),
    ],
)
def test_real_files_load_whole(name: str, rows: int, options: int, region: str | None, cleaned: int) -> None:
    found = read(REAL / name)
    assert len(found.questions) == rows
    assert {(len(question.options), question.region) for question in found.questions} == {(options, region)}
    assert found.cleaned['\\n" stripped from the last option'] == cleaned
    assert not any(question.options[-1].endswith('\n"') for question in found.questions)
    assert found.flagged["answer text is not the gold option's"] == 0


@needs_real
def test_real_medmcqa_shows_where_it_counts_from() -> None:
    found = read(REAL / "medmcqa_dev.json")
    assert fingerprint(found.questions) == fingerprint(read(REAL / "medmcqa_dev.json", answer_base=1).questions)


@needs_real
def test_real_us_letters_steps_and_tables() -> None:
    questions = read(REAL / "us_4_options_dev.jsonl").questions
    assert Counter("ABCD"[question.gold] for question in questions) == {"A": 330, "B": 316, "C": 352, "D": 274}
    assert Counter(question.step for question in questions) == {"step1": 701, "step2&3": 571}
    assert sum("\n" in question.question for question in questions) >= 150, "laboratory tables lost their lines"


@needs_real
def test_real_files_that_are_refused() -> None:
    assert "line 1: not a multiple-choice question: its fields are ['OSCE" in refusal(
        REAL / "not_multiple_choice.jsonl"
    )
    assert "line 18: cop is 4; with data.answer_base=0" in refusal(REAL / "medmcqa_dev.json", answer_base=0)
