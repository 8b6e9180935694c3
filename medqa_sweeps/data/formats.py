"""Record formats: extracts question, options and answer, by a record's field names. `docs/data.md` shows all of them.

The formats of `_FORMATS` are tried first, by the exact names of their fields; then `fields` finds out by similar names
which field contains what. To add a format, add to `_FORMATS`, or a name to `fields`.

Nothing is guessed: a record does not show whether the number of the gold option counts from 0 or from 1; `counting`
finds it from all records or the config.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from string import ascii_lowercase, ascii_uppercase
from typing import Any

from medqa_sweeps.config import DATA_FORMATS, ColumnsConfig, DataConfig
from medqa_sweeps.data.cells import is_absent, is_blank, list_of, named_options, only, parsed_cell, whole_number
from medqa_sweeps.data.fields import Layout, layout_of, plain
from medqa_sweeps.data.raw_record import BadRecord, short_repr


@dataclass(frozen=True)
class RawQuestion:
    """A record's parts as the source has them; `checking` validates their types and values."""

    question: Any
    options: list[tuple[str, Any]]  # the source's name of each option, and its text or null
    answer: Any  # name of the gold option; null if the source gives only its text
    answer_text: Any = None
    meta_info: Any = None
    counted: str | None = None  # field with the option's number
    documented_base: int | None = None  # number of the first option by the format's documentation
    usual_base: int | None = None  # likewise in the best-known source of the format; decides if no record shows it
    other_names: Mapping[str, str] = field(default_factory=dict)  # option names by how else an answer may write them


@dataclass(frozen=True)
class _Format:
    name: str  # its name in `data.format`; several formats may share a name
    fields: tuple[str, ...]  # a record with all of these fields has this format
    read: Callable[[dict[str, Any]], RawQuestion]


def raw_question_of(record: Any, config: DataConfig) -> RawQuestion:
    """The parts of a record in any format that data.format allows, or as data.columns says.

    Raises:
        BadRecord: if it has no such format, or its options have no known shape.
    """
    if not isinstance(record, dict):
        raise BadRecord(f"is {short_repr(record)}, not an object with fields")
    allowed = [known_format for known_format in _FORMATS if config.format in ("auto", known_format.name)]
    if not config.columns.given():
        for known_format in allowed:
            if all(field in record for field in known_format.fields):
                return known_format.read(record)
    if config.format in ("auto", *_SHAPES):
        record = _unnested(record)
        return _from_layout(record, layout_of(record, config.columns, config.format))
    known = "; ".join(f"{known_format.name} ({', '.join(known_format.fields)})" for known_format in allowed)
    raise BadRecord(
        f"not a multiple-choice question: its fields are {short_repr(list(record))}, and data.format={config.format} "
        f"needs all fields of one of: {known}",
        "Name a file with such records, or leave out data.format.",
    )


def _from_options(record: dict[str, Any]) -> RawQuestion:
    options, meta_info = named_options(record["options"]), record.get("meta_info")
    answer = parsed_cell(record.get("answer_idx"))
    if answer is None and is_absent(record.get("answer")):  # AGIEval and others have a letter or number in `label`
        return replace(_from_layout(record, layout_of(record, _NO_COLUMNS)), meta_info=meta_info)
    if answer is None and (number := _typed_number(record.get("answer"))) is not None:
        return _with_number(RawQuestion(record["question"], options, None, meta_info=meta_info), "answer", number)
    return RawQuestion(record["question"], options, answer, list_of(record.get("answer")), meta_info)


def _from_choices(record: dict[str, Any]) -> RawQuestion:
    """In bigbio's files the answer is a text; in MMLU it is a number from 0."""
    options, meta_info = named_options(record["choices"]), record.get("meta_info")
    raw = RawQuestion(record["question"], options, None, list_of(record["answer"]), meta_info, usual_base=0)
    number = _typed_number(record["answer"])
    return raw if number is None else _with_number(raw, "answer", number)


def _from_endings(record: dict[str, Any]) -> RawQuestion:
    endings = {int(field[6:]): text for field, text in record.items() if re.fullmatch(r"ending\d{1,3}", str(field))}
    question = record["sent1"]
    if isinstance(question, str) and isinstance(record.get("sent2"), str):  # empty in MedQA, used in SWAG
        question = f"{question} {record['sent2']}".rstrip()
    options = [(str(number), endings.get(number)) for number in range(max(endings) + 1)]
    meta_info = record.get("meta_info")
    return RawQuestion(question, options, record["label"], meta_info=meta_info, counted="label", documented_base=0)


def _from_medmcqa(record: dict[str, Any]) -> RawQuestion:
    options = [(letter.upper(), record[f"op{letter}"]) for letter in "abcde" if f"op{letter}" in record]
    return RawQuestion(record["question"], options, record["cop"], counted="cop")


def _from_columns(record: dict[str, Any]) -> RawQuestion:
    options = [
        (letter.upper(), record[f"option_{letter}"]) for letter in ascii_lowercase if f"option_{letter}" in record
    ]
    field, answer = _first_of(record, ("answer_idx", "correct_option", "label", "cop"))
    text = list_of(_first_of(record, ("answer", "correct_answer"))[1])
    return RawQuestion(record["question"], options, parsed_cell(answer), text, record.get("meta_info"), counted=field)


