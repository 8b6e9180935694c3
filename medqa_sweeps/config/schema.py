"""The typed schema of one trial's config: a dataclass a config group, each knob with its unit and range.

Hydra composes the files of `conf/` against these classes, so a misspelt key or a wrong type fails while composing.
`checked()` then finds values out of range, fills in what follows from other values (alpha, micro-batch) and returns
the config that is saved. Ranges are written so that NaN is outside all of them.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field

from omegaconf import MISSING

from medqa_sweeps.errors import ConfigError

ATTENTION_MODULES = ("q_proj", "k_proj", "v_proj", "o_proj")
MLP_MODULES = ("gate_proj", "up_proj", "down_proj")
LINEAR_MODULES = ATTENTION_MODULES + MLP_MODULES
ENGINE_NAMES = ("unsloth",)
DATA_FORMATS = ("auto", "medqa", "ending", "bigbio", "medmcqa", "columns", "nested")


@dataclass
class ModelConfig:
    """The frozen base model: from the hub by id and revision, or from a folder."""

    name: str = MISSING
    hub_id: str | None = None  # repository on the model hub; used when `path` is null
    revision: str | None = None  # branch, tag or commit; null: the hub's default branch
    path: str | None = None  # folder with config.json and safetensors; "bundled:NAME" is one shipped here
    load_in_4bit: bool = True  # NF4 through bitsandbytes; false: 16-bit or 32-bit weights
    dtype: str = "auto"  # auto: bfloat16 where the GPU has it, else float16; float32 without a GPU
    recommended_lr: float | None = None  # a learning rate far from it gets a line of warning; null: none is known

    def problems(self) -> Iterator[str]:
        if (self.path is None) == (self.hub_id is None):
            yield (
                f"model.path={self.path} and model.hub_id={self.hub_id}: give exactly one of them "
                "(model=local model.path=FOLDER for a folder of yours)"
            )
        yield from _one_of("model.dtype", self.dtype, ("auto", "float32", "bfloat16", "float16"))
        if self.recommended_lr is not None and not 0 < self.recommended_lr < float("inf"):
            yield f"model.recommended_lr={self.recommended_lr}: must be above 0, or null"


@dataclass
class PromptConfig:
    """The wording around a question. The letter that follows is the completion; see `prompt/`."""

    name: str = MISSING
    template: str = MISSING  # holds {question} and {options}
    option: str = "{letter}. {text}"  # one line an option
    system: str | None = None  # a system message; null: none
    chat: bool = True  # through the model's chat template; false: the template as it is, for pretrained bases
    letter_prefix: str = ""  # stands before the letter in the completion (" " after "Answer:")

    def problems(self) -> Iterator[str]:
        for placeholder in ("{question}", "{options}"):
            if placeholder not in self.template:
                yield f"prompt.template lacks {placeholder}; it needs {{question}} and {{options}}"
        for placeholder in ("{letter}", "{text}"):
            if placeholder not in self.option:
                yield f"prompt.option={self.option!r} lacks {placeholder}; it needs {{letter}} and {{text}}"


@dataclass
class LoraConfig:
    """The trained low-rank update W + (alpha / r) B A (Hu et al. 2021)."""

    name: str = MISSING
    r: int = 16  # rank, >= 1: trained weights grow in proportion to it
    alpha: float | None = None  # scale of the update is alpha / r; null: 2 r, so that a rank sweep compares ranks only
    dropout: float = 0.0  # share of A's inputs dropped in training, 0 <= p < 1
    target_modules: list[str] = field(default_factory=lambda: list(LINEAR_MODULES))
    use_rslora: bool = False  # scale alpha / sqrt(r) instead of alpha / r (Kalajdzievski 2023)
    use_dora: bool = False  # magnitude and direction apart (Liu et al. 2024); slower

    def problems(self) -> Iterator[str]:
        if self.r < 1:
            yield f"lora.r={self.r}: the rank is a whole number from 1 up; usual are 8, 16, 32, 64"
        if self.alpha is not None and not 0 < self.alpha < float("inf"):
            yield f"lora.alpha={self.alpha}: must be above 0, or null for 2 r"
        if not 0 <= self.dropout < 1:
            yield f"lora.dropout={self.dropout}: a share from 0 up to, but not, 1; usual are 0, 0.05, 0.1"
        if not self.target_modules:
            yield f"lora.target_modules is empty: name at least one of {', '.join(LINEAR_MODULES)}"
        if len(set(self.target_modules)) != len(self.target_modules):
            yield f"lora.target_modules={self.target_modules}: a module is named twice"
        for module in self.target_modules:
            yield from _one_of("lora.target_modules", module, LINEAR_MODULES)


@dataclass
class SchedulerConfig:
    """The learning rate over the run, as a share of `optimizer.lr`."""

    name: str = "cosine"  # cosine | linear | constant | wsd (warm-up, stable, decay)
    warmup_ratio: float = 0.05  # share of all steps in which the rate rises linearly from 0
    decay_ratio: float = 0.2  # wsd only: share of all steps in which the rate falls at the end
    min_lr_ratio: float = 0.0  # cosine and wsd: what the rate falls to, as a share of optimizer.lr

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
    """AdamW (Loshchilov & Hutter 2019) on the adapter's weights."""

    name: str = "adamw"  # adamw | adamw_fused | adamw_8bit (bitsandbytes, needs a GPU)
    lr: float = 1e-4  # peak learning rate
    weight_decay: float = 0.01  # decoupled decay, a step and unit of learning rate
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    max_grad_norm: float = 1.0  # gradients are scaled down to this L2 norm; 0: never

    def problems(self) -> Iterator[str]:
        yield from _one_of("optimizer.name", self.name, ("adamw", "adamw_fused", "adamw_8bit"))
        if not 0 < self.lr < float("inf"):
            yield f"optimizer.lr={self.lr}: must be above 0; usual for LoRA are 1e-5 to 1e-3"
        if not self.weight_decay >= 0:
            yield f"optimizer.weight_decay={self.weight_decay}: must be 0 or more"
        for key in ("beta1", "beta2"):
            if not 0 <= getattr(self, key) < 1:
                yield f"optimizer.{key}={getattr(self, key)}: from 0 up to, but not, 1"
        if not self.eps > 0:
            yield f"optimizer.eps={self.eps}: must be above 0"
        if not self.max_grad_norm >= 0:
            yield f"optimizer.max_grad_norm={self.max_grad_norm}: must be 0 (no clipping) or more"


