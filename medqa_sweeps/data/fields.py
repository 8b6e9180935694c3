"""Which fields of a record contain question, options, gold answer and id: by their names, or as data.columns says.

Names are compared without case, blanks and punctuation: `Option A`, `option_a` and `optionA` are one name. Two fields
that may both be the question, or two sets of options, are refused by name: nothing is guessed.
"""

import functools
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from medqa_sweeps.config import ColumnsConfig
from medqa_sweeps.config.known_keys import nearest
from medqa_sweeps.data.raw_record import BadRecord, short_repr
from medqa_sweeps.errors import DataError

_QUESTION = ("question", "questiontext", "questionstem", "stem", "qtext", "fullquestion", "problemtext")
_WEAK_QUESTION = ("prompt", "query")  # beside a `question` they contain something else
_OPTIONS = ("options", "option", "choices", "answeroptions", "answerchoices", "alternatives", "candidates")
_ANSWERS = "answers"  # the options in HEAD-QA, the gold answer in a table with columns A, B, …
_KEYS = (  # contain a letter or a number
    *("answeridx", "answerindex", "answerkey", "answerletter", "correctoption", "correctchoice", "correctindex"),
    *("correctidx", "correctletter", "label", "cop", "ra", "gold", "goldindex", "target", "key"),
)
_ANSWER = ("answer", "correctanswer", "correctanswers", "rightanswer", "groundtruth", "correct")  # also the text
_ID = ("id", "qid", "questionid", "problemid")
_WRONG = ("distractors", "incorrectanswers", "wronganswers")
_LETTERED = re.compile(r"(option|opt|op|choice|answer|ans|alternative|)([a-j])")
_NUMBERED = re.compile(r"(option|opt|op|choice|answer|ans|alternative|ending|sol|)(\d{1,2})")
_WRONG_NUMBERED = re.compile(r"(distractor|incorrectanswer|wronganswer|incorrect|wrong)(\d{1,2})")
_MAPPING = "data.columns.question=NAME data.columns.options=[NAME,NAME] data.columns.answer=NAME"
_Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Layout:
    """The fields of a record, by what they contain."""

    question: str
    held: str | None = None  # the field that contains all options
    lettered: _Pairs = ()  # or by option name the field of each; a field that the record lacks: no such option
    wrong: tuple[str, ...] = ()  # or the fields of the wrong ones, beside the text of the correct one
    keys: tuple[str, ...] = ()  # fields that contain the gold answer's letter or number, the surest first
    answers: tuple[str, ...] = ()  # fields that may contain its text instead

    @functools.cached_property
    def other_names(self) -> dict[str, str]:
        """Option names by how else a gold answer may write them: `option2`, `opb`."""
        return {plain(field): name for name, field in self.lettered if len(plain(field)) > 1}


def layout_of(record: Mapping[Any, Any], columns: ColumnsConfig, shape: str = "auto") -> Layout:
    """The layout of a record.

    Args:
        shape: `columns`: one field per option; `choices`: one for all; `distractors`: the wrong ones; `auto`: any.

    Raises:
        BadRecord: if question or options are in no known field, or may be in two.
    """
    names = tuple(name for name in record if isinstance(name, str))
    given = columns.options
    options = tuple(given) if isinstance(given, list) else given
    return _layout(names, columns.question, options, columns.answer, columns.id, shape)


def own_id(record: Any, columns: ColumnsConfig) -> str | None:
    """The id that a record gives itself; None: it has none, or one that is neither text nor a whole number."""
    if not isinstance(record, dict):
        return None
    field = _id_field(tuple(name for name in record if isinstance(name, str)), columns.id)
    value = record.get(field) if field else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # pandas, of a column with gaps
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).strip() or None