def _from_nested(record: dict[str, Any]) -> RawQuestion:
    data = parsed_cell(record["data"])
    if not isinstance(data, dict) or not {"Question", "Options"} <= data.keys():
        raise BadRecord(
            f"data is {short_repr(record['data'])}; it must be an object with Question, Options, Correct Option"
        )
    return _from_capitals({**record, **data})


def _from_capitals(record: dict[str, Any]) -> RawQuestion:
    answer, text = parsed_cell(record.get("Correct Option")), list_of(record.get("Correct Answer"))
    return RawQuestion(record["Question"], named_options(record["Options"]), answer, text, record.get("meta_info"))


def _from_layout(record: Mapping[str, Any], layout: Layout) -> RawQuestion:
    question = record[layout.question]
    if layout.wrong:
        return _from_distractors(record, layout)
    if layout.held is not None:
        options = named_options(record[layout.held])
    else:
        options = [(name, record.get(field)) for name, field in layout.lettered]
    raw = RawQuestion(question, options, None, meta_info=record.get("meta_info"), other_names=layout.other_names)
    keys = [(name, parsed_cell(record[name])) for name in layout.keys if not is_blank(record[name])]
    answers = [(name, _answer_of(record[name])) for name in layout.answers if not is_blank(record[name])]
    texts = [(name, value) for name, value in answers if _typed_number(value) is None]
    if keys and texts and whole_number(only(keys[0][1])) is not None and whole_number(only(texts[0][1])) is None:
        keys = []  # the letter or text beside a number says the same without a base
    if keys:
        text = texts[0][1] if texts else None
        return _with_number(replace(raw, answer_text=text), *keys[0])
    if texts:
        return replace(raw, answer_text=texts[0][1])
    return _with_number(raw, *answers[0]) if answers else raw


def _from_distractors(record: Mapping[str, Any], layout: Layout) -> RawQuestion:
    """As in SciQ. The source has no order of options: they are sorted, so that the place tells nothing."""
    wrong = [record[name] for name in layout.wrong]
    found = [text for value in wrong for text in _as_list(parsed_cell(value)) if not is_absent(text)]
    correct = next((value for name in layout.answers if not is_blank(value := record[name])), None)
    if correct is None:
        raise BadRecord("has wrong options alone, and no correct answer")
    texts = sorted([*found, correct], key=str)
    return RawQuestion(record[layout.question], list(zip(ascii_uppercase, texts, strict=False)), None, correct)


def _with_number(raw: RawQuestion, field: str, answer: Any) -> RawQuestion:
    """With a letter or number as the answer; a number counts the options, unless their own names are numbers."""
    by_name = any(whole_number(name) is not None for name, _ in raw.options)
    return replace(raw, answer=answer, counted=None if by_name else field)


def _first_of(record: dict[str, Any], fields: tuple[str, ...]) -> tuple[str | None, Any]:
    """The first of `fields` with a value, and the value."""
    return next(((name, record[name]) for name in fields if record.get(name) is not None), (None, None))


def _answer_of(value: Any) -> Any:
    """As `list_of`, also for a list of one number."""
    found = parsed_cell(value)
    return found if _typed_number(found) is not None else list_of(value)


def _typed_number(value: Any) -> int | float | None:
    """A number that the source has as a number; in a list of one, too."""
    found = only(parsed_cell(value))
    return found if isinstance(found, int | float) and not isinstance(found, bool) and not is_absent(found) else None


def _unnested(record: dict[str, Any]) -> dict[str, Any]:
    """The record with the fields of its question, if that is an object of stem and choices (ARC, OpenBookQA)."""
    for name, value in record.items():
        if isinstance(value, dict) or (isinstance(value, str) and value[:1] == "{"):
            question = parsed_cell(value)
            if isinstance(question, dict) and "stem" in question and plain(str(name)) == "question":
                return {**{other: value for other, value in record.items() if other != name}, **question}
    return record


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


_FORMATS = (
    _Format("medqa", ("question", "options"), _from_options),  # Jin et al.'s own files
    _Format("bigbio", ("question", "options"), _from_options),  # med_qa_*_source: options as {key, value}
    _Format("bigbio", ("question", "choices", "answer"), _from_choices),  # med_qa_*_bigbio_qa: texts alone
    _Format("ending", ("sent1", "ending0", "label"), _from_endings),  # as SWAG; `label` counts from 0
    _Format("medmcqa", ("question", "opa", "opb", "opc", "opd", "cop"), _from_medmcqa),
    _Format("columns", ("question", "option_a", "option_b"), _from_columns),
    _Format("nested", ("data",), _from_nested),
    _Format("nested", ("Question", "Options", "Correct Option"), _from_capitals),
)
_SHAPES = ("columns", "choices", "distractors")  # read by similar names, see `fields`
_NO_COLUMNS = ColumnsConfig()
assert {known_format.name for known_format in _FORMATS} | {"auto", *_SHAPES} == set(DATA_FORMATS)
# A JSON object with one of these is a record, and not an object of records.
RECORD_FIELDS = {name for known_format in _FORMATS for name in known_format.fields}
