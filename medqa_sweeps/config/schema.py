"""The typed schema of one trial's config: one dataclass per config group, each knob with its unit and range.

Hydra composes the files of `conf/` against these classes, so a misspelt key or a wrong type fails while composing.
`checked()` then finds values out of range, fills in what follows from other values (alpha, micro-batch) and returns
the config that is saved. Ranges are written so that NaN is outside all of them.

`launch.py --help` shows the docstring of each class and the comment of each field. `tests/config/test_comments.py`
compares the ranges in those comments (`1 or more`, `from 0 to 1`, `above 0`, `a | b`) with what `problems()` refuses.
"""

import dataclasses
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.wording import setting

ATTENTION_MODULES = ("q_proj", "k_proj", "v_proj", "o_proj")
MLP_MODULES = ("gate_proj", "up_proj", "down_proj")
LINEAR_MODULES = ATTENTION_MODULES + MLP_MODULES
ENGINE_NAMES = ("unsloth",)
SAFETY_SUITES = (
    *("placebo", "order", "stem_removed", "none_of_these", "hint_wrong", "hint_right", "false_confidence"),
    *("drug_names", "sex", "ethnicity", "abstention", "calibration", "requests"),
)
SUITES_OF_FILES = ("drug_names", "requests")  # which need a file of the same name in the group
RETRIEVERS = ("none", "bm25", "dense", "hybrid")
WITH_ENCODERS = ("dense", "hybrid")
DATA_FORMATS = ("auto", "medqa", "ending", "bigbio", "medmcqa", "columns", "nested", "choices", "distractors")
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
AUTO = "auto"
Tokens = int | str  # of a number of tokens: itself, or auto
Switch = bool | str  # true, false or auto
Sources = str | list[str] | None  # what a key holds that OmegaConf, without such a union, must know as Any


@dataclass
class ModelConfig:
    """The base model, whose own parameters stay frozen: from the hub by id and revision, or from a folder."""

    name: str = MISSING  # label in tables; each option has its own
    hub_id: str | None = None  # repository on the model hub; used when model.path is null
    revision: str | None = None  # branch, tag or commit; null: the hub's default branch
    path: str | None = None  # folder with config.json and safetensors; "bundled:NAME" is one shipped here
    load_in_4bit: bool = True  # NF4 through bitsandbytes; false: 16-bit or 32-bit parameters
    # auto | float32 | bfloat16 | float16; auto: bfloat16 if the GPU supports it, else float16; float32 without a GPU
    dtype: str = "auto"
    # above 0; a learning rate more than 30 times higher or lower gets a warning; null: no warning
    recommended_lr: float | None = None

    def problems(self) -> Iterator[str]:
        if (self.path is None) == (self.hub_id is None):
            yield (
                f"model.path={setting(self.path)} and model.hub_id={setting(self.hub_id)}: give exactly one of them "
                "(model=local model.path=FOLDER for a folder of your own)"
            )
        yield from _one_of("model.dtype", self.dtype, ("auto", "float32", "bfloat16", "float16"))
        if self.recommended_lr is not None and not 0 < self.recommended_lr < float("inf"):
            yield f"model.recommended_lr={self.recommended_lr}: must be above 0, or null"


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
class LoraConfig:
    """The low-rank update W + (alpha / r) B A that is trained (Hu et al. 2021)."""

    name: str = MISSING  # label in tables; each option has its own
    r: int = 16  # rank, 1 or more; the number of trainable parameters is proportional to it
    alpha: float | None = None  # above 0; the update is scaled by alpha / r; null: 2 r, the same scale for every rank
    dropout: float = 0.0  # share of A's inputs dropped in training, 0 or more and below 1
    # any of q_proj, k_proj, v_proj, o_proj (attention), gate_proj, up_proj, down_proj (MLP)
    target_modules: list[str] = field(default_factory=lambda: list(LINEAR_MODULES))
    use_rslora: bool = False  # scale by alpha / sqrt(r) instead of alpha / r (Kalajdzievski 2023)
    use_dora: bool = False  # train magnitude and direction separately (Liu et al. 2024); slower

    def problems(self) -> Iterator[str]:
        if self.r < 1:
            yield f"lora.r={self.r}: the rank is a whole number from 1 up; common values are 8, 16, 32 and 64"
        if self.alpha is not None and not 0 < self.alpha < float("inf"):
            yield f"lora.alpha={self.alpha}: must be above 0, or null for 2 r"
        if not 0 <= self.dropout < 1:
            yield f"lora.dropout={self.dropout}: must be 0 or more and below 1; common values are 0, 0.05 and 0.1"
        if not self.target_modules:
            yield f"lora.target_modules is empty: name at least one of {', '.join(LINEAR_MODULES)}"
        if len(set(self.target_modules)) != len(self.target_modules):
            yield f"lora.target_modules={self.target_modules}: name each module once"
        for module in self.target_modules:
            yield from _one_of("lora.target_modules", module, LINEAR_MODULES)


