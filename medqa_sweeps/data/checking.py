"""A record's parts become a `Question`, or are refused: the same for every shape.

Cleaning is what is listed in `_cleaned_texts` and nothing else: no Unicode folding, nothing inside a text. What was
cleaned, and what looks odd but stands in published sets too (`flags`), is counted by record.
"""

import re
from collections import Counter
from string import ascii_uppercase
from typing import Any

from medqa_sweeps.config import DataConfig
from medqa_sweeps.data.counting import BASES, Counting
from medqa_sweeps.data.flags import flags_of
from medqa_sweeps.data.ordered import order_matters, without_copy
from medqa_sweeps.data.question import Question, Region, Step, question_id
from medqa_sweeps.data.record import GOLD, BadRecord, shown
from medqa_sweeps.data.shapes import Parts, only

_DEBRIS = '\n"'  # ends the last option of 47 of the 1,272 US dev questions, 4 options: a cue that is no medicine


def checked_question(
    parts: Parts, config: DataConfig, counting: Counting, cleaned: Counter[str], flagged: Counter[str]
) -> Question:
    """The question of `parts`; adds to both counters, unless the record is refused.

    Raises:
        BadRecord: for no or too many options, an empty text, a gold answer that is missing, outside the options or
            not clear, or a number that is out of range.
    """
    names, question, options, changes = cleaned_texts(parts, config.ordered_options)
    gold, remarks = _gold(parts, names, options, counting)
    ordered = order_matters(question, options)
    cleaned.update(changes)
    flagged.update([*flags_of(question, options), *remarks, *([ordered] if ordered else [])])
    region, step = _origin(parts.meta_info)
    in_order = bool(ordered) and config.ordered_options != "permute"
    return Question(question_id(question, options), question, tuple(options), gold, region, step, in_order)


def cleaned_texts(parts: Parts, ordered_options: str) -> tuple[list[str], str, list[str], list[str]]:
    """Names of the options in capitals, the question, the options, and what was changed. The gold is not looked at.

    Raises:
        BadRecord: as above, but for the gold answer.
    """
    present = [(name, text) for name, text in parts.options if not _is_absent(text)]
    if not 2 <= len(present) <= len(ascii_uppercase):
        raise BadRecord(f"has {len(present)} options; a question has 2 to {len(ascii_uppercase)}")
    names = [name.strip().upper() for name, _ in present]
    if len(set(names)) < len(names):
        raise BadRecord(f"two options have one name; they are {shown(', '.join(names))}")
    what = ["the question", *(f"option {name}" for name, _ in present)]
    texts = [_text(*pair) for pair in zip(what, [parts.question, *(text for _, text in present)], strict=True)]
    changes = ["absent option left out"] * (len(present) < len(parts.options))
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
    """Arrow fills a missing option with null, pandas with NaN."""
    return text is None or (isinstance(text, float) and text != text)


def _text(what: str, value: Any) -> str:
    if not isinstance(value, str):
        raise BadRecord(f"{what} is {shown(value)}; it must be text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadRecord(f"{what} holds half a character (a lone surrogate): {shown(value)}") from None
    return value


def _without_debris(text: str) -> str:
    bare = text.rstrip()
    return bare[: -len(_DEBRIS)].rstrip() if bare.endswith(_DEBRIS) else text


def _gold(parts: Parts, names: list[str], options: list[str], counting: Counting) -> tuple[int, list[str]]:
    """Index of the gold option, and remarks: by its number where numbers count, by its name where one is given, by its
    text if that leaves no doubt."""
    text = only(parts.answer_text)
    text = _without_debris(text).strip() if isinstance(text, str) else None
    number = counting.number_of(parts)
    if number is None and parts.answer is None:
        return _gold_by_text(text, names, options), []
    answer = only(parts.answer)
    if number is not None:
        answer = _counted(number, parts, counting)
        text = None if parts.answer is None else text
    name = str(answer).strip().upper() if isinstance(answer, str | int) else None
    if name not in names:
        raise BadRecord(f"the gold answer is {shown(parts.answer)}, none of its options {', '.join(names)}", about=GOLD)
    gold = names.index(name)
    differs = text is not None and text != options[gold] and text.upper() != name
    return gold, ["answer text is not the gold option's"] * differs


def _counted(number: int, parts: Parts, counting: Counting) -> str:
    """The name of the option that a number means."""
    met, options, base = f"{parts.counted or 'the gold answer'} is {number}", len(parts.options), counting.base
    if number == -1:
        raise BadRecord(f"has no gold answer ({met}, as in MedMCQA's test split)", "Use a split with answers.")
    if base is None or not base <= number < base + options:
        start = base or 0
        by = "" if base is None else f"with data.answer_base={base} "
        # Of a base that the records contradict, those that seem to fit are read wrong, too.
        wrong_base = counting.contradicted and number in (0, options)
        reason = f"{met}; {by}it must be from {start} to {start + options - (base is not None)}"
        raise BadRecord(reason, f"Set {BASES}, or mend the record.", mend_config=wrong_base)
    return parts.options[number - base][0]


def _gold_by_text(text: str | None, names: list[str], options: list[str]) -> int:
    if text is None:
        raise BadRecord("has no gold answer: neither a letter (answer_idx, label, cop) nor a text (answer)")
    meant = [place for place in range(len(options)) if text == options[place] or text.upper() == names[place]]
    if not meant:
        raise BadRecord(f"the gold answer {shown(text)} is none of its options {shown(options)}", about=GOLD)
    if len(meant) > 1:
        raise BadRecord(f"the gold answer {shown(text)} fits several options", "Give its letter in answer_idx.")
    return meant[0]


def _origin(meta_info: Any) -> tuple[Region | None, Step | None]:
    """Region and USMLE step from MedQA's `meta_info`; in the Mainland files it is a chapter's name, in Chinese."""
    if meta_info == "step1":
        return "us", "step1"
    if meta_info == "step2&3":
        return "us", "step2&3"
    if meta_info == "taiwanese_test_Q":
        return "taiwan", None
    chinese = isinstance(meta_info, str) and re.search("[\u4e00-\u9fff]", meta_info)
    return ("mainland" if chinese else None), None
