"""A corpus: the passages of some files in one order, each once, with a fingerprint of all of them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from medqa_sweeps.config import short_hash
from medqa_sweeps.retrieval.chunks import Chunking, Passage, passages_of
from medqa_sweeps.retrieval.documents import OnBadFile, read_documents


@dataclass(frozen=True)
class Corpus:
    """Passages in the order of their ids, so that neither the order nor the place of files decides anything."""

    passages: tuple[Passage, ...]
    repeated: int = 0  # passages left out, as another one has the same text

    @cached_property
    def fingerprint(self) -> str:
        """12 hex digits of the ids, which are hashes of titles and texts."""
        return short_hash([passage.id for passage in self.passages])

    @cached_property
    def by_id(self) -> dict[str, Passage]:
        return {passage.id: passage for passage in self.passages}

    def without(self, ids: Iterable[str]) -> "Corpus":
        """The corpus without some of its passages."""
        left_out = set(ids)
        return replace(self, passages=tuple(one for one in self.passages if one.id not in left_out))


@dataclass(frozen=True)
class ReadCorpus:
    """A corpus with what was met while its files were read."""

    corpus: Corpus
    files: int  # that were read
    documents: int  # text files, pages of PDFs and records of JSON lines
    left_out: Counter[str] = field(default_factory=Counter)  # by reason
    refused: list[str] = field(default_factory=list)  # a sentence for each file that cannot be read


def corpus_of(passages: Iterable[Passage]) -> Corpus:
    """The passages in the order of their ids. Of several with the same text, up to white space, the first one stays."""
    first: dict[str, Passage] = {}
    repeated = 0
    for passage in passages:
        key = " ".join(passage.text.split())
        repeated += key in first
        first[key] = min(first.get(key, passage), passage, key=_order)
    return Corpus(tuple(sorted(first.values(), key=_order)), repeated)


def read_corpus(sources: Sequence[str], chunking: Chunking, on_bad_file: OnBadFile = "stop") -> ReadCorpus:
    """The corpus of files, globs, folders and bundled files.

    Raises:
        DataError: as `read_documents`.
        ConfigError: if no bundled file has that name, or no cache folder is writable.
    """
    read = read_documents(sources, on_bad_file)
    corpus = corpus_of(passage for document in read.documents for passage in passages_of(document, chunking))
    return ReadCorpus(corpus, read.files, len(read.documents), read.left_out, read.refused)


def _order(passage: Passage) -> tuple[str, str, int]:
    return passage.id, passage.document, passage.place.number