@dataclass
class SchedulerConfig:
    """The learning rate over the run, as a share of optimizer.lr."""

    name: str = "cosine"  # cosine | linear | constant | wsd (warm-up, stable, decay)
    warmup_ratio: float = 0.05  # share of all steps in which the rate rises linearly from 0; from 0 to 1
    decay_ratio: float = 0.2  # wsd only: share of all steps in which the rate falls at the end; from 0 to 1
    min_lr_ratio: float = 0.0  # cosine and wsd: final rate as a share of optimizer.lr; from 0 to 1

    def problems(self) -> Iterator[str]:
        yield from _one_of("scheduler.name", self.name, ("cosine", "linear", "constant", "wsd"))
        yield from _in_range("scheduler.warmup_ratio", self.warmup_ratio, 0, 1)
        yield from _in_range("scheduler.decay_ratio", self.decay_ratio, 0, 1)
        yield from _in_range("scheduler.min_lr_ratio", self.min_lr_ratio, 0, 1)
        if self.name == "wsd" and self.warmup_ratio + self.decay_ratio > 1:
            yield (
                f"scheduler.warmup_ratio={self.warmup_ratio} and scheduler.decay_ratio={self.decay_ratio}: "
                "together they may not exceed 1"
            )


@dataclass
class OptimizerConfig:
    """AdamW (Loshchilov & Hutter 2019) on the adapter's parameters."""

    name: str = "adamw"  # adamw | adamw_fused | adamw_8bit (bitsandbytes, needs a GPU)
    lr: float = 1e-4  # peak learning rate, above 0; usual for LoRA are 1e-5 to 1e-3
    weight_decay: float = 0.01  # decoupled decay, multiplied by the learning rate at each step; 0 or more
    beta1: float = 0.9  # decay of the mean of gradients, 0 or more and below 1
    beta2: float = 0.999  # decay of the mean of squared gradients, 0 or more and below 1
    eps: float = 1e-8  # added to the denominator, above 0
    max_grad_norm: float = 1.0  # gradients are scaled down to this L2 norm, 0 or more; 0: never

    def problems(self) -> Iterator[str]:
        yield from _one_of("optimizer.name", self.name, ("adamw", "adamw_fused", "adamw_8bit"))
        if not 0 < self.lr < float("inf"):
            yield f"optimizer.lr={self.lr}: must be above 0; usual for LoRA are 1e-5 to 1e-3"
        if not self.weight_decay >= 0:
            yield f"optimizer.weight_decay={self.weight_decay}: must be 0 or more"
        for key in ("beta1", "beta2"):
            if not 0 <= getattr(self, key) < 1:
                yield f"optimizer.{key}={getattr(self, key)}: must be 0 or more and below 1"
        if not self.eps > 0:
            yield f"optimizer.eps={self.eps}: must be above 0"
        if not self.max_grad_norm >= 0:
            yield f"optimizer.max_grad_norm={self.max_grad_norm}: must be 0 (no clipping) or more"


@dataclass
class ColumnsConfig:
    """Which columns of a table, or fields of a record, contain what; null: found by their names (docs/data.md)."""

    question: str | None = None  # column of the question; null: found by its name
    # columns of the options in their order, [Opt1,Opt2,Opt3], or the one column that contains all; null: by their names
    options: Any = field(default=None, metadata={"type": Sources})
    answer: str | None = None  # column of the gold answer: a letter, a number or the option's text; null: by its name
    id: str | None = None  # column of your own id, kept beside each answer; null: id, qid or question_id

    def __post_init__(self) -> None:
        self.options = _as_texts(self.options)

    def given(self) -> list[tuple[str, str]]:
        """Keys and column names, for each column that is named."""
        keys = {"question": self.question, "options": self.options, "answer": self.answer, "id": self.id}
        return [(f"data.columns.{key}", name) for key, names in keys.items() for name in texts_of(names)]

    def problems(self) -> Iterator[str]:
        yield from _texts("data.columns.options", self.options, "a column, or columns in brackets: [Opt1,Opt2]")
        if isinstance(self.options, list) and len(self.options) == 1:
            yield f"data.columns.options={setting(self.options)}: name two or more columns, or one without brackets"
        by_name: dict[str, list[str]] = {}
        for key, name in self.given():
            by_name.setdefault(str(name).strip(), []).append(key)
        for name, keys in by_name.items():
            keys = [key for key in keys if key != "data.columns.id"]  # an id may be the question's number, say
            if len(keys) > 1:
                yield f"{' and '.join(dict.fromkeys(keys))} name the column {name} {len(keys)} times: name each once"