def refuse_unknown_columns(records: Iterable[Any], columns: ColumnsConfig, source: str) -> None:
    """Check that each column that data.columns names is in one record at least.

    Raises:
        DataError: naming the columns that exist.
    """
    given = columns.given()
    if not given:
        return
    there = list(dict.fromkeys(name for record in records if isinstance(record, dict) for name in record))
    for key, name in given:
        if _named(name, there) is None:
            near = nearest(name, [str(one) for one in there])
            meant = f" Did you mean {near}?" if near else ""
            raise DataError(f"{key}={name}: {source} has no such column. Its columns are {_listed(there)}.{meant}")


def plain(name: str) -> str:
    """A field's name without case, blanks and punctuation."""
    return re.sub(r"[\W_]+", "", name.casefold())


def is_record(value: Mapping[Any, Any], columns: ColumnsConfig) -> bool:
    """Whether an object has the field of a question, or one that data.columns names."""
    given = {name for _, name in columns.given()}
    names = [name for name in value if isinstance(name, str)]
    return any(plain(name) in (*_QUESTION, *_WEAK_QUESTION) or name.strip() in given for name in names)


def is_known(name: str) -> bool:
    """Whether a name is one that the header of a table of questions has."""
    word = plain(name)
    known = (*_QUESTION, *_WEAK_QUESTION, *_OPTIONS, *_KEYS, *_ANSWER, *_ID)
    return word in known or any(one.fullmatch(word) and len(word) > 2 for one in (_LETTERED, _NUMBERED))


@functools.lru_cache(maxsize=1024)  # the rows of a table share theirs
def _layout(
    names: tuple[str, ...],
    question: str | None,
    options: Hashable,
    answer: str | None,
    id_: str | None,
    shape: str,
) -> Layout:
    mapped = {name for name in (question, answer, id_) if name is not None}
    free = {name: plain(name) for name in names if name.strip() not in mapped}
    asked = _named(question, names) if question is not None else _question(free)
    if asked is None and question is not None:
        raise BadRecord(f"has no field {question}, which data.columns.question names")
    rest = {name: word for name, word in free.items() if name != asked}
    parts = _given_options(options, names) if options is not None else _options(rest, shape, answer is not None)
    if asked is None or parts is None:
        missing = " and ".join(["a question"] * (asked is None) + ["options"] * (parts is None))
        raise BadRecord(
            f"not a multiple-choice question: its fields are {short_repr(list(names))}, and none of them is known to "
            f"contain {missing} (docs/data.md has the known formats)",
            f"Name the fields, {_MAPPING}, or another file.",
        )
    if answer is not None:
        found = _named(answer, names)
        return Layout(asked, **parts, answers=() if found is None else (found,))
    used = {asked, parts.get("held"), *(field for _, field in parts.get("lettered", ())), *parts.get("wrong", ())}
    unused = {name: word for name, word in rest.items() if name not in used}
    return Layout(asked, **parts, keys=_in_order(_KEYS, unused), answers=_in_order((*_ANSWER, _ANSWERS), unused))


def _question(free: Mapping[str, str]) -> str | None:
    found = [name for name, word in free.items() if word in _QUESTION]
    found = found or [name for name, word in free.items() if word in _WEAK_QUESTION]
    if len(found) > 1:
        raise _two("question", found, "data.columns.question=NAME")
    return found[0] if found else None


def _given_options(options: Hashable, names: Sequence[str]) -> dict[str, Any] | None:
    if isinstance(options, str):
        held = _named(options, names)
        return None if held is None else {"held": held}
    assert isinstance(options, tuple), "the schema's check"
    fields = [_named(name, names) or name for name in options]
    return {"lettered": tuple(zip(ascii_uppercase, fields, strict=False))}