@dataclass
class DataConfig:
    """Where questions come from: a data set on the hub, or files."""

    name: str = MISSING
    hub_id: str | None = None  # data set on the hub; then train, validation and test name its splits
    hub_subsets: list[str] = field(default_factory=list)  # its configurations, or sets within one JSON file; empty: all
    revision: str | None = None  # branch, tag or commit; null: the hub's default branch
    train: str | None = None  # a file, or a glob of files; "bundled:NAME/FILE" is one shipped here
    validation: str | None = None
    test: str | None = None  # locked: no sweep reads it
    format: str = "auto"  # the record's format: auto, or a name of data/formats.py
    answer_base: int | None = None  # medmcqa, columns: whether a number (`cop`) counts options from 0 or from 1
    on_bad_record: str = "stop"  # stop | quarantine: set it aside in the trial's quarantine.jsonl, counted, and go on
    # Options such as "Both A and B" (data/ordered.py). keep: training leaves them as in the file | remove: as keep, and
    # a copy of the options is cut out of the question | quarantine: set aside | permute: like all others
    ordered_options: str = "keep"
    synthetic: bool = False  # invented facts: every page that shows a score says so
    allow_overlap: bool = False  # train although every validation question is a training question; else it is refused

    def problems(self) -> Iterator[str]:
        yield from _one_of("data.format", self.format, DATA_FORMATS)
        yield from _one_of("data.on_bad_record", self.on_bad_record, ("stop", "quarantine"))
        yield from _one_of("data.ordered_options", self.ordered_options, ("keep", "remove", "quarantine", "permute"))
        if self.answer_base not in (None, 0, 1):
            yield f"data.answer_base={self.answer_base}: 0, 1 or null"
        if self.train is None:
            yield "data.train is null: name a file, or a split of data.hub_id"


