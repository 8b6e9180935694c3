"""Turns a `RawQuestion` into a `Question` or refuses it, in the same way for every record format.

`cleaned_texts` lists all cleaning: no Unicode folding, no change inside a text. Cleaned records are counted, and so are
records that look odd but occur in published data sets too (`flags`).
"""

import re
from collections import Counter
from string import ascii_uppercase
from typing import Any

from medqa_sweeps.config import DataConfig
from medqa_sweeps.data.flags import flags_of
from medqa_sweeps.data.formats import RawQuestion, whole_number
from medqa_sweeps.data.ordered import order_matters, without_copy
from medqa_sweeps.data.question import Question, Region, Step, question_id
from medqa_sweeps.data.raw_record import BadRecord, short_repr

_DEBRIS = '\n"'  # ends the last option of 47 of the 1,272 US dev questions (4 options): a non-medical cue
_BASES = "data.answer_base=1 (MedMCQA's own files) or data.answer_base=0 (its copy on the hub)"


def checked_question(raw: RawQuestion, config: DataConfig, cleaned: Counter[str], flagged: Counter[str]) -> Question:
    """The question in `raw`; adds to both counters, unless the record is refused.

    Raises:
        BadRecord: for too few or too many options, an empty text, a gold answer that is missing, ambiguous or not among
            the options, or an option number whose base data.answer_base does not give.
    """
    names, question, options, changes = cleaned_texts(raw, config.ordered_options)
    gold, remarks = _gold(raw, names, options, config.answer_base)
    ordered = order_matters(question, options)
    cleaned.update(changes)
    flagged.update([*flags_of(question, options), *remarks, *([ordered] if ordered else [])])
    region, step = _origin(raw.meta_info)
    in_order = bool(ordered) and config.ordered_options != "permute"
    return Question(question_id(question, options), question, tuple(options), gold, region, step, in_order)


def cleaned_texts(raw: RawQuestion, ordered_options: str) -> tuple[list[str], str, list[str], list[str]]:
    """Option names in capitals, the question, the options, and what was changed. The gold answer is not read.

    Raises:
        BadRecord: as `checked_question`, except for the gold answer.
    """
    present = [(name, text) for name, text in raw.options if not _is_absent(text)]
    if not 2 <= len(present) <= len(ascii_uppercase):
        raise BadRecord(f"has {len(present)} options; a question has 2 to {len(ascii_uppercase)}")
    names = [name.strip().upper() for name, _ in present]
    if len(set(names)) < len(names):
        raise BadRecord(f"two options have the same name; the names are {short_repr(', '.join(names))}")
    what = ["the question", *(f"option {name}" for name, _ in present)]
    texts = [_text(*pair) for pair in zip(what, [raw.question, *(text for _, text in present)], strict=True)]
    changes = ["absent option left out"] * (len(present) < len(raw.options))
    last = _without_debris(texts[-1])
    changes += ['\\n" stripped from the last option'] * (last != texts[-1])
    texts[-1] = last
    stripped = [text.strip() for text in texts]
    changes += ["blanks around a text stripped"] * (stripped != texts)
    for name, text in zip(what, stripped, strict=True):
        if not text:
            raise BadRecord(f"{name} is empty")
    question, *options = stripped
    bare = without_copy(question, options) if ordered_options == "remove" else question
    changes += ["options removed from the question"] * (bare != question)
    return names, bare, options, changes


def _is_absent(text: Any) -> bool:
    """Whether an option is missing: Arrow writes null, pandas NaN."""
    return text is None or (isinstance(text, float) and text != text)


def _text(what: str, value: Any) -> str:
    if not isinstance(value, str):
        raise BadRecord(f"{what} is {short_repr(value)}; it must be text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadRecord(f"{what} contains half a character (a lone surrogate): {short_repr(value)}") from None
    return value


def _without_debris(text: str) -> str:
    bare = text.rstrip()
    return bare[: -len(_DEBRIS)].rstrip() if bare.endswith(_DEBRIS) else text


def _gold(raw: RawQuestion, names: list[str], options: list[str], answer_base: int | None) -> tuple[int, list[str]]:
    """Index of the gold option, and remarks: by its name if the record gives one, else by its unique text."""
    text = _single_item(raw.answer_text)
    text = _without_debris(text).strip() if isinstance(text, str) else None
    if raw.answer is None:
        return _gold_by_text(text, names, options), []
    answer = _single_item(raw.answer)
    number = whole_number(answer) if raw.counted else None
    if number is not None:
        answer = _counted(number, len(raw.options), answer_base, str(raw.counted))
    name = str(answer).strip().upper() if isinstance(answer, str | int) else None
    if name not in names:
        raise BadRecord(f"the gold answer is {short_repr(raw.answer)}, which is none of its options {', '.join(names)}")
    gold = names.index(name)
    differs = text is not None and text != options[gold] and text.upper() != name
    return gold, ["answer text is not the gold option's"] * differs


def _counted(number: int, options: int, base: int | None, field: str) -> str:
    """The letter of an option number."""
    met = f"{field} is {number}"
    if number == -1:
        raise BadRecord(f"has no gold answer ({met}, as in MedMCQA's test split)", "Use a split with answers.")
    if base is None:
        raise BadRecord(
            f"{met}, and the file does not say whether numbers start at 0 or 1", f"Set {_BASES}.", is_config_error=True
        )
    if not base <= number < base + options:
        other_base = number in (0, options)  # then the other records were read with the wrong base, too
        reason = f"{met}; with data.answer_base={base} it must be from {base} to {base + options - 1}"
        raise BadRecord(reason, f"Set {_BASES}, or fix the record.", is_config_error=other_base)
    return ascii_uppercase[number - base]


def _gold_by_text(text: str | None, names: list[str], options: list[str]) -> int:
    if text is None:
        raise BadRecord("has no gold answer: neither a letter (answer_idx, label, cop) nor a text (answer)")
    meant = [index for index in range(len(options)) if text == options[index] or text.upper() == names[index]]
    if not meant:
        raise BadRecord(f"the gold answer {short_repr(text)} is none of its options {short_repr(options)}")
    if len(meant) > 1:
        raise BadRecord(f"the gold answer {short_repr(text)} matches several options", "Give its letter in answer_idx.")
    return meant[0]


def _origin(meta_info: Any) -> tuple[Region | None, Step | None]:
    """Region and USMLE step from MedQA's `meta_info`; in the Mainland files it is a chapter name in Chinese."""
    if meta_info == "step1":
        return "us", "step1"
    if meta_info == "step2&3":
        return "us", "step2&3"
    if meta_info == "taiwanese_test_Q":
        return "taiwan", None
    chinese = isinstance(meta_info, str) and re.search("[\u4e00-\u9fff]", meta_info)
    return ("mainland" if chinese else None), None


def _single_item(value: Any) -> Any:
    """The item of a list of one (`["b"]`); anything else unchanged."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value