def _options(free: Mapping[str, str], shape: str, has_answer: bool) -> dict[str, Any] | None:
    """The part of the layout that says where the options are; None: nowhere."""
    sets = (
        [{"lettered": one} for one in (*_letter_sets(free), *_number_sets(free))]
        if shape in ("auto", "columns")
        else []
    )
    single = [name for name, word in free.items() if word in _OPTIONS]
    answers = [name for name, word in free.items() if word == _ANSWERS]
    has_gold = has_answer or any(word in (*_KEYS, *_ANSWER) for word in free.values())
    if has_gold and not single and not sets:
        single = answers
    found: list[dict[str, Any]] = [*sets, *({"held": name} for name in single if shape in ("auto", "choices"))]
    if len(found) > 1:
        named = [one.get("held") or "–".join([one["lettered"][0][1], one["lettered"][-1][1]]) for one in found]
        raise _two("options", named, "data.columns.options=NAME or [NAME,NAME]")
    if not found and shape in ("auto", "distractors"):
        wrong = tuple(name for name, word in free.items() if word in _WRONG or _WRONG_NUMBERED.fullmatch(word))
        return {"wrong": wrong} if wrong else None
    return found[0] if found else None


def _letter_sets(free: Mapping[str, str]) -> list[_Pairs]:
    """Fields of options by letter, for each prefix that has at least A and B."""
    sets = _by_prefix(_LETTERED, free)
    return [
        tuple((letter.upper(), _one(those[letter], f"option {letter.upper()}")) for letter in sorted(those))
        for those in sets.values()
        if {"a", "b"} <= those.keys()
    ]


def _number_sets(free: Mapping[str, str]) -> list[_Pairs]:
    """Likewise by number, for each prefix that has 0 and 1, or 1 and 2. The first is named A: that a column is called
    Option 1 does not tell whether an answer 1 means it (in COPA it does not)."""
    found = []
    for those in _by_prefix(_NUMBERED, free).values():
        numbers = {int(number): fields for number, fields in those.items()}
        first = min(numbers)
        if first <= 1 and first + 1 in numbers and max(numbers) < first + len(ascii_uppercase):
            every = range(first, max(numbers) + 1)
            fields = [_one(numbers[one], f"option {one}") if one in numbers else f"option {one}" for one in every]
            found.append(tuple(zip(ascii_uppercase, fields, strict=False)))
    return found


def _by_prefix(pattern: re.Pattern[str], free: Mapping[str, str]) -> dict[str, dict[str, list[str]]]:
    sets: dict[str, dict[str, list[str]]] = {}
    for name, word in free.items():
        if found := pattern.fullmatch(word):
            sets.setdefault(found[1], {}).setdefault(found[2].lstrip("0") or found[2][-1:], []).append(name)
    return sets


def _one(fields: Sequence[str], what: str) -> str:
    if len(fields) > 1:
        raise _two(what, fields, "data.columns.options=[NAME,NAME]")
    return fields[0]


def _in_order(words: Sequence[str], free: Mapping[str, str]) -> tuple[str, ...]:
    by_word: dict[str, list[str]] = {}
    for name, word in free.items():
        by_word.setdefault(word, []).append(name)
    found = [by_word[word] for word in words if word in by_word]
    for those in found:
        if len(those) > 1:
            raise _two("gold answer", those, "data.columns.answer=NAME")
    return tuple(those[0] for those in found)


@functools.lru_cache(maxsize=1024)
def _id_field(names: tuple[str, ...], given: str | None) -> str | None:
    if given is not None:
        return _named(given, names)
    return next((name for word in _ID for name in names if plain(name) == word), None)


def _named(given: str, names: Iterable[Any]) -> str | None:
    """The name as the record has it: equal, apart from blanks around it."""
    exact = [name for name in names if isinstance(name, str) and name.strip() == given.strip()]
    return exact[0] if exact else None


def _two(what: str, fields: Sequence[str], key: str) -> BadRecord:
    return BadRecord(f"{_listed(fields)} may each be the {what}", f"Name the right one: {key}.")


def _listed(names: Sequence[Any]) -> str:
    shown = [str(name) for name in names[:20]]
    return ", ".join(shown) + (f" and {len(names) - 20} more" if len(names) > 20 else "") if names else "none"
