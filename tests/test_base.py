"""Where a base model is looked for, and the sentences that say why it cannot be had."""

import json
from pathlib import Path

import pytest

from medqa_sweeps.base import locate
from medqa_sweeps.config import ModelConfig
from medqa_sweeps.errors import ConfigError


def folder(tmp_path: Path, config: object = None, weights: bool = True) -> ModelConfig:
    (tmp_path / "model").mkdir()
    if config is not None:
        (tmp_path / "model" / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    if weights:
        (tmp_path / "model" / "model.safetensors").write_bytes(b"weights")
    return ModelConfig(name="local", path=str(tmp_path / "model"))


def test_the_shipped_base_is_found_by_its_name() -> None:
    base = locate(ModelConfig(name="tiny", path="bundled:tiny_gemma3"))
    assert base.label == "bundled:tiny_gemma3" and (base.folder / "model.safetensors").exists()


def test_a_fingerprint_follows_the_content_and_not_the_path(tmp_path: Path) -> None:
    config = folder(tmp_path, config={})
    first = locate(config).fingerprint
    moved = (tmp_path / "model").rename(tmp_path / "moved")
    assert locate(ModelConfig(name="local", path=str(moved))).fingerprint == first
    (moved / "model.safetensors").write_bytes(b"other weights")
    assert locate(ModelConfig(name="local", path=str(moved))).fingerprint != first


@pytest.mark.parametrize(
    ("config", "weights", "told"),
    [
        (None, True, "no config.json"),
        ("{", True, "not JSON"),
        ({}, False, r"no \*.safetensors"),
        ({"quantization_config": {"quant_method": "gptq"}}, True, "already quantized .gptq.*load_in_4bit=false"),
        ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": False}}, True, "already quantized"),
    ],
)
def test_a_folder_that_is_no_model_is_told_why(config: object, weights: bool, told: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=told):
        locate(folder(tmp_path, config, weights))


def test_a_missing_folder_and_an_unknown_bundled_name_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        locate(ModelConfig(name="local", path=str(tmp_path / "nowhere")))
    with pytest.raises(ConfigError, match=r"bundled are:.*tiny_gemma3"):
        locate(ModelConfig(name="local", path="bundled:huge"))


def test_without_network_and_cache_the_way_to_fetch_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ConfigError, match=r"cannot be reached.*licence.*uv run hf download x/y.*model=tiny_gemma3"):
        locate(ModelConfig(name="hub", hub_id="x/y"))
