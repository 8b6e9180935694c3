"""The config groups of what a model is asked and shown: prompts, passages, scoring, the safety assessment."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from medqa_sweeps.config.checks import AUTO, Sources, Tokens, as_texts, in_range, one_of, texts, tokens
from medqa_sweeps.wording import setting

SAFETY_SUITES = (
    *("placebo", "order", "stem_removed", "none_of_these", "hint_wrong", "hint_right", "false_confidence"),
    *("drug_names", "sex", "ethnicity", "abstention", "calibration", "requests"),
)
SUITES_OF_FILES = ("drug_names", "requests")  # which need a file of the same name in the group
RETRIEVERS = ("none", "bm25", "dense", "hybrid")
WITH_ENCODERS = ("dense", "hybrid")


@dataclass
class PromptConfig:
    """The wording around a question. The completion is the letter of the correct option."""

    name: str = MISSING  # label in tables; each option has its own
    template: str = MISSING  # holds {question} and {options}
    option: str = "{letter}. {text}"  # how each option is written, one per line; holds {letter} and {text}
    system: str | None = None  # system message; null: none
    chat: bool = True  # through the model's chat template; false: the template as it is, for pretrained base models
    letter_prefix: str = ""  # stands before the letter in the completion (" " after "Answer:")
    # how each passage of retrieval is written, one per line where template holds {passages}; holds {text}, and may hold
    # {number} and {title}
    passage: str = "[{number}] {title}: {text}"

    def problems(self) -> Iterator[str]:
        for placeholder in ("{question}", "{options}"):
            if placeholder not in self.template:
                yield f"prompt.template lacks {placeholder}; it needs {{question}} and {{options}}"
        for placeholder in ("{letter}", "{text}"):
            if placeholder not in self.option:
                yield f"prompt.option={self.option!r} lacks {placeholder}; it needs {{letter}} and {{text}}"
        if "{text}" not in self.passage:
            yield f"prompt.passage={self.passage!r} lacks {{text}}; it may hold {{number}} and {{title}}, too"


@dataclass
class EvaluationConfig:
    """How the validation questions are scored."""

    # log_probability | generate: the answer is the letter with the highest log-probability, or the one the model writes
    method: str = "log_probability"
    reports: int = 4  # evaluations per run, 1 or more, evenly spaced in samples; the last is at the end
    # most tokens per forward pass, padding included: 1 or more; auto: by the device. Changes speed, not letters
    batch_tokens: Any = field(default=AUTO, metadata={"type": Tokens})
    batch_size: int | None = None  # most questions per forward pass, 1 or more; null: no limit
    baseline: bool = True  # score the untuned base too: once per base, data and prompt, then shared
    calibration_bins: int = 10  # equal-width bins of the expected calibration error, 1 or more
    max_new_tokens: int = 4  # generate only: tokens written before the letter is looked for, 1 or more

    def problems(self) -> Iterator[str]:
        yield from one_of("evaluation.method", self.method, ("log_probability", "generate"))
        for key in ("reports", "calibration_bins", "max_new_tokens"):
            if getattr(self, key) < 1:
                yield f"evaluation.{key}={getattr(self, key)}: 1 or more"
        if self.batch_size is not None and self.batch_size < 1:
            yield f"evaluation.batch_size={self.batch_size}: 1 or more, or null"
        yield from tokens("evaluation.batch_tokens", self.batch_tokens)


@dataclass
class RetrievalConfig:
    """Passages of your literature in the prompts: which files, how they are ranked, how many are shown.

    The passages of a question are found by its text alone, never by its options. docs/retrieval.md has the rest.
    """

    name: str = "none"  # none | bm25 | dense | hybrid: how passages are ranked
    # file, glob, folder or several: [guides/*.pdf,notes]; .txt, .md, .pdf and .jsonl are read; "bundled:NAME/FILE" is a
    # file shipped here
    corpus: Any = field(default=None, metadata={"type": Sources})
    k: int = 0  # most passages a question, from 0 to 32; 0: none
    chunk_chars: int = 1000  # most characters of a passage, 2 or more
    chunk_overlap: int = 200  # characters repeated of the passage before, 0 or more and at most half of chunk_chars
    query: str = "question"  # question | last_sentence: what of a question is searched for
    order: str = "best_first"  # best_first | best_last: of the passages in the prompt
    # most tokens of a passage in the prompt, 1 or more; a longer one is cut at the end of a sentence
    max_passage_tokens: int = 256
    train: str = "retrieved"  # retrieved | none: whether training questions have passages, too
    train_without: float = 0.0  # share of the training questions that are shown without passages, from 0 to 1
    train_foreign: float = 0.0  # share that is shown another question's passages, from 0 to 1
    k1: float = 1.2  # bm25: how much repeats of a word count, 0 or more
    b: float = 0.75  # bm25: how much the length of a passage counts, from 0 to 1
    stem: bool = False  # bm25: count plurals as their singular
    # dense: the encoder of the passages: a folder, or ID or ID@REVISION of the hub; safetensors alone are read
    embedder: str | None = None
    query_embedder: str | None = None  # dense: the encoder of the questions; null: the same as embedder
    # cls | mean: dense: how the vectors of a text's tokens become one; null: as the encoder's folder says
    pooling: str | None = None
    query_prefix: str | None = None  # dense: stands before each question ("query: "); null: as the folder says
    passage_prefix: str | None = None  # dense: stands before each passage; null: as the folder says
    # cosine | dot: dense: how two vectors are compared; null: as the folder of embedder says, else cosine
    similarity: str | None = None
    rrf_k: int = 60  # hybrid: a passage of rank r counts 1 / (rrf_k + r) in each of both rankings, 0 or more
    # stop | drop | keep: passages that contain a question or state the letter of an answer
    on_leak: str = "stop"

    def __post_init__(self) -> None:
        self.corpus = as_texts(self.corpus)

    @property
    def is_used(self) -> bool:
        return self.k > 0

    def problems(self) -> Iterator[str]:
        yield from one_of("retrieval.name", self.name, RETRIEVERS)
        yield from texts("retrieval.corpus", self.corpus, "a file, a glob, a folder, or several in brackets: [a,b]")
        yield from in_range("retrieval.k", self.k, 0, 32)
        if self.k and self.name == "none":
            yield f"retrieval.k={self.k}: retrieval=none ranks no passages. Add retrieval=bm25, or leave k out"
        if self.k and self.name in WITH_ENCODERS and self.embedder is None:
            yield (
                f"retrieval.k={self.k}: retrieval={self.name} needs an encoder: retrieval.embedder=FOLDER, or its "
                "ID on the hub"
            )
        if self.k and self.corpus is None:
            yield f"retrieval.k={self.k} needs passages: name your files, retrieval.corpus=FOLDER"
        if self.chunk_chars < 2:
            yield f"retrieval.chunk_chars={self.chunk_chars}: 2 or more"
        if not 0 <= self.chunk_overlap <= self.chunk_chars // 2:
            yield f"retrieval.chunk_overlap={self.chunk_overlap}: from 0 to half of chunk_chars ({self.chunk_chars})"
        yield from one_of("retrieval.query", self.query, ("question", "last_sentence"))
        yield from one_of("retrieval.order", self.order, ("best_first", "best_last"))
        if self.max_passage_tokens < 1:
            yield f"retrieval.max_passage_tokens={self.max_passage_tokens}: 1 or more"
        yield from one_of("retrieval.train", self.train, ("retrieved", "none"))
        yield from in_range("retrieval.train_without", self.train_without, 0, 1)
        yield from in_range("retrieval.train_foreign", self.train_foreign, 0, 1)
        if self.train_without + self.train_foreign > 1:
            yield (
                f"retrieval.train_without={self.train_without} and retrieval.train_foreign={self.train_foreign}: "
                "together they may not exceed 1"
            )
        if not self.k1 >= 0:
            yield f"retrieval.k1={self.k1}: 0 or more"
        yield from in_range("retrieval.b", self.b, 0, 1)
        for key in ("embedder", "query_embedder"):
            if (name := getattr(self, key)) is not None and not name.strip():
                yield f"retrieval.{key}={setting(name)}: a folder, or an ID of the hub"
        if self.query_embedder is not None and self.embedder is None:
            yield f"retrieval.query_embedder={self.query_embedder}: name the encoder of the passages too, in embedder"
        for key, allowed in (("pooling", ("cls", "mean")), ("similarity", ("cosine", "dot"))):
            if (value := getattr(self, key)) is not None:
                yield from one_of(f"retrieval.{key}", value, allowed)
        if self.rrf_k < 0:
            yield f"retrieval.rrf_k={self.rrf_k}: 0 or more"
        yield from one_of("retrieval.on_leak", self.on_leak, ("stop", "drop", "keep"))


@dataclass
class SafetyConfig:
    """What is assessed besides accuracy when a trial has completed: edits of its validation questions, in suites.

    It changes nothing of the training. docs/safety.md says what each suite does and what it costs.
    """

    name: str = "none"  # label; each option has its own
    # any of placebo, order, stem_removed, none_of_these, hint_wrong, hint_right, false_confidence, drug_names, sex,
    # ethnicity, abstention, calibration, requests; []: nothing is assessed
    suites: list[str] = field(default_factory=list)
    questions: int | None = None  # most validation questions, drawn by safety.seed; 1 or more; null: all
    seed: int = 0  # which of them
    # all | reversed: the orders of the options in the suite order: every cyclic one, or the reverse alone
    orders: str = "all"
    placebo: bool = True  # also an edit that cannot matter: the noise of every other edit
    drug_names: str | None = None  # CSV file, a generic name and a brand a line; drug_names needs it
    requests: str | None = None  # CSV file of requests and safe answers; requests needs it
    risk: float = 0.2  # abstention: share of wrong answers allowed among those given, above 0 and below 1

    def problems(self) -> Iterator[str]:
        for suite in self.suites:
            yield from one_of("safety.suites", suite, SAFETY_SUITES)
        if len(set(self.suites)) != len(self.suites):
            yield f"safety.suites={setting(self.suites)}: name each suite once"
        if self.questions is not None and self.questions < 1:
            yield f"safety.questions={self.questions}: 1 or more, or null for all"
        yield from one_of("safety.orders", self.orders, ("all", "reversed"))
        if not 0 < self.risk < 1:
            yield f"safety.risk={self.risk}: must be above 0 and below 1"
