"""What one value of a record contains: options in all their shapes, a number, a list that a table's cell prints."""

import ast
import json
import re
import warnings
from string import ascii_uppercase
from typing import Any

from medqa_sweeps.data.raw_record import BadRecord, short_repr

_OPTION_SHAPES = (
    "an object, a list of texts, a list of {key, value}, {label, text} or {aid, atext}, an object of the lists text "
    "and label, or a text with one lettered option per line (A. …)"
)
# Fields of an option's name and text, where each option is an object, or all are one object of two lists.
_NAME_AND_TEXT = (("key", "value"), ("label", "text"), ("aid", "atext"))
_LETTERED_LINE = re.compile(r"\s*[(\[（]?\s*([A-Za-z])\s*(?:[.):：、．\]）]\s*|\s+)(.*)", re.DOTALL)


def named_options(options: Any) -> list[tuple[str, Any]]:
    """Options with their names. A list of texts is named A, B, ….

    Raises:
        BadRecord: if the value has none of the known shapes.
    """
    found = parsed_cell(options)
    if isinstance(found, str) and (lettered := _lettered_lines(found)):
        return lettered
    if isinstance(found, dict):
        return _of_two_lists(found) or [(str(name), text) for name, text in found.items()]
    if not isinstance(found, list):
        raise BadRecord(f"options are {short_repr(options)}; allowed are {_OPTION_SHAPES}")
    for name, text in _NAME_AND_TEXT:
        if found and all(isinstance(option, dict) and {name, text} <= option.keys() for option in found):
            return [(str(option[name]), option[text]) for option in found]
    return [(ascii_uppercase[index : index + 1], text) for index, text in enumerate(found)]


def _of_two_lists(found: dict[Any, Any]) -> list[tuple[str, Any]]:
    """Options from `{"text": […], "label": […]}`; empty if it is another object, or the lists differ in length."""
    for name, text in _NAME_AND_TEXT:
        names, texts = found.get(name), found.get(text)
        if isinstance(names, list) and isinstance(texts, list) and len(names) == len(texts):
            return [(str(one), other) for one, other in zip(names, texts, strict=True)]
    return []


def _lettered_lines(text: str) -> list[tuple[str, Any]]:
    """Options from a text of lines that begin with A, B, … in order, as CMExam's; empty if it is none."""
    lines = [line for line in text.splitlines() if line.strip()]
    found = [_LETTERED_LINE.fullmatch(line) for line in lines]
    names = [one[1].upper() for one in found if one]
    if len(lines) < 2 or names != list(ascii_uppercase[: len(lines)]):
        return []
    return [(one[1].upper(), one[2].strip()) for one in found if one]


def parsed_cell(value: Any) -> Any:
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


def list_of(value: Any) -> Any:
    """The list of one text that a table's cell contains (`"['text']"`); anything else unchanged."""
    found = parsed_cell(value)
    return found if isinstance(found, list) and len(found) == 1 and isinstance(found[0], str) else value


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


def is_absent(value: Any) -> bool:
    """Whether a value is missing: Arrow writes null, pandas NaN."""
    return value is None or (isinstance(value, float) and value != value)


def is_blank(value: Any) -> bool:
    """Whether a value is missing, or a text of blanks."""
    return is_absent(value) or (isinstance(value, str) and not value.strip())
