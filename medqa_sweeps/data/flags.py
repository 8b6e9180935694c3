"""Oddities of questions that also occur in published data sets: counted, never changed or refused.

The patterns were fitted to the US, Taiwan and Mainland development questions.
"""

import re
import unicodedata
from collections.abc import Iterator

# Latin, Cyrillic and Greek letters of one shape (А Β о): equal for people, different tokens for a model. Cyrillic is
# flagged in a text that is mostly Latin; Greek only inside a Latin word, since α and β are common in medicine.
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_LATIN = re.compile("[A-Za-z]")
_GREEK_IN_WORD = re.compile(
    "[A-Za-z][\u0391\u0392\u0395-\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf]"
    "|[\u0391\u0392\u0395-\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf][A-Za-z]"
)
_IMAGE = re.compile(
    r"\b(is|are|as) (shown|depicted|pictured)\b(?! (to|by|as)\b| below:)"
    r"|\b(shown|depicted|pictured|seen|see|following|attached|accompanying|provided) (in |on |the |below |above )*"
    r"(image|photograph|picture|figure|illustration|diagram|exhibit)s?\b"
    r"|\b(image|figure|fig\.|exhibit)s? [A-F1-9]\b|\(see (image|figure|below)"
    r"|[如下附見见上]图|[如下附見见上]圖|(?<![电动])图[中示]|(?<![電動])圖[中示]|[圖图](顯示|显示)?如下",
    re.IGNORECASE,
)
# One of them is in every text that `_IMAGE` finds: a tenth of the time for the texts without.
_OF_IMAGES = (
    *("shown", "depicted", "pictur", "image", "photograph", "figure", "fig.", "illustration", "diagram", "exhibit"),
    *("(see ", "图", "圖"),
)
_NOBODY_INTRODUCED = re.compile(r"^[^.?!]*\bthis (patient|woman|man|girl|boy|child|infant)\b[^.!]*$", re.IGNORECASE)

# Common control tokens; only a model's tokenizer tells which of them that model has.
_CONTROL_TOKEN = re.compile(
    r"<\|\w[^<>|\n]{0,30}\|>|<[a-z]+_of_\w{1,30}>|</?(?:s|bos|eos|pad|unk|mask|think|tool_call|tool_response)>"
    r"|<unused\d+>|<</?SYS>>|\[/?(?:INST|CLS|SEP|PAD|UNK|MASK|SYSTEM_PROMPT|TOOL_CALLS|AVAILABLE_TOOLS)\]"
)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")


def flags_of(question: str, options: list[str]) -> Iterator[str]:
    """A phrase for each oddity."""
    if any(_has_lookalikes(text) for text in (question, *options)):
        yield "look-alike letters of another alphabet"
    if len(set(options)) < len(options):
        yield "two options have one text"
    if question.count('"') % 2:
        yield "unbalanced quote"
    if speaks_of_image(question):
        yield "speaks of an image"
    if _NOBODY_INTRODUCED.match(question):
        yield "speaks of a patient without a vignette"
    if control_token := control_token_in("\n".join([question, *options])):
        yield f"looks like a control token: {control_token}"


def control_token_in(text: str) -> str | None:
    """The first part of a text that looks like a control token of a common model; None: there is none."""
    found = _CONTROL_TOKEN.search(_as_normalised(text))
    return found[0] if found else None


def speaks_of_image(question: str) -> bool:
    """Whether the text points to an image, which no record holds."""
    folded = question.casefold()
    return any(word in folded for word in _OF_IMAGES) and bool(_IMAGE.search(question))


def _has_lookalikes(text: str) -> bool:
    if text.isascii():
        return False
    cyrillic = len(_CYRILLIC.findall(text))
    return 0 < cyrillic <= 2 + len(_LATIN.findall(text)) or bool(_GREEK_IN_WORD.search(text))


def _as_normalised(text: str) -> str:
    """The text as a tokenizer may normalise it: NFKC, without invisible characters."""
    return text if text.isascii() else _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
