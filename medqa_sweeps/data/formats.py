"""Record formats: extracts question, options and answer, by a record's field names. To add a format, add to `_FORMATS`.

Nothing is guessed: a record does not show whether the number of the gold option counts from 0 or from 1; `counting`
finds it from all records or the config.
"""

import ast
import json
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase
from typing import Any

from medqa_sweeps.config import DATA_FORMATS
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


@dataclass(frozen=True)
class _Format:
    name: str  # its name in `data.format`; several formats may share a name
    fields: tuple[str, ...]  # a record with all of these fields has this format
    read: Callable[[dict[str, Any]], RawQuestion]


def raw_question_of(record: Any, format: str) -> RawQuestion:
    """The parts of a record in any format that `format` (as in `data.format`) allows.

    Raises:
        BadRecord: if it has no such format, or its options are neither an object nor a list.
    """
    if not isinstance(record, dict):
        raise BadRecord(f"is {short_repr(record)}, not an object with fields")
    allowed = [known_format for known_format in _FORMATS if format in ("auto", known_format.name)]
    for known_format in allowed:
        if all(field in record for field in known_format.fields):
            return known_format.read(record)
    known = "; ".join(f"{known_format.name} ({', '.join(known_format.fields)})" for known_format in allowed)
    raise BadRecord(
        f"not a multiple-choice question: its fields are {short_repr(list(record))}, and data.format={format} needs "
        f"all fields of one of: {known}",
        "Name a file with such records, or rename its fields.",
    )


def _from_options(record: dict[str, Any]) -> RawQuestion:
    answer = _parsed_cell(record.get("answer_idx"))
    return RawQuestion(
        record["question"], _named(record["options"]), answer, _list_of(record.get("answer")), record.get("meta_info")
    )


def _from_choices(record: dict[str, Any]) -> RawQuestion:
    return RawQuestion(
        record["question"], _named(record["choices"]), None, _list_of(record["answer"]), record.get("meta_info")
    )


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
    text = _list_of(_first_of(record, ("answer", "correct_answer"))[1])
    return RawQuestion(record["question"], options, _parsed_cell(answer), text, record.get("meta_info"), counted=field)


def _from_nested(record: dict[str, Any]) -> RawQuestion:
    data = _parsed_cell(record["data"])
    if not isinstance(data, dict) or not {"Question", "Options"} <= data.keys():
        raise BadRecord(
            f"data is {short_repr(record['data'])}; it must be an object with Question, Options, Correct Option"
        )
    return _from_capitals({**record, **data})


def _from_capitals(record: dict[str, Any]) -> RawQuestion:
    answer, text = _parsed_cell(record.get("Correct Option")), _list_of(record.get("Correct Answer"))
    return RawQuestion(record["Question"], _named(record["Options"]), answer, text, record.get("meta_info"))


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
assert {known_format.name for known_format in _FORMATS} | {"auto"} == set(DATA_FORMATS)
RECORD_FIELDS = {field for known_format in _FORMATS for field in known_format.fields}


def _named(options: Any) -> list[tuple[str, Any]]:
    """Options with their names from a dict, a list of {key, value}, or a list of texts (named A, B, …)."""
    found = _parsed_cell(options)
    if isinstance(found, dict):
        return [(str(name), text) for name, text in found.items()]
    if not isinstance(found, list):
        raise BadRecord(
            f"options are {short_repr(options)}; allowed are an object, a list of {{key, value}}, or a list of texts"
        )
    if all(isinstance(option, dict) and {"key", "value"} <= option.keys() for option in found):
        return [(str(option["key"]), option["value"]) for option in found]
    return [(ascii_uppercase[index : index + 1], text) for index, text in enumerate(found)]


def _parsed_cell(value: Any) -> Any:
    """The list or object that a table's cell contains as JSON or Python text; anything else unchanged."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return value
    for parse in (from_json, _from_python):
        try:
            return parse(value)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    return value


def from_json(text: str) -> Any:
    """The value of JSON text.

    Raises:
        ValueError: if it is not JSON, or an object has a key twice.
    """
    return json.loads(text, object_pairs_hook=without_repeats)


def _from_python(text: str) -> Any:
    """Parses Python literals only: nothing is called or looked up."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # about a backslash in a text, which is harmless
        tree = ast.parse(text.strip(), mode="eval")
        for node in ast.walk(tree):
            if isinstance(node, ast.Dict):
                without_repeats([(ast.dump(key), None) for key in node.keys if key is not None])
        return ast.literal_eval(tree)


def without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """`pairs` as a dict.

    Raises:
        ValueError: if a key occurs twice, since an option or a question would be lost silently.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} occurs twice")
    return found


def _list_of(value: Any) -> Any:
    """The list of one text that a table's cell contains (`"['text']"`); anything else unchanged."""
    found = _parsed_cell(value)
    return found if isinstance(found, list) and len(found) == 1 and isinstance(found[0], str) else value


def _first_of(record: dict[str, Any], fields: tuple[str, ...]) -> tuple[str | None, Any]:
    """The first of `fields` with a value, and the value."""
    return next(((field, record[field]) for field in fields if record.get(field) is not None), (None, None))


def only(value: Any) -> Any:
    """The item of a list of one (`["b"]`); anything else unchanged."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def whole_number(value: Any) -> int | None:
    """The whole number that `value` is or contains as text; None if there is none."""
    if isinstance(value, str) and re.fullmatch(r"\s*-?\d{1,9}(\.0+)?\s*", value, re.ASCII):
        return int(float(value))
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
