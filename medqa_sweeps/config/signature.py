"""When two trials are the same experiment: what of a config decides a result, and what cannot matter."""

import dataclasses
import hashlib
import json
from collections.abc import Container, Iterator
from typing import Any

from medqa_sweeps.config.schema import TrialConfig

# What the signature leaves out, a key or a whole group, and why that cannot change a result.
IRRELEVANT_KEYS = {
    "tracking": "where a run is shown",
    "engine": "which process trains and how often it is tried again; threads change the last bits alone",
    "training.micro_batch_tokens": "a step sees the effective batch; a sum in other parts changes the last bits alone",
    "training.micro_batch_size": "as training.micro_batch_tokens",
    "training.gradient_checkpointing": "the same activations, computed again instead of kept",
    "training.checkpoints_kept": "disk alone",
    "training.checkpoint_every_minutes": "disk alone; a resumed trial gives the same bits",
    "training.log_every_steps": "lines of metrics.jsonl alone",
    "evaluation.batch_tokens": "speed and memory; padding is masked and changes the last bits alone",
    "evaluation.batch_size": "speed and memory; padding is masked and changes the last bits alone",
    "evaluation.baseline": "whether the untuned base is scored besides",
    "safety": "what is assessed besides, after the training",
    "model.recommended_lr": "when a warning is given",
    "data.allow_overlap": "whether a trial may start",
}
# What the signature counts by content instead of by name, and what stands for it.
COUNTED_BY_CONTENT = {
    "model.name": "the base's fingerprint",
    "model.hub_id": "the base's fingerprint",
    "model.revision": "the base's fingerprint",
    "model.path": "the base's fingerprint",
    "data": "the fingerprint of the questions",
    "split": "the fingerprint of the questions",
    "prompt.name": "the wording",
    "prompt.passage": "the fingerprint of the passages, as they are shown",
    "retrieval": "the fingerprint of the passages, as they are shown",
    "lora.name": "the settings of the group",
}


def signature(config: TrialConfig, base_fingerprint: str, data_fingerprint: str) -> str:
    """12 hex digits that are equal exactly when two trials are the same experiment.

    What decides the result counts: the base's files and the questions by content, and every key of the schema but
    those in `IRRELEVANT_KEYS` and `COUNTED_BY_CONTENT`.

    Versions of packages, our own code and the hardware do not count, although they can move digits: an upgrade would
    end every study. `provenance.json` records them, and `resume`, `reproduce` and a repeat say what differs.
    """
    asked = {key: value for key, value in _values(dataclasses.asdict(config)) if not _is_left_out(key)}
    asked["lora.target_modules"] = sorted(asked["lora.target_modules"])
    asked["base"], asked["questions"] = base_fingerprint, data_fingerprint
    return short_hash(asked)


def replicate_key(config: TrialConfig, base_fingerprint: str, data_fingerprint: str) -> str:
    """12 hex digits, equal exactly when two trials differ in nothing but the seed: the signature under seed 0."""
    return signature(dataclasses.replace(config, seed=0), base_fingerprint, data_fingerprint)


def decides_nothing(key: str) -> bool:
    """Whether the value of a dotted key (`tracking.mode`) can differ between two runs of the same experiment."""
    return _is_in(key, IRRELEVANT_KEYS)


def _is_left_out(key: str) -> bool:
    return _is_in(key, IRRELEVANT_KEYS) or _is_in(key, COUNTED_BY_CONTENT)


def _is_in(key: str, listed: Container[str]) -> bool:
    return key in listed or key.partition(".")[0] in listed


def _values(groups: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The values of a config by their dotted keys."""
    for name, group in groups.items():
        if isinstance(group, dict):
            yield from ((f"{name}.{key}", value) for key, value in group.items())
        else:
            yield name, group


def short_hash(value: Any) -> str:
    """12 hex digits of the SHA-256 of `value` written as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:12]
