"""Turns a `RawQuestion` into a `Question` or refuses it, in the same way for every record format.

`cleaned_texts` lists all cleaning: no Unicode folding, no change inside a text. Cleaned records are counted, and so are
records that look odd but occur in published data sets too (`flags`).
"""

import re
from collections import Counter
from string import ascii_uppercase
from typing import Any

from medqa_sweeps.config import DataConfig
from medqa_sweeps.data.cells import is_absent, is_blank, only
from medqa_sweeps.data.counting import BASES, Counting
from medqa_sweeps.data.fields import plain
from medqa_sweeps.data.flags import flags_of
from medqa_sweeps.data.formats import RawQuestion
from medqa_sweeps.data.ordered import order_matters, without_copy
from medqa_sweeps.data.question import UNLABELLED, Question, Region, Step, question_id
from medqa_sweeps.data.raw_record import GOLD, BadRecord, short_repr

# An answer that writes its option's name in another way, and one that adds the option's text.
_WORDS = r"(?:the\s+)?(?:correct\s+)?(?:option|choice|answer|opt|ans|op)?[\s:_.]*"
_LETTER = re.compile(rf"\s*{_WORDS}[(\[（]?\s*([A-Za-z]|\d{{1,2}})\s*[)\].:：、．）]?\s*", re.IGNORECASE)
_LETTER_AND_TEXT = re.compile(r"\s*[(\[（]?\s*([A-Za-z]|\d{1,2})\s*[)\].:：、．）]+\s*(.+)", re.DOTALL)
_LETTERS = re.compile(r"\s*(?:[A-Z]{2,}|[A-Za-z](?:\s*(?:[,;/&+、，]|\s|\band\b)\s*[A-Za-z])+)\s*")
_DEBRIS = '\n"'  # ends the last option of 47 of the 1,272 US dev questions (4 options): a non-medical cue


def checked_question(
    raw: RawQuestion,
    config: DataConfig,
    counting: Counting,
    cleaned: Counter[str],
    flagged: Counter[str],
    source_id: str | None = None,
    may_lack_gold: bool = False,
) -> Question:
    """The question in `raw`; adds to both counters, unless the record is refused.

    Args:
        source_id: the record's own id.
        may_lack_gold: a record without any gold answer gives a question with `UNLABELLED`.

    Raises:
        BadRecord: for too few or too many options, an empty text, a gold answer that is missing, ambiguous or not among
            the options, or an option number that is out of range.
    """
    names, question, options, changes = cleaned_texts(raw, config.ordered_options)
    is_unlabelled = may_lack_gold and _lacks_gold(raw, counting)
    gold, remarks = (UNLABELLED, []) if is_unlabelled else _gold(raw, names, options, counting)
    ordered = order_matters(question, options)
    cleaned.update(changes)
    flagged.update([*flags_of(question, options), *remarks, *([ordered] if ordered else [])])
    region, step = _origin(raw.meta_info)
    in_order = bool(ordered) and config.ordered_options != "permute"
    return Question(question_id(question, options), question, tuple(options), gold, region, step, in_order, source_id)


def cleaned_texts(raw: RawQuestion, ordered_options: str) -> tuple[list[str], str, list[str], list[str]]:
    """Option names in capitals, the question, the options, and what was changed. The gold answer is not read.

    Raises:
        BadRecord: as `checked_question`, except for the gold answer.
    """
    present = [(name, text) for name, text in raw.options if not is_absent(text)]
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


def _lacks_gold(raw: RawQuestion, counting: Counting) -> bool:
    return (is_blank(only(raw.answer)) and is_blank(only(raw.answer_text))) or counting.number_of(raw) == -1


