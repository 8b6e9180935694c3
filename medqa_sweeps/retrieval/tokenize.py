"""Splits text into search terms: words in lower case, numbers, and pairs of characters where a script has no spaces.

Unlike common tokenizers, which drop words of one letter, it keeps the 5 of "5 mg/dL", the K of "vitamin K" and the T
of "T cell". Chinese, Japanese and Korean are split into overlapping pairs of characters: as one word, a phrase would
only match itself.
"""

import re
import unicodedata

# Of Lucene's English list, and pronouns and auxiliaries of vignettes.
STOP_WORDS = frozenset(
    (
        *("a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no"),
        *("not", "of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this"),
        *("to", "was", "will", "with", "from", "had", "has", "have", "he", "her", "his", "i", "its", "she"),
        *("were", "what", "when", "which", "who"),
    )
)
_CJK = "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_TERM = re.compile(
    rf"[{_CJK}]+"
    r"|\d+(?:[.,]\d+)*"  # 7.35 and 1,000 are one number; 5mg is 5 and mg
    rf"|[^\W\d_{_CJK}](?:[^\W_{_CJK}])*"  # b12, hba1c
)
_IS_CJK = re.compile(rf"[{_CJK}]")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_POSSESSIVE = re.compile(r"['’]s\b")
RULE = [
    1,
    sorted(STOP_WORDS),
    _TERM.pattern,
]  # part of the key of rankings; the number changes with what this file does


def terms(text: str, stem: bool = False) -> list[str]:
    """The search terms of a text, in order and with repeats, without stop words.

    Args:
        stem: whether English plurals count as their singular.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)  # full-width digits, ligatures, letters with separate accents
    found: list[str] = []
    for term in _TERM.findall(_POSSESSIVE.sub("", text.lower())):
        if term in STOP_WORDS:
            continue
        if term.isascii():
            found.append(_ascii_term(term, stem))
        elif _IS_CJK.match(term):
            found += [term[at : at + 2] for at in range(max(1, len(term) - 1))]
        else:
            found.append(term)
    return found


def _ascii_term(term: str, stem: bool) -> str:
    if "," in term and _THOUSANDS.fullmatch(term):
        return term.replace(",", "")
    return _singular(term) if stem else term


def _singular(word: str) -> str:
    """Harman's S stemmer (1991): the first rule whose ending fits decides."""
    if word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    if word.endswith("es") and not word.endswith(("aes", "ees", "oes")):
        return word[:-1]
    if word.endswith("s") and not word.endswith(("us", "ss")):
        return word[:-1]
    return word
