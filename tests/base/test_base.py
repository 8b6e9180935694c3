"""Where a base model is looked for, and the sentences that say why it cannot be had."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from medqa_sweeps.base import BaseModel, locate, refuse_unknown_token
from medqa_sweeps.base.errors import reads_base
from medqa_sweeps.base.fingerprints import FINGERPRINTS, changed_base, fingerprint_1
from medqa_sweeps.config import ModelConfig
from medqa_sweeps.errors import ConfigError, DataError


def folder(tmp_path: Path, config: object = None, weights: bool = True) -> ModelConfig:
    made = tmp_path / "model"
    made.mkdir()
    (made / "tokenizer.json").write_text("{}")
    if config is not None:
        (made / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    if weights:
        save_file({"weight": np.zeros(2)}, made / "model.safetensors")
    return ModelConfig(name="local", path=str(made))


def test_the_shipped_base_is_found_by_its_name() -> None:
    base = locate(ModelConfig(name="tiny", path="bundled:tiny_gemma3"))
    assert base.label == "bundled:tiny_gemma3" and (base.folder / "model.safetensors").exists()


def test_a_fingerprint_follows_the_content_and_not_the_path(tmp_path: Path) -> None:
    config = folder(tmp_path, config={})
    first = locate(config).fingerprint
    moved = (tmp_path / "model").rename(tmp_path / "moved")
    assert locate(ModelConfig(name="local", path=str(moved))).fingerprint == first
    save_file({"weight": np.ones(2)}, moved / "model.safetensors")
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
def test_a_folder_that_is_not_a_model_is_refused_with_a_reason(
    config: object, weights: bool, told: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=told):
        locate(folder(tmp_path, config, weights))


def test_a_missing_folder_and_an_unknown_bundled_name_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        locate(ModelConfig(name="local", path=str(tmp_path / "nowhere")))
    with pytest.raises(ConfigError, match=r"bundled are:.*tiny_gemma3"):
        locate(ModelConfig(name="local", path="bundled:huge"))


def test_without_network_and_cache_the_error_gives_the_download_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ConfigError, match=r"cannot be reached.*licence.*uv run hf download x/y.*model=tiny_gemma3"):
        locate(ModelConfig(name="hub", hub_id="x/y"))


# Whether it is still the same


def test_the_files_that_changed_are_named(tmp_path: Path) -> None:
    """It said `the base changed`, with two hashes."""
    config = folder(tmp_path, config={})
    before = locate(config)
    then = {
        "fingerprints": FINGERPRINTS,
        "base": {"label": "it", "fingerprint": before.fingerprint, "files": before.files},
    }
    assert changed_base(then, before) is None
    (before.folder / "tokenizer.json").write_text("[]")
    (before.folder / "chat_template.jinja").write_text("{{ messages }}")
    told = changed_base(then, locate(config))
    assert told and told.startswith(f"base: it ({before.fingerprint}) then, ")
    assert told.endswith("now, with different content: chat_template.jinja and tokenizer.json")


def test_of_a_trial_of_an_earlier_version_the_files_that_it_recorded_are_compared(tmp_path: Path) -> None:
    config = folder(tmp_path, config={})
    then = {"base": {"label": "it", "fingerprint": fingerprint_1(locate(config))}}
    (tmp_path / "model" / "tokenizer.json").write_text("[]")
    assert changed_base(then, locate(config)) is None, "nobody recorded it"
    (tmp_path / "model" / "config.json").write_text("{ }")
    assert "with different content" in str(changed_base(then, locate(config)))


def test_the_fingerprint_of_version_1_is_what_it_was() -> None:
    assert fingerprint_1(locate(ModelConfig(name="tiny", path="bundled:tiny_gemma3"))) == "b44fe49b8996"


# What goes wrong while it is read


def _raising(error: Exception) -> None:
    @reads_base
    def load(base: BaseModel) -> None:
        raise error

    load(locate(ModelConfig(name="tiny", path="bundled:tiny_gemma3")))


def test_a_library_error_about_a_base_becomes_a_config_error_with_a_next_step() -> None:
    with pytest.raises(ConfigError, match=r"tiny_gemma3 cannot be used: ValueError: no such architecture\. Its files"):
        _raising(ValueError("no such\narchitecture"))


def test_an_assertion_without_a_message_names_its_line() -> None:
    """It was `internal: AssertionError: `, and nothing after it."""
    with pytest.raises(ConfigError, match=r"AssertionError in .*test_base\.py, line \d+: raise error"):
        _raising(AssertionError())


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA out of memory"),
        MemoryError(),
        OSError(28, "No space left on device"),
        DataError("a question"),
    ],
)
def test_memory_devices_disks_and_our_own_sentences_are_not_the_bases_fault(error: Exception) -> None:
    with pytest.raises(type(error)) as raised:
        _raising(error)
    assert raised.value is error


def test_a_tokenizer_with_more_tokens_than_the_base_has_embeddings_is_refused(tmp_path: Path) -> None:
    """It was `internal: IndexError: index out of range in self`."""
    base = locate(folder(tmp_path, config={"text_config": {"vocab_size": 1218}}))
    refuse_unknown_token(base, 1217)
    with pytest.raises(
        ConfigError, match=r"produces token 1,218, but the model has only 1,218 tokens \(vocab_size.*another model\b"
    ):
        refuse_unknown_token(base, 1218)
