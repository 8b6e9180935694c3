"""Finds options that depend on their order: they name letters, refer to options above, or are also in the question.

Training permutes the options, after which "Both A and B" means other options. On the development questions of MedQA and
MedMCQA the rules find 0 of 1,272 US, 79 of 3,425 Mainland and 231 of 4,183 MedMCQA questions.
"""

import re
from collections.abc import Sequence
from string import ascii_uppercase

_QUANTITY = r"(?:(?:can|may) be )?(?:all|any|both|either|neither|none|some|two)"
_ABOVE = re.compile(
    rf"(?i:{_QUANTITY}(?: of)?(?: the)?(?: options?| choices?| answers?)? (?:above|below)(?: (?:is|are) \w+)?)\.?"
    r"|(?:以上|以下|上述)(?:各项|各項|选项|選項|答案|所有)?[都皆均全]\w{0,5}"
)
_LINK = r"(?:\s*(?:[,;&+/、，和与與及或]|(?i:\band\b|\bor\b|\bnor\b|\bbut not\b)))+\s*"
_BEFORE = r"(?i:(?:both|all|either|neither|only|options?|choices?|answers?|of|the|but|except|not)\s+)*"
_LETTERS = re.compile(rf"{_BEFORE}\(?[A-J]\)?(?:{_LINK}\(?[A-J]\)?)*(?i:\s+only|\s+are correct)?\.?")
_HEADING = r"(?i:(?:answer )?(?:choices|options):?\s*)?"


def order_matters(question: str, options: Sequence[str]) -> str | None:
    """Why the options depend on their order, as a phrase; None: they do not."""
    if any(_ABOVE.fullmatch(option) for option in options):
        return "options refer to those above"
    if any(_names_others(index, options) for index in range(len(options))):
        return "options name the letters of others"
    if all(option in question for option in options) and _copy_of(options).search(question):
        return "options stand in the question too"
    return None


def without_copy(question: str, options: Sequence[str]) -> str:
    """The question without a lettered copy of all its options; unchanged if there is none, or nothing but the copy."""
    return _copy_of(options).sub("", question).strip() or question


def _names_others(index: int, options: Sequence[str]) -> bool:
    """Whether the option at `index` consists of the letters of other options, which have a text of their own.

    Options such as "A only, B only, A and B" name themselves: their letters refer to items in the question.
    """
    letters = _letters_in(options[index])
    named = [ascii_uppercase.index(letter) for letter in letters]
    if not named or options[index].strip(".()") in letters or index in named or max(named) >= len(options):
        return False
    return not any(_letters_in(options[other]) for other in named)


def _letters_in(option: str) -> list[str]:
    """The letters of an option that consists only of letters and linking words; none for any other option."""
    return re.findall(r"\b[A-J]\b", option) if _LETTERS.fullmatch(option) else []


def _copy_of(options: Sequence[str]) -> re.Pattern[str]:
    """Matches all options in order, each after its letter: "(A) … (B) …", "A. … B. …"."""
    pairs = zip(ascii_uppercase, options, strict=False)
    lettered = (rf"\(?{letter}[).:]\s*{re.escape(text)}" for letter, text in pairs)
    return re.compile(_HEADING + r"[\s;,.]*".join(lettered))
