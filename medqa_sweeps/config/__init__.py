"""The config of one trial: its typed schema, its file, and what of it decides a result.

`schema` holds a dataclass for each group of `conf/`; `saved` reads what Hydra composed and `config.yaml`; `signature`
says when two trials are the same experiment. `known_keys` finds the key that was meant, `overrides` writes a value as a
Hydra override, `interpolation` as OmegaConf must be given it.
"""

from medqa_sweeps.config.saved import from_hydra, load, save, with_defaults, with_paths
from medqa_sweeps.config.schema import (
    ATTENTION_MODULES,
    AUTO,
    DATA_FORMATS,
    DELIMITERS,
    ENGINE_NAMES,
    LINEAR_MODULES,
    MLP_MODULES,
    TRIAL_KEYS,
    ColumnsConfig,
    DataConfig,
    EngineConfig,
    EvaluationConfig,
    LoraConfig,
    ModelConfig,
    OptimizerConfig,
    PromptConfig,
    SchedulerConfig,
    SplitConfig,
    TrackingConfig,
    TrainingConfig,
    TrialConfig,
    checked,
    texts_of,
)
from medqa_sweeps.config.signature import (
    COUNTED_BY_CONTENT,
    IRRELEVANT_KEYS,
    decides_nothing,
    replicate_key,
    short_hash,
    signature,
)

__all__ = [
    "ATTENTION_MODULES",
    "AUTO",
    "COUNTED_BY_CONTENT",
    "DATA_FORMATS",
    "DELIMITERS",
    "ENGINE_NAMES",
    "IRRELEVANT_KEYS",
    "LINEAR_MODULES",
    "MLP_MODULES",
    "TRIAL_KEYS",
    "ColumnsConfig",
    "DataConfig",
    "EngineConfig",
    "EvaluationConfig",
    "LoraConfig",
    "ModelConfig",
    "OptimizerConfig",
    "PromptConfig",
    "SchedulerConfig",
    "SplitConfig",
    "TrackingConfig",
    "TrainingConfig",
    "TrialConfig",
    "checked",
    "decides_nothing",
    "from_hydra",
    "load",
    "replicate_key",
    "save",
    "short_hash",
    "signature",
    "texts_of",
    "with_defaults",
    "with_paths",
]