@dataclass
class SplitConfig:
    """Which questions train and which choose. Its seed is not the trial's: replicates answer the same questions."""

    name: str = "official"  # official | random | kfold
    seed: int = 0  # random and kfold: which vignettes go where
    validation_ratio: float = 0.1  # random: share of the questions that choose
    folds: int = 5  # kfold: number of parts
    fold: int = 0  # kfold: the part that chooses, 0 .. folds - 1
    train_fraction: float = 1.0  # share of the training questions that is used, drawn by `seed`
    max_validation: int | None = None  # at most so many validation questions, drawn by `seed`; null: all

    def problems(self) -> Iterator[str]:
        yield from _one_of("split.name", self.name, ("official", "random", "kfold"))
        if not 0 < self.validation_ratio < 1:
            yield f"split.validation_ratio={self.validation_ratio}: between 0 and 1, both excluded"
        if self.folds < 2:
            yield f"split.folds={self.folds}: 2 or more"
        if not 0 <= self.fold < max(self.folds, 1):
            yield f"split.fold={self.fold}: from 0 to {self.folds - 1} (split.folds={self.folds})"
        if not 0 < self.train_fraction <= 1:
            yield f"split.train_fraction={self.train_fraction}: above 0, at most 1"
        if self.max_validation is not None and self.max_validation < 1:
            yield f"split.max_validation={self.max_validation}: 1 or more, or null for all"


@dataclass
class TrainingConfig:
    """How long, in what batches, and what is kept on the way."""

    epochs: float = 3.0  # passes over the training questions; not used when max_steps is given
    max_steps: int | None = None  # optimizer steps; null: as epochs says
    effective_batch_size: int = 16  # questions an optimizer step
    micro_batch_size: int | None = None  # questions a forward pass; null: the largest divisor of the above up to 8
    max_length_tokens: int = 768  # longest prompt with its answer; a question above it is an error, never cut
    permute_options: bool = True  # options in a new order each epoch, but see data.ordered_options
    gradient_checkpointing: bool = True  # recompute activations in the backward pass: less memory, more time
    adapter_dtype: str = "float32"  # float32 | bfloat16: adapter weights and optimizer state
    early_stopping_patience: int | None = None  # stop after so many reports without a better accuracy; null: never
    export: str = "last"  # last | best: which report's adapter is kept and scored
    checkpoints_kept: int = 1  # newest so many while it runs (and the best one, for export=best)
    checkpoint_every_minutes: float = 10.0  # besides one at every report
    log_every_steps: int = 10  # optimizer steps between two lines in metrics.jsonl

    @property
    def accumulation_steps(self) -> int:
        """Forward passes an optimizer step."""
        assert self.micro_batch_size is not None, "checked() fills in the micro-batch"
        return self.effective_batch_size // self.micro_batch_size

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
        if self.micro_batch_size and self.micro_batch_size > 0 and self.effective_batch_size % self.micro_batch_size:
            yield (
                f"training.micro_batch_size={self.micro_batch_size} does not divide "
                f"training.effective_batch_size={self.effective_batch_size}; "
                f"allowed are {', '.join(map(str, divisors(self.effective_batch_size)))}"
            )
        if not self.checkpoint_every_minutes > 0:
            yield f"training.checkpoint_every_minutes={self.checkpoint_every_minutes}: must be above 0"
        yield from _one_of("training.adapter_dtype", self.adapter_dtype, ("float32", "bfloat16"))
        yield from _one_of("training.export", self.export, ("last", "best"))


