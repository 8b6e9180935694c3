"""Writes a word in the case of the word that it replaces."""


def cased_as(word: str, model: str) -> str | None:
    """`word` in lower case, with a first capital, or in capitals, as `model` is; None if `model` mixes cases."""
    if model == model.lower():
        return word.lower()
    if model == model.upper() and len(model) > 1:
        return word.upper()
    return _titled(word) if model == _titled(model) else None


def _titled(text: str) -> str:
    return text[:1].upper() + text[1:].lower()