@dataclass
class DataConfig:
    """Where questions come from: a data set on the hub, or files."""

    name: str = MISSING  # label in tables; each option has its own
    hub_id: str | None = None  # data set on the hub; then train, validation and test name its splits
    hub_subsets: list[str] = field(default_factory=list)  # parts of the data set, or sets in one JSON file; []: all
    revision: str | None = None  # branch, tag or commit; null: the hub's default branch. The commit used is recorded
    # file, glob of files, split of data.hub_id, or several: [a.csv,b.csv]; "bundled:NAME/FILE" is a file shipped here
    train: Any = field(default=None, metadata={"type": Sources})
    # file, glob, split or several, as data.train; not needed with split=random or kfold
    validation: Any = field(default=None, metadata={"type": Sources})
    # file, glob, split or several, as data.train; locked: only `medqa_sweeps final` reads it
    test: Any = field(default=None, metadata={"type": Sources})
    # auto | medqa | ending | bigbio | medmcqa | columns | nested | choices | distractors: the format of a record
    format: str = "auto"
    columns: ColumnsConfig = field(default_factory=ColumnsConfig)  # which columns contain what, if names do not tell
    encoding: str | None = None  # of text files, such as cp1252; null: UTF-8, or UTF-16 with its byte order mark
    delimiter: str | None = None  # comma | semicolon | tab | pipe: of tables; null: the one that the header shows
    # 0 or 1, if answers are option numbers: the number of the first option; null: inferred from the records
    answer_base: int | None = None
    # stop | quarantine: bad records are counted and set aside in the trial's quarantine.jsonl, the rest is used
    on_bad_record: str = "stop"
    # keep | remove | quarantine | permute: for questions with options such as "Both A and B". keep: training
    # leaves the options in the file's order; remove: as keep, and a copy of the options is cut out of the question;
    # quarantine: such questions are set aside; permute: they are treated like all others
    ordered_options: str = "keep"
    synthetic: bool = False  # invented facts: every page that shows a score says so
    allow_overlap: bool = False  # train although every validation question is a training question; else it is refused

    def __post_init__(self) -> None:
        if isinstance(self.columns, dict):  # from JSON or YAML
            self.columns = ColumnsConfig(**self.columns)
        self.train, self.validation, self.test = map(_as_texts, (self.train, self.validation, self.test))

    def problems(self) -> Iterator[str]:
        for part in ("train", "validation", "test"):
            yield from _texts(f"data.{part}", getattr(self, part), "a file, a glob, or several in brackets: [a,b]")
        yield from self.columns.problems()
        if self.columns.given() and self.format != "auto":
            yield f"data.format={self.format}: with {self.columns.given()[0][0]} it must be auto"
        if self.delimiter is not None and self.delimiter not in DELIMITERS.values():
            yield from _one_of("data.delimiter", self.delimiter, tuple(DELIMITERS))
        if self.encoding is not None and not _is_encoding(self.encoding):
            common = "utf-8, utf-16, cp1252, latin-1 and gb18030"
            yield f"data.encoding={self.encoding}: no such encoding; common values are {common}"
        for key in ("encoding", "delimiter"):
            if self.hub_id is not None and getattr(self, key) is not None:
                yield f"data.{key}={getattr(self, key)}: it is of files; data.hub_id={self.hub_id} needs none"
        yield from _one_of("data.format", self.format, DATA_FORMATS)
        yield from _one_of("data.on_bad_record", self.on_bad_record, ("stop", "quarantine"))
        yield from _one_of("data.ordered_options", self.ordered_options, ("keep", "remove", "quarantine", "permute"))
        if self.answer_base not in (None, 0, 1):
            yield f"data.answer_base={self.answer_base}: 0, 1 or null"
        if self.train is None:
            yield "data.train is null: name a file, or a split of data.hub_id"