@dataclass
class EvaluationConfig:
    """How a score on the validation questions comes about."""

    method: str = "log_probability"  # log_probability: the likeliest letter | generate: the letter that is written
    reports: int = 4  # evaluations over the run, evenly spaced in samples; the last is at the end
    batch_size: int = 32  # questions a forward pass; changes speed and memory, not letters
    baseline: bool = True  # score the untuned base too: once a base, data and prompt, then shared
    calibration_bins: int = 10  # equal-width bins of the expected calibration error
    max_new_tokens: int = 4  # generate only: tokens written before the letter is looked for

    def problems(self) -> Iterator[str]:
        yield from _one_of("evaluation.method", self.method, ("log_probability", "generate"))
        for key in ("reports", "batch_size", "calibration_bins", "max_new_tokens"):
            if getattr(self, key) < 1:
                yield f"evaluation.{key}={getattr(self, key)}: 1 or more"


@dataclass
class TrackingConfig:
    """Weights & Biases, fed from the trial folder by the parent process.

    W&B's own variables (WANDB_PROJECT, …) fill in what is left at these defaults, and can switch it off: docs/wandb.md.
    """

    mode: str = "auto"  # auto: online with a key, else offline | online | offline | disabled
    project: str = "medqa-sweeps"
    entity: str | None = None  # team or user; null: the key's own
    group: str | None = None  # null: the name of the study's folder when it was first swept
    tags: list[str] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)  # words of your own, by a name of your own

    def problems(self) -> Iterator[str]:
        yield from _one_of("tracking.mode", self.mode, ("auto", "online", "offline", "disabled"))


@dataclass
class EngineConfig:
    """What trains, and how stubbornly."""

    name: str = "unsloth"  # unsloth: one trial through FastLanguageModel and TRL's SFTTrainer
    threads: int | None = None  # of the CPU that a trial computes with; null: all that its slot has
    max_attempts: int = 2  # tries at a trial that was killed, hung, or lost its device; each from the newest checkpoint
    max_silent_minutes: float = 60.0  # a trial that writes nothing for so long has hung: it is killed, and tried again

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
    """Everything that one trial is told."""

    seed: int = 0  # data order, option order, adapter initialisation, dropout
    model: ModelConfig = field(default_factory=ModelConfig)
    prompt: PromptConfig = field(default_factory=PromptConfig)
    lora: LoraConfig = field(default_factory=LoraConfig)
    scheduler: SchedulerConfig = field(default_factory=SchedulerConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    data: DataConfig = field(default_factory=DataConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)

    def problems(self) -> Iterator[str]:
        if not 0 <= self.seed < 2**32:
            yield f"seed={self.seed}: a whole number from 0 to {2**32 - 1}"
        for group in dataclasses.fields(self):
            if group.name != "seed":
                yield from getattr(self, group.name).problems()


TRIAL_KEYS = {group.name for group in dataclasses.fields(TrialConfig)}


def checked(config: TrialConfig) -> TrialConfig:
    """A copy with every value in range and every derived value filled in (lora.alpha, training.micro_batch_size).

    Raises:
        ConfigError: naming every value that is out of range, not only the first.
    """
    problems = list(config.problems())
    if problems:
        raise ConfigError("\n".join(problems))
    batch = config.training.effective_batch_size
    micro = config.training.micro_batch_size or max(d for d in divisors(batch) if d <= 8)
    alpha = config.lora.alpha if config.lora.alpha is not None else 2.0 * config.lora.r
    return dataclasses.replace(
        config,
        lora=dataclasses.replace(config.lora, alpha=alpha),
        training=dataclasses.replace(config.training, micro_batch_size=micro),
    )


def _one_of(key: str, value: str, allowed: tuple[str, ...]) -> Iterator[str]:
    if value not in allowed:
        yield f"{key}={value}: allowed are {', '.join(allowed)}"


def _in_range(key: str, value: float, low: float, high: float) -> Iterator[str]:
    if not low <= value <= high:
        yield f"{key}={value}: must be from {low} to {high}"


def divisors(number: int) -> list[int]:
    """1 … number: the whole numbers that divide it, rising."""
    return [d for d in range(1, number + 1) if number % d == 0]
