"""Passages for a trial's questions: from the config's files to the text that stands in each prompt.

The ranking is made once for a study and kept in the shared cache; what a trial shows of it depends on the question's
text, the trial's seed and its config alone. A question's options never reach the search.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from medqa_sweeps.base import BaseModel
from medqa_sweeps.config import PromptConfig, RetrievalConfig, TrialConfig, short_hash, texts_of
from medqa_sweeps.data import Question
from medqa_sweeps.data.duplicates import QuestionHash, question_hash
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.prompt.tokenizer import FileTokenizer
from medqa_sweeps.randomness import draw
from medqa_sweeps.retrieval.chunks import Chunking
from medqa_sweeps.retrieval.corpus import Corpus, ReadCorpus, read_corpus
from medqa_sweeps.retrieval.leaks import Leaks, find_leaks, without_leaks
from medqa_sweeps.retrieval.ranking import Ranking, rank
from medqa_sweeps.retrieval.retriever import Retriever
from medqa_sweeps.retrieval.shown import CountTokens, Shower, ShownPassage, foreign_hits, foreign_questions
from medqa_sweeps.trial.retrievers import retriever_of

_DRAWN = 1 << 63  # `draw` is below it


@dataclass(frozen=True)
class Retrieved:
    """The passages of a trial's questions."""

    passages: Mapping[str, tuple[ShownPassage, ...]]  # by question id, in the order of the prompt
    foreign: Mapping[str, tuple[ShownPassage, ...]]  # another question's, as a control
    swapped: frozenset[str]  # training questions that are shown another question's
    hidden: frozenset[str]  # training questions that are shown none, though there may be some
    corpus: Corpus
    fingerprint: str  # 12 hex digits of what each question may be shown; the trial's seed is no part of it
    documents: int = 0
    dropped: int = 0  # passages left out because they give an answer away
    leaks: tuple[str, ...] = ()  # sentences on what was found
    cut: int = 0  # passages that are shown in part
    notes: Counter[str] = field(default_factory=Counter)  # what was left out while the files were read, by reason
    retriever: Mapping[str, Any] = field(default_factory=dict)  # what ranked them, as provenance holds it
    cut_by_encoder: Mapping[str, int] = field(default_factory=dict)  # passages, questions longer than an encoder reads

    def shown(self, question: Question, prompt: PromptConfig) -> Question:
        """The question with its passages as its prompt shows them."""
        if question.id in self.hidden:
            return question
        found = self.foreign if question.id in self.swapped else self.passages
        return with_texts(question, found.get(question.id, ()), prompt)

    def with_foreign(self, question: Question, prompt: PromptConfig) -> Question:
        """The question with another question's passages."""
        return with_texts(question, self.foreign.get(question.id, ()), prompt)


def with_texts(question: Question, passages: Iterable[ShownPassage], prompt: PromptConfig) -> Question:
    """The question with passages as the prompt writes them, numbered from 1."""
    texts = tuple(
        prompt.passage.replace("{number}", str(number)).replace("{title}", one.title).replace("{text}", one.text)
        for number, one in enumerate(passages, start=1)
    )
    return replace(question, passages=texts)


def retrieved(
    config: RetrievalConfig,
    prompt: PromptConfig,
    base: BaseModel,
    train: Sequence[Question],
    asked: Sequence[Question],
    seed: int,
    locked: Sequence[QuestionHash] = (),
) -> "Retrieved | None":
    """The passages of all questions; None if the config shows none.

    Args:
        asked: questions that the model is scored on.
        seed: the trial's, which draws the training questions that are shown none, or another question's.
        locked: hashes of further questions that must not stand in the corpus: the test questions.

    Raises:
        DataError: if a file cannot be read, the corpus holds no passage, or gives answers away and config.on_leak=stop.
        ConfigError: if there are fewer passages than config.k, the base has no tokenizer.json to count tokens with, or
            an encoder cannot be used.
    """
    if not config.is_used:
        return None
    retriever = retriever_of(config)  # first: an encoder that cannot be used is reported before anything is read
    read = _read(tuple(texts_of(config.corpus)), Chunking(config.chunk_chars, config.chunk_overlap))
    corpus, leaks = _without_leaks(read.corpus, config, asked, locked)
    _refuse_few(corpus, config)
    ranking = _ranking(config, retriever, corpus, train, asked)
    shower = Shower(corpus, _counter(base), config.max_passage_tokens)
    own, foreign = _shown(config, ranking, shower, [*train, *asked])
    hidden, swapped = _drawn(config, train, seed)
    found = Retrieved(
        passages=own,
        foreign=foreign,
        swapped=swapped,
        hidden=hidden,
        corpus=corpus,
        fingerprint="",
        documents=read.documents,
        dropped=len(read.corpus.passages) - len(corpus.passages),
        leaks=tuple(leaks.sentences()),
        cut=shower.cut_count(),
        notes=read.left_out,
        retriever={"name": config.name, **retriever.description()},
        cut_by_encoder=ranking.cut,
    )
    texts = [
        [one.id, with_texts(one, own[one.id], prompt).passages, found.with_foreign(one, prompt).passages]
        for one in (*train, *asked)
    ]
    drawn = [config.train, config.train_without, config.train_foreign]  # of which, the trial's seed decides
    return replace(found, fingerprint=short_hash([texts, drawn]))