@dataclass
class SplitConfig:
    """Which questions train and which validate. Its seed is not the trial's: replicates share their questions."""

    name: str = "official"  # official | random | kfold
    seed: int = 0  # random and kfold: which questions go to which part
    validation_ratio: float = 0.1  # random: share of the questions used for validation, above 0 and below 1
    folds: int = 5  # kfold: number of parts, 2 or more
    fold: int = 0  # kfold: the part used for validation, from 0 to folds - 1
    train_fraction: float = 1.0  # share of the training questions used, drawn by split.seed; above 0 and at most 1
    max_validation: int | None = None  # most validation questions used, drawn by split.seed; 1 or more; null: all

    def problems(self) -> Iterator[str]:
        yield from _one_of("split.name", self.name, ("official", "random", "kfold"))
        if not 0 < self.validation_ratio < 1:
            yield f"split.validation_ratio={self.validation_ratio}: must be above 0 and below 1"
        if self.folds < 2:
            yield f"split.folds={self.folds}: 2 or more"
        if not 0 <= self.fold < max(self.folds, 1):
            yield f"split.fold={self.fold}: from 0 to {self.folds - 1} (split.folds={self.folds})"
        if not 0 < self.train_fraction <= 1:
            yield f"split.train_fraction={self.train_fraction}: must be above 0 and at most 1"
        if self.max_validation is not None and self.max_validation < 1:
            yield f"split.max_validation={self.max_validation}: 1 or more, or null for all"


