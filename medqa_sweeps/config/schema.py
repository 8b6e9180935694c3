"""The typed schema of one trial's config: one dataclass per config group, each knob with its unit and range.

Hydra composes the files of `conf/` against these classes, so a misspelt key or a wrong type fails while composing.
`checked()` then finds values out of range, fills in what follows from other values (alpha, micro-batch) and returns
the config that is saved. Ranges are written so that NaN is outside all of them.

`launch.py --help` shows the docstring of each class and the comment of each field. `tests/config/test_comments.py`
compares the ranges in those comments (`1 or more`, `from 0 to 1`, `above 0`, `a | b`) with what `problems()` refuses.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field

from medqa_sweeps.config.asking_groups import EvaluationConfig, PromptConfig, RetrievalConfig, SafetyConfig
from medqa_sweeps.config.checks import one_of
from medqa_sweeps.config.data_groups import DataConfig, SplitConfig
from medqa_sweeps.config.training_groups import (
    EngineConfig,
    LoraConfig,
    ModelConfig,
    OptimizerConfig,
    SchedulerConfig,
    TrainingConfig,
)
from medqa_sweeps.errors import ConfigError


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
        yield from one_of("tracking.mode", self.mode, ("auto", "online", "offline", "disabled"))


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
