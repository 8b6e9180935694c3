"""The config of one trial: its typed schema, its file, and what of it decides a result.

`schema` is the whole: a dataclass for each group of `conf/`, in `training_groups`, `data_groups` and `asking_groups`,
whose values `checks` finds out of range. `saved` reads what Hydra composed and `config.yaml`; `signature` says when two
trials are the same experiment. `known_keys` finds the key that was meant, `overrides` writes a value as a Hydra
override, `interpolation` as OmegaConf must be given it.
"""

from medqa_sweeps.config.asking_groups import (
    SAFETY_SUITES,
    SUITES_OF_FILES,
    WITH_ENCODERS,
    EvaluationConfig,
    PromptConfig,
    RetrievalConfig,
    SafetyConfig,
)
from medqa_sweeps.config.checks import AUTO, is_hub_id, texts_of
from medqa_sweeps.config.data_groups import DATA_FORMATS, DELIMITERS, ColumnsConfig, DataConfig, SplitConfig
from medqa_sweeps.config.saved import from_hydra, load, save, with_defaults, with_paths
from medqa_sweeps.config.schema import TRIAL_KEYS, TrackingConfig, TrialConfig, checked
from medqa_sweeps.config.signature import (
    COUNTED_BY_CONTENT,
    IRRELEVANT_KEYS,
    decides_nothing,
    replicate_key,
    short_hash,
    signature,
)
from medqa_sweeps.config.training_groups import (
    ATTENTION_MODULES,
    ENGINE_NAMES,
    LINEAR_MODULES,
    MLP_MODULES,
    EngineConfig,
    LoraConfig,
    ModelConfig,
    OptimizerConfig,
    SchedulerConfig,
    TrainingConfig,
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
    "SAFETY_SUITES",
    "SUITES_OF_FILES",
    "TRIAL_KEYS",
    "WITH_ENCODERS",
    "ColumnsConfig",
    "DataConfig",
    "EngineConfig",
    "EvaluationConfig",
    "LoraConfig",
    "ModelConfig",
    "OptimizerConfig",
    "PromptConfig",
    "RetrievalConfig",
    "SafetyConfig",
    "SchedulerConfig",
    "SplitConfig",
    "TrackingConfig",
    "TrainingConfig",
    "TrialConfig",
    "checked",
    "decides_nothing",
    "from_hydra",
    "is_hub_id",
    "load",
    "replicate_key",
    "save",
    "short_hash",
    "signature",
    "texts_of",
    "with_defaults",
    "with_paths",
]