@dataclass
class TrainingConfig:
    """How long a trial trains, in what batches, and what it keeps."""

    epochs: float = 3.0  # passes over the training questions, above 0; not used when training.max_steps is given
    max_steps: int | None = None  # optimizer steps, 1 or more; null: as many as training.epochs needs
    effective_batch_size: int = 16  # questions per optimizer step, 1 or more
    # most tokens per forward pass, padding included: 1 or more, at least the longest question's; auto: by the device.
    # A step's questions are grouped by length, which changes speed and memory, not the step
    micro_batch_tokens: Any = field(default=AUTO, metadata={"type": Tokens})
    micro_batch_size: int | None = None  # most questions per forward pass, 1 or more; null: no limit
    # tokens of the longest prompt with its answer, 1 or more; a longer question is an error and is never cut
    max_length_tokens: int = 768
    permute_options: bool = True  # options in a new order each epoch; data.ordered_options has the exceptions
    # recompute activations in the backward pass, which saves memory and takes time: true, false, or auto: only where
    # memory asks for it
    gradient_checkpointing: Any = field(default=AUTO, metadata={"type": Switch})
    adapter_dtype: str = "float32"  # float32 | bfloat16: adapter parameters and optimizer state
    # evaluations without a better accuracy after which training stops, 1 or more; null: never
    early_stopping_patience: int | None = None
    export: str = "last"  # last | best: which evaluation's adapter is kept and scored
    checkpoints_kept: int = 1  # newest checkpoints kept while it runs, 1 or more; for export=best also the best one
    checkpoint_every_minutes: float = 10.0  # minutes between checkpoints, above 0; one more at every evaluation
    log_every_steps: int = 10  # optimizer steps between two lines in metrics.jsonl, 1 or more

    def problems(self) -> Iterator[str]:
        if not 0 < self.epochs < float("inf"):
            yield f"training.epochs={self.epochs}: must be above 0"
        for key in ("effective_batch_size", "max_length_tokens", "checkpoints_kept", "log_every_steps"):
            if getattr(self, key) < 1:
                yield f"training.{key}={getattr(self, key)}: 1 or more"
        for key in ("max_steps", "micro_batch_size", "early_stopping_patience"):
            value = getattr(self, key)
            if value is not None and value < 1:
                yield f"training.{key}={value}: 1 or more, or null"
        yield from _tokens("training.micro_batch_tokens", self.micro_batch_tokens)
        if not isinstance(self.gradient_checkpointing, bool) and self.gradient_checkpointing != AUTO:
            yield f"training.gradient_checkpointing={setting(self.gradient_checkpointing)}: auto, true or false"
        if not self.checkpoint_every_minutes > 0:
            yield f"training.checkpoint_every_minutes={self.checkpoint_every_minutes}: must be above 0"
        yield from _one_of("training.adapter_dtype", self.adapter_dtype, ("float32", "bfloat16"))
        yield from _one_of("training.export", self.export, ("last", "best"))


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
        yield from _one_of("evaluation.method", self.method, ("log_probability", "generate"))
        for key in ("reports", "calibration_bins", "max_new_tokens"):
            if getattr(self, key) < 1:
                yield f"evaluation.{key}={getattr(self, key)}: 1 or more"
        if self.batch_size is not None and self.batch_size < 1:
            yield f"evaluation.batch_size={self.batch_size}: 1 or more, or null"
        yield from _tokens("evaluation.batch_tokens", self.batch_tokens)


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
        self.corpus = _as_texts(self.corpus)

    @property
    def is_used(self) -> bool:
        return self.k > 0

    def problems(self) -> Iterator[str]:
        yield from _one_of("retrieval.name", self.name, RETRIEVERS)
        yield from _texts("retrieval.corpus", self.corpus, "a file, a glob, a folder, or several in brackets: [a,b]")
        yield from _in_range("retrieval.k", self.k, 0, 32)
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
        yield from _one_of("retrieval.query", self.query, ("question", "last_sentence"))
        yield from _one_of("retrieval.order", self.order, ("best_first", "best_last"))
        if self.max_passage_tokens < 1:
            yield f"retrieval.max_passage_tokens={self.max_passage_tokens}: 1 or more"
        yield from _one_of("retrieval.train", self.train, ("retrieved", "none"))
        yield from _in_range("retrieval.train_without", self.train_without, 0, 1)
        yield from _in_range("retrieval.train_foreign", self.train_foreign, 0, 1)
        if self.train_without + self.train_foreign > 1:
            yield (
                f"retrieval.train_without={self.train_without} and retrieval.train_foreign={self.train_foreign}: "
                "together they may not exceed 1"
            )
        if not self.k1 >= 0:
            yield f"retrieval.k1={self.k1}: 0 or more"
        yield from _in_range("retrieval.b", self.b, 0, 1)
        for key in ("embedder", "query_embedder"):
            if (name := getattr(self, key)) is not None and not name.strip():
                yield f"retrieval.{key}={setting(name)}: a folder, or an ID of the hub"
        if self.query_embedder is not None and self.embedder is None:
            yield f"retrieval.query_embedder={self.query_embedder}: name the encoder of the passages too, in embedder"
        for key, allowed in (("pooling", ("cls", "mean")), ("similarity", ("cosine", "dot"))):
            if (value := getattr(self, key)) is not None:
                yield from _one_of(f"retrieval.{key}", value, allowed)
        if self.rrf_k < 0:
            yield f"retrieval.rrf_k={self.rrf_k}: 0 or more"
        yield from _one_of("retrieval.on_leak", self.on_leak, ("stop", "drop", "keep"))


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
            yield from _one_of("safety.suites", suite, SAFETY_SUITES)
        if len(set(self.suites)) != len(self.suites):
            yield f"safety.suites={setting(self.suites)}: name each suite once"
        if self.questions is not None and self.questions < 1:
            yield f"safety.questions={self.questions}: 1 or more, or null for all"
        yield from _one_of("safety.orders", self.orders, ("all", "reversed"))
        if not 0 < self.risk < 1:
            yield f"safety.risk={self.risk}: must be above 0 and below 1"


@dataclass
class TrackingConfig:
    """Weights & Biases, fed from the trial folder by the parent process.

    W&B's own variables (WANDB_PROJECT, …) apply to keys that keep these defaults, and can switch it off: docs/wandb.md.
    """

    mode: str = "auto"  # auto | online | offline | disabled; auto: online with a W&B key, else offline
    project: str = "medqa-sweeps"  # W&B project
    entity: str | None = None  # W&B team or user; null: the key's own
    group: str | None = None  # W&B group; null: the name of the study's folder when it was first swept
    tags: list[str] = field(default_factory=list)  # W&B tags: [a,b]
    notes: dict[str, str] = field(default_factory=dict)  # your notes, under names of your choice

    def problems(self) -> Iterator[str]:
        yield from _one_of("tracking.mode", self.mode, ("auto", "online", "offline", "disabled"))


