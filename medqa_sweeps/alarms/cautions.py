"""Settings that are allowed but probably mistakes: one line of warning for each, before anything starts.

Cautions never stop a trial. Settings that no trial can run with are refused in `config`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medqa_sweeps.alarms import leaks
from medqa_sweeps.config import ATTENTION_MODULES, MLP_MODULES, WITH_ENCODERS, TrialConfig
from medqa_sweeps.data.split import IN_TRAINING, NEARLY_IN_TRAINING
from medqa_sweeps.trial.plan import Plan
from medqa_sweeps.wording import listed, setting

LEARNING_RATE = "optimizer.lr"
_HIGHEST_USUAL_LR = 1e-2
_FAR = 30.0  # factor above or below the learning rate that the model's config file recommends


@dataclass(frozen=True)
class Caution:
    """One value of a setting that is probably a mistake."""

    key: str
    value: str  # as typed on a command line
    why: str  # a clause
    about_data: bool = False  # applies to every trial on these questions, so a study shows it once


def cautions(config: TrialConfig, base: Path) -> Iterator[Caution]:
    """The cautions about a checked config.

    Args:
        base: folder of the base model, which contains its config.json.
    """
    yield from _learning_rate(config.optimizer.lr, config.model.recommended_lr)
    retrieval = config.retrieval
    if retrieval.embedder is not None and retrieval.name not in WITH_ENCODERS:
        # Not refused, so that one sweep can compare retrieval=bm25,dense,hybrid.
        why = f"retrieval={retrieval.name} reads no encoder; {' and '.join(WITH_ENCODERS)} do"
        yield Caution("retrieval.embedder", setting(retrieval.embedder), why)
    widths = layer_widths(json.loads((base / "config.json").read_text()))
    width, module = min(((widths[one], one) for one in config.lora.target_modules if one in widths), default=(None, ""))
    if width is not None and config.lora.r > width:
        yield Caution("lora.r", str(config.lora.r), f"above {width:,}, the width of {module} in this model")


def cautions_of(plan: Plan) -> Iterator[Caution]:
    """The cautions about a trial's config and questions."""
    config, flagged = plan.config, plan.split.flagged
    yield from cautions(config, plan.base.folder)
    shared = leaks.sentence(flagged[IN_TRAINING], flagged[NEARLY_IN_TRAINING], len(plan.split.validation))
    if shared:
        yield Caution("data.validation", setting(config.data.validation), shared, about_data=True)


def caution_lines(found: Iterable[Caution]) -> list[str]:
    """One line per key, with all its values."""
    reasons: dict[str, dict[str, dict[str, None]]] = {}
    for caution in found:
        reasons.setdefault(caution.key, {}).setdefault(caution.why, {})[caution.value] = None
    texts = {
        key: "; ".join(f"{listed(list(those))}: {why}" for why, those in of.items()) for key, of in reasons.items()
    }
    return [f"Caution    {key}={text}." for key, text in texts.items()]


def linear_interval(key: str, low: float, high: float) -> Iterator[Caution]:
    """The caution about an interval over `key` that is sampled uniformly from `low` to `high`."""
    if key == LEARNING_RATE and high > 2 * low:
        log = f"tag(log,interval({setting(low)},{setting(high)}))" if low > 0 else "tag(log,interval(1e-5,1e-3))"
        why = f"sampled uniformly, so half of the samples lie above {setting((low + high) / 2)} (usual: {log})"
        yield Caution(key, f"{setting(low)} to {setting(high)}", why)


def layer_widths(described: Mapping[str, Any]) -> dict[str, int]:
    """The smaller dimension of each linear layer's weight, by module, if the model's config.json specifies it."""
    text: Mapping[str, Any] = described.get("text_config") or described
    hidden, heads, inner = (text.get(key) for key in ("hidden_size", "num_attention_heads", "intermediate_size"))
    sides: dict[str, int] = dict.fromkeys(MLP_MODULES, inner) if inner else {}
    if hidden and heads:
        head = text.get("head_dim") or hidden // heads
        queries, keys = heads * head, (text.get("num_key_value_heads") or heads) * head
        sides |= dict(zip(ATTENTION_MODULES, (queries, keys, keys, queries), strict=True))
    return {module: min(hidden, side) for module, side in sides.items()} if hidden else {}


def _learning_rate(rate: float, recommended: float | None) -> Iterator[Caution]:
    if rate > _HIGHEST_USUAL_LR:
        yield Caution(LEARNING_RATE, setting(rate), "far too high for most models (usual for LoRA: 1e-5 to 1e-3)")
    elif recommended is not None and max(rate / recommended, recommended / rate) > _FAR * (1 + 1e-9):
        side = "above" if rate > recommended else "below"
        why = f"more than {_FAR:.0f} times {side} the model's recommended {setting(recommended)}"
        yield Caution(LEARNING_RATE, setting(rate), why)
