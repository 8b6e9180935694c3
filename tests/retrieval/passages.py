"""Corpora of a few texts."""

from collections.abc import Mapping, Sequence

from medqa_sweeps.retrieval.chunks import Passage, passage_id
from medqa_sweeps.retrieval.corpus import Corpus, corpus_of
from medqa_sweeps.retrieval.documents import Place


def passage(text: str, title: str = "", file: str = "notes.txt") -> Passage:
    return Passage(passage_id(title, text), file, Place("line", 1), title, text)


def corpus_with(texts: Sequence[str] | Mapping[str, str]) -> Corpus:
    """A corpus of texts, or of texts by their titles."""
    titled = texts.items() if isinstance(texts, Mapping) else (("", text) for text in texts)
    return corpus_of(passage(text, title) for title, text in titled)


def texts_of(corpus: Corpus, ids: Sequence[str]) -> list[str]:
    return [corpus.by_id[name].text for name in ids]
