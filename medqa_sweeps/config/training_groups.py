"""The config groups of training: the base, its adapter, the optimiser, the steps."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from medqa_sweeps.config.checks import AUTO, Switch, Tokens, in_range, one_of, tokens
from medqa_sweeps.wording import setting

ATTENTION_MODULES = ("q_proj", "k_proj", "v_proj", "o_proj")
MLP_MODULES = ("gate_proj", "up_proj", "down_proj")
LINEAR_MODULES = ATTENTION_MODULES + MLP_MODULES
ENGINE_NAMES = ("unsloth",)


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
        yield from one_of("model.dtype", self.dtype, ("auto", "float32", "bfloat16", "float16"))
        if self.recommended_lr is not None and not 0 < self.recommended_lr < float("inf"):
            yield f"model.recommended_lr={self.recommended_lr}: must be above 0, or null"


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
            yield from one_of("lora.target_modules", module, LINEAR_MODULES)


@dataclass
class SchedulerConfig:
    """The learning rate over the run, as a share of optimizer.lr."""

    name: str = "cosine"  # cosine | linear | constant | wsd (warm-up, stable, decay)
    warmup_ratio: float = 0.05  # share of all steps in which the rate rises linearly from 0; from 0 to 1
    decay_ratio: float = 0.2  # wsd only: share of all steps in which the rate falls at the end; from 0 to 1
    min_lr_ratio: float = 0.0  # cosine and wsd: final rate as a share of optimizer.lr; from 0 to 1

    def problems(self) -> Iterator[str]:
        yield from one_of("scheduler.name", self.name, ("cosine", "linear", "constant", "wsd"))
        yield from in_range("scheduler.warmup_ratio", self.warmup_ratio, 0, 1)
        yield from in_range("scheduler.decay_ratio", self.decay_ratio, 0, 1)
        yield from in_range("scheduler.min_lr_ratio", self.min_lr_ratio, 0, 1)
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
        yield from one_of("optimizer.name", self.name, ("adamw", "adamw_fused", "adamw_8bit"))
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
        yield from tokens("training.micro_batch_tokens", self.micro_batch_tokens)
        if not isinstance(self.gradient_checkpointing, bool) and self.gradient_checkpointing != AUTO:
            yield f"training.gradient_checkpointing={setting(self.gradient_checkpointing)}: auto, true or false"
        if not self.checkpoint_every_minutes > 0:
            yield f"training.checkpoint_every_minutes={self.checkpoint_every_minutes}: must be above 0"
        yield from one_of("training.adapter_dtype", self.adapter_dtype, ("float32", "bfloat16"))
        yield from one_of("training.export", self.export, ("last", "best"))


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
        yield from one_of("engine.name", self.name, ENGINE_NAMES)
        if self.threads is not None and self.threads < 1:
            yield f"engine.threads={self.threads}: 1 or more, or null for all that the slot has"
        if self.max_attempts < 1:
            yield f"engine.max_attempts={self.max_attempts}: 1 or more"
        if not self.max_silent_minutes > 0:
            yield f"engine.max_silent_minutes={self.max_silent_minutes}: must be above 0"