def _gold(raw: RawQuestion, names: list[str], options: list[str], counting: Counting) -> tuple[int, list[str]]:
    """Index of the gold option, and remarks: by its number if numbers count options, else by its name if the record
    gives one, else by its unique text."""
    text = only(raw.answer_text)
    text = _without_debris(text).strip() if isinstance(text, str) else None
    number = counting.number_of(raw)
    if number is None and is_blank(raw.answer):
        return _gold_by_text(text, raw, names, options), []
    answer = only(raw.answer)
    if number is not None:
        answer = _counted(number, raw, counting)
        text = None if raw.answer is None else text
    name = str(answer).strip().upper() if isinstance(answer, str | int) else None
    if name not in names:
        name = _name_in(answer, raw, names, options)
    if name is None:
        _refuse_several(answer, names)
        reason = f"the gold answer is {short_repr(raw.answer)}, which is none of its options {', '.join(names)}"
        raise BadRecord(reason, about=GOLD)
    gold = names.index(name)
    same = text is None or text == options[gold] or name in (text.upper(), _name_in(text, raw, names, options))
    return gold, ["answer text is not the gold option's"] * (not same)


def _name_in(answer: Any, raw: RawQuestion, names: list[str], options: list[str]) -> str | None:
    """The name that an answer writes in another way: `D.`, `(D)`, `Option D`, `D. text`, `option_d`, or as its text."""
    if not isinstance(answer, str):
        return None
    if (other := raw.other_names.get(plain(answer))) in names:
        return other
    if (found := _LETTER.fullmatch(answer)) and found[1].upper() in names:
        return found[1].upper()
    texts = [name for name, text in zip(names, options, strict=True) if answer.strip() == text]
    if (found := _LETTER_AND_TEXT.fullmatch(answer)) and found[1].upper() in names:
        name = found[1].upper()
        texts += [name] if found[2].strip() == options[names.index(name)] else []
    return texts[0] if len(texts) == 1 else None


def _refuse_several(answer: Any, names: list[str]) -> None:
    """Raises `BadRecord` if the answer is a list of several options, or their letters: `ABD`, `A, C`."""
    is_text = isinstance(answer, str)
    letters = re.findall(r"[A-Za-z]", answer.replace("and", "")) if is_text and _LETTERS.fullmatch(answer) else answer
    several = {str(one).strip().upper() for one in letters} if isinstance(letters, list) else set()
    if len(several) > 1 and several <= {*names}:
        raise BadRecord(f"has several correct options ({', '.join(map(str, letters))}); a question has one", about=GOLD)


def _counted(number: int, raw: RawQuestion, counting: Counting) -> str:
    """The name of the option with this number."""
    met, options, base = f"{raw.counted or 'the gold answer'} is {number}", len(raw.options), counting.base
    if number == -1:
        raise BadRecord(f"has no gold answer ({met}, as in MedMCQA's test split)", "Use a split with answers.")
    if base is None or not base <= number < base + options:
        start = base or 0
        by = "" if base is None else f"with data.answer_base={base} "
        # If the records contradict the base, those that seem to fit are read wrong, too.
        wrong_base = counting.contradicted and number in (0, options)
        reason = f"{met}; {by}it must be from {start} to {start + options - (base is not None)}"
        raise BadRecord(reason, f"Set {BASES}, or fix the record.", is_config_error=wrong_base)
    return raw.options[number - base][0]


def _gold_by_text(text: str | None, raw: RawQuestion, names: list[str], options: list[str]) -> int:
    if not text:
        _refuse_several(raw.answer_text, names)
        raise BadRecord(
            "has no gold answer: neither a letter or number (answer_idx, label, cop) nor a text (answer); "
            "data.columns.answer=NAME names another column"
        )
    meant = [index for index in range(len(options)) if text == options[index] or text.upper() == names[index]]
    if not meant and (name := _name_in(text, raw, names, options)) is not None:
        return names.index(name)
    if not meant:
        _refuse_several(text, names)
        reason = f"the gold answer {short_repr(text)} is none of its options {short_repr(options)}"
        raise BadRecord(reason, about=GOLD)
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