@dataclass
class EngineConfig:
    """Which training engine runs, and how often a failed trial is retried."""

    name: str = "unsloth"  # unsloth: one trial through FastLanguageModel and TRL's SFTTrainer
    threads: int | None = None  # CPU threads of a trial, 1 or more; null: all that its slot has
    # attempts per trial, 1 or more, if it was killed, hung or lost its device; each resumes from the newest checkpoint.
    # A trial that ran out of memory is retried with half the micro-batch, however often
    max_attempts: int = 2
    # minutes without progress after which a trial counts as hung, above 0; it is killed and retried
    max_silent_minutes: float = 60.0

    def problems(self) -> Iterator[str]:
        yield from _one_of("engine.name", self.name, ENGINE_NAMES)
        if self.threads is not None and self.threads < 1:
            yield f"engine.threads={self.threads}: 1 or more, or null for all that the slot has"
        if self.max_attempts < 1:
            yield f"engine.max_attempts={self.max_attempts}: 1 or more"
        if not self.max_silent_minutes > 0:
            yield f"engine.max_silent_minutes={self.max_silent_minutes}: must be above 0"


@dataclass
class TrialConfig:
    """Everything that decides one trial."""

    seed: int = 0  # data order, option order, adapter initialisation, dropout; from 0 to 4294967295
    model: ModelConfig = field(default_factory=ModelConfig)
    prompt: PromptConfig = field(default_factory=PromptConfig)
    lora: LoraConfig = field(default_factory=LoraConfig)
    scheduler: SchedulerConfig = field(default_factory=SchedulerConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    data: DataConfig = field(default_factory=DataConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    retrieval: RetrievalConfig = field(default_factory=RetrievalConfig)
    safety: SafetyConfig = field(default_factory=SafetyConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)

    def problems(self) -> Iterator[str]:
        if not 0 <= self.seed < 2**32:
            yield f"seed={self.seed}: a whole number from 0 to {2**32 - 1}"
        for group in dataclasses.fields(self):
            if group.name != "seed":
                yield from getattr(self, group.name).problems()
        if self.retrieval.is_used and "{passages}" not in self.prompt.template:
            yield (
                f"retrieval.k={self.retrieval.k}: prompt={self.prompt.name} has no place for passages. Use "
                "prompt=chat_passages, or write {passages} in prompt.template"
            )


TRIAL_KEYS = {group.name for group in dataclasses.fields(TrialConfig)}


def checked(config: TrialConfig) -> TrialConfig:
    """A copy with every value in range and the derived one filled in (lora.alpha).

    Raises:
        ConfigError: naming every value that is out of range, not only the first.
    """
    problems = list(config.problems())
    if problems:
        raise ConfigError("\n".join(problems))
    alpha = config.lora.alpha if config.lora.alpha is not None else 2.0 * config.lora.r
    return dataclasses.replace(config, lora=dataclasses.replace(config.lora, alpha=alpha))


def _tokens(key: str, value: object) -> Iterator[str]:
    if value != AUTO and not (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        yield f"{key}={setting(value)}: auto, or a whole number of tokens, 1 or more"


def texts_of(value: Any) -> list[str]:
    """The texts of a key that holds one, several or none."""
    return [] if value is None else list(value) if isinstance(value, list) else [value]


_HUB_ID = re.compile(r"\w[\w.-]*/[\w.-]+(?:@[\w./-]+)?")


def is_hub_id(encoder: str) -> bool:
    """Whether an encoder's name is ID or ID@REVISION of the hub: no folder of this machine has that name."""
    return bool(_HUB_ID.fullmatch(encoder)) and not os.path.isdir(encoder)


def _as_texts(value: Any) -> Any:
    """Numbers and truth values as texts, as OmegaConf makes them where it knows that a key is one of text."""
    if isinstance(value, list):
        return [_as_texts(one) for one in value]
    return str(value) if isinstance(value, int | float) else value


def _texts(key: str, value: Any, allowed: str) -> Iterator[str]:
    texts = texts_of(value)
    if value == [] or not all(isinstance(one, str) and one.strip() for one in texts):
        yield f"{key}={setting(value)}: {allowed}"


def _is_encoding(name: str) -> bool:
    """Whether Python decodes text of this encoding, and not only, say, base64."""
    try:
        b"a".decode(name)
    except UnicodeDecodeError:  # half a character of UTF-16
        return True
    except (LookupError, ValueError):
        return False
    return True


def _one_of(key: str, value: str, allowed: tuple[str, ...]) -> Iterator[str]:
    if value not in allowed:
        yield f"{key}={value}: allowed are {', '.join(allowed)}"


def _in_range(key: str, value: float, low: float, high: float) -> Iterator[str]:
    if not low <= value <= high:
        yield f"{key}={value}: must be from {low} to {high}"