def with_passages(config: TrialConfig, base: BaseModel, questions: Sequence[Question]) -> list[Question]:
    """Questions of another file as the trial's prompts show them.

    Raises:
        DataError, ConfigError: as `retrieved`.
    """
    found = retrieved(config.retrieval, config.prompt, base, (), questions, config.seed)
    return list(questions) if found is None else [found.shown(question, config.prompt) for question in questions]


def with_fewer(question: Question, k: int, order: str) -> Question:
    """The question with its best `k` passages alone."""
    kept = question.passages[:k] if order == "best_first" else question.passages[len(question.passages) - k :]
    return replace(question, passages=kept if k else ())


def _without_leaks(
    corpus: Corpus, config: RetrievalConfig, asked: Sequence[Question], locked: Sequence[QuestionHash]
) -> tuple[Corpus, Leaks]:
    hashes = [question_hash(question.question, question.options) for question in asked]
    leaks = find_leaks(corpus, [*hashes, *locked])
    return without_leaks(corpus, leaks, config.on_leak), leaks  # type: ignore[arg-type]


def _refuse_few(corpus: Corpus, config: RetrievalConfig) -> None:
    passages = len(corpus.passages)
    if config.k > passages:
        raise ConfigError(
            f"retrieval.k={config.k}: the corpus has {passages:,} passages. Set retrieval.k={passages} or less, name "
            "more files, or make passages shorter (retrieval.chunk_chars)."
        )


def _ranking(
    config: RetrievalConfig,
    retriever: Retriever,
    corpus: Corpus,
    train: Sequence[Question],
    asked: Sequence[Question],
) -> Ranking:
    texts = {question.id: question.question for question in (*train, *asked)}
    return rank(texts, corpus, retriever, config.query)  # type: ignore[arg-type]


def _shown(
    config: RetrievalConfig, ranking: Ranking, shower: Shower, questions: Sequence[Question]
) -> tuple[dict[str, tuple[ShownPassage, ...]], dict[str, tuple[ShownPassage, ...]]]:
    """The passages of each question, and another question's."""
    ids = [question.id for question in questions]
    own = {one: shower.show(ranking.top(one, config.k), config.order) for one in ids}  # type: ignore[arg-type]
    if len(set(ids)) < 2:
        return own, {}
    others = foreign_questions(ids)
    foreign = {
        one: shower.show(foreign_hits(ranking, one, others[one], config.k), config.order)  # type: ignore[arg-type]
        for one in ids
    }
    return own, foreign


def _drawn(config: RetrievalConfig, train: Sequence[Question], seed: int) -> tuple[frozenset[str], frozenset[str]]:
    """Training questions that are shown no passages, and those that are shown another question's."""
    if config.train == "none":
        return frozenset(question.id for question in train), frozenset()
    share = {question.id: draw(seed, "passages", question.id) / _DRAWN for question in train}
    hidden = frozenset(one for one, at in share.items() if at < config.train_without)
    swapped = {one for one, at in share.items() if config.train_without <= at}
    most = config.train_without + config.train_foreign
    return hidden, frozenset(one for one in swapped if share[one] < most)


def _counter(base: BaseModel) -> CountTokens:
    """Counts tokens as the base's tokenizer does, from its files alone."""
    if not {"tokenizer.json", "tokenizer_config.json"} <= base.files.keys():
        raise ConfigError(
            f"{base.label} has no tokenizer.json, so the tokens of a passage cannot be counted. Use another model, or "
            "save its tokenizer again with a newer transformers."
        )
    return _counter_of(base.folder, base.fingerprint)


@lru_cache(maxsize=2)  # a vocabulary is large
def _counter_of(folder: Path, fingerprint: str) -> CountTokens:
    tokenizer = FileTokenizer(folder)

    @lru_cache(maxsize=200_000)
    def count(text: str) -> int:
        return len(tokenizer(text, add_special_tokens=False)["input_ids"])

    return count


@lru_cache(maxsize=2)  # a sweep's trials share it
def _read(sources: tuple[str, ...], chunking: Chunking) -> ReadCorpus:
    return read_corpus(sources, chunking)
