"""Weights that do not fit the architecture are refused by name; tied and harmless ones are not missed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.worker.weights import refuse_misfits, refuse_other_adapter

State = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def tiny() -> State:
    return load_file(resolve_bundled("bundled:tiny_gemma3") / "model.safetensors")


def load(folder: Path, state: State, config: dict[str, Any] | None = None) -> Any:
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    described = json.loads((resolve_bundled("bundled:tiny_gemma3") / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**described, **(config or {})}))
    with refuse_misfits("BASE"):
        return AutoModelForCausalLM.from_pretrained(folder)


def without(state: State, part: str) -> State:
    return {name: tensor for name, tensor in state.items() if part not in name}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: {f"module.{name}": tensor for name, tensor in state.items()}, "missing .*unknown"),
        (lambda state: without(state, "layers.2.mlp.up_proj"), r"1 missing \(model\.layers\.2\.mlp\.up_proj\.weight\)"),
        (lambda state: without(state, "layers.3."), r"13 missing \(model\.layers\.3\.[^,]*, [^,]*, …\)"),
        (lambda state: {**state, "value_head.weight": torch.zeros(2)}, r"1 unknown \(value_head\.weight\)"),
        (
            lambda state: {**state, "model.norm.weight": torch.zeros(7)},
            r"1 of another shape \(model\.norm\.weight \(7,\)",
        ),
    ],
    ids=["prefix", "one missing", "a layer missing", "one unknown", "another shape"],
)
def test_misfits_are_named(tmp_path: Path, tiny: State, change: Callable[[State], State], said: str) -> None:
    with pytest.raises(ConfigError, match=f"the weights of BASE do not fit its config.json: .*{said}"):
        load(tmp_path, change(tiny))


def test_a_config_of_another_model_is_seen(tmp_path: Path, tiny: State) -> None:
    with pytest.raises(ConfigError, match="of another shape"):
        load(tmp_path, tiny, {"intermediate_size": 512})


def test_tied_weights_and_old_buffers_are_not_missed(tmp_path: Path, tiny: State) -> None:
    assert "lm_head.weight" not in tiny, "tied to the embedding"
    assert load(tmp_path, tiny)
    config = LlamaConfig(
        vocab_size=64, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    LlamaForCausalLM(config).save_pretrained(tmp_path / "llama")
    file = tmp_path / "llama" / "model.safetensors"
    save_file(
        {**load_file(file), "model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4)}, file, {"format": "pt"}
    )
    with refuse_misfits("BASE"):
        assert AutoModelForCausalLM.from_pretrained(tmp_path / "llama")


def test_an_adapter_of_other_layers_or_ranks_is_refused() -> None:
    adapter = {"a.lora_A": torch.zeros(4, 8), "a.lora_B": torch.zeros(8, 4)}
    refuse_other_adapter(adapter, adapter)
    for other, said in (
        ({**adapter, "vision.lora_A": torch.zeros(4, 8)}, r"1 unknown \(vision\.lora_A\)"),
        ({"a.lora_A": adapter["a.lora_A"]}, r"1 missing \(a\.lora_B\)"),
        ({**adapter, "a.lora_A": torch.zeros(2, 8)}, r"1 of another shape \(a\.lora_A \(2, 8\)\)"),
    ):
        with pytest.raises(ConfigError, match=said):
            refuse_other_adapter(other, adapter)
