"""Each setting that is allowed but probably a mistake gets one line of caution; usual settings get none."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from medqa_sweeps.alarms.cautions import Caution, caution_lines, cautions, layer_widths, linear_interval
from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.config import LoraConfig, ModelConfig, OptimizerConfig, PromptConfig, TrialConfig

BASE = resolve_bundled("bundled:tiny_gemma3")  # 128 wide, 2 keys of 32
GEMMA_3_1B = {
    "hidden_size": 1152, "intermediate_size": 6912, "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256,
}  # fmt: skip


def told(lr: float = 3e-3, recommended: float | None = 3e-3, r: int = 16, modules: tuple[str, ...] = ()) -> list[str]:
    lora = LoraConfig(name="x", r=r)
    config = TrialConfig(
        model=ModelConfig(name="tiny", path=str(BASE), recommended_lr=recommended),
        prompt=PromptConfig(name="x", template="{question}{options}"),
        lora=dataclasses.replace(lora, target_modules=list(modules or lora.target_modules)),
        optimizer=OptimizerConfig(lr=lr),
    )
    return caution_lines(cautions(config, BASE))


@pytest.mark.parametrize("lr", [1e-4, 3e-3, 1e-2])
def test_a_rate_within_thirty_times_of_the_recommended_one_is_usual(lr: float) -> None:
    assert told(lr) == []
    assert told(lr, recommended=None) == []


def test_a_learning_rate_far_from_the_recommended_one_gets_a_caution() -> None:
    (low,) = told(9.9e-5)
    assert low == "Caution    optimizer.lr=9.9e-05: more than 30 times below the model's recommended 0.003."
    (high,) = told(4e-3, recommended=1e-4)
    assert "more than 30 times above the model's recommended 0.0001" in high
    assert told(1e-9, recommended=None) == []


def test_a_rate_far_above_any_that_is_usual_gets_one_line_not_two() -> None:
    (line,) = told(1.0)
    assert line == "Caution    optimizer.lr=1: far too high for most models (usual for LoRA: 1e-5 to 1e-3)."


def test_a_rank_above_the_narrowest_layer_that_is_adapted_is_named_with_it() -> None:
    assert told(r=64) == []
    assert told(r=65) == ["Caution    lora.r=65: above 64, the width of k_proj in this model."]
    assert told(r=65, modules=("q_proj", "gate_proj")) == []
    assert told(r=129, modules=("q_proj", "gate_proj")) != []


def test_widths_are_the_smaller_sides_of_the_layers_weights() -> None:
    widths = layer_widths(GEMMA_3_1B)
    assert widths == {
        "q_proj": 1024, "k_proj": 256, "v_proj": 256, "o_proj": 1024,
        "gate_proj": 1152, "up_proj": 1152, "down_proj": 1152,
    }  # fmt: skip
    assert layer_widths({"text_config": GEMMA_3_1B, "hidden_size": 3}) == widths, "a model with a vision tower"
    without: dict[str, Any] = {"hidden_size": 576, "num_attention_heads": 9, "intermediate_size": 1536}
    assert layer_widths(without)["k_proj"] == 576, "as many keys as queries"
    assert set(layer_widths({"hidden_size": 2560, "intermediate_size": 10240})) == {"gate_proj", "up_proj", "down_proj"}
    assert layer_widths({}) == {}


def test_a_model_that_does_not_tell_its_widths_is_no_reason_to_stop(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    config = TrialConfig(lora=LoraConfig(name="x", r=10**6))
    assert list(cautions(config, tmp_path)) == []


def test_an_encoder_that_the_retriever_does_not_read_is_named() -> None:
    config = TrialConfig(
        model=ModelConfig(name="tiny", path=str(BASE)), prompt=PromptConfig(name="x", template="{question}{options}")
    )
    lines = []
    for name in ("bm25", "dense", "hybrid"):
        config.retrieval.name, config.retrieval.embedder = name, "/e"
        lines += caution_lines(cautions(config, BASE))
    assert lines == ["Caution    retrieval.embedder=/e: retrieval=bm25 reads no encoder; dense and hybrid do."]


def test_an_interval_of_rates_that_is_not_logarithmic_is_named_with_one_that_is() -> None:
    assert caution_lines(linear_interval("optimizer.lr", 1e-5, 1e-3)) == [
        "Caution    optimizer.lr=1e-05 to 0.001: sampled uniformly, so half of the samples lie above 0.000505 "
        "(usual: tag(log,interval(1e-05,0.001)))."
    ]
    assert "tag(log,interval(1e-5,1e-3))" in caution_lines(linear_interval("optimizer.lr", 0, 1e-3))[0]
    assert not list(linear_interval("optimizer.lr", 1e-4, 2e-4)), "nothing is lost by sampling so little evenly"
    assert not list(linear_interval("lora.dropout", 0, 0.5))


def test_a_setting_has_one_line_however_many_trials_have_it() -> None:
    found = [Caution("lora.r", value, "above 64") for value in ("512", "1024", "512")]
    assert caution_lines([*found, Caution("seed", "1", "odd"), Caution("lora.r", "3", "uneven")]) == [
        "Caution    lora.r=512 and 1024: above 64; 3: uneven.",
        "Caution    seed=1: odd.",
    ]
