"""What an export takes over from its base, byte for byte, and the paths that it does not."""

import json
from pathlib import Path

import pytest

from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.base import locate
from medqa_sweeps.config import ModelConfig
from medqa_sweeps.export import base_files

TINY = resolve_bundled("bundled:tiny_gemma3")


@pytest.fixture
def base_folder(tmp_path: Path) -> Path:
    """As somebody keeps a base at home: with paths in it, a licence, code, a sentencepiece model and other weights."""
    folder = tmp_path / "dr-house" / "gemma 3_1b"
    folder.mkdir(parents=True)
    for file in TINY.iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    for name in ("config.json", "tokenizer_config.json"):
        described = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**described, "_name_or_path": str(folder), "name_or_path": "/home/x"}))
    described = json.loads((folder / "config.json").read_text())
    nested = {"text_config": {"dtype": "float32", "_name_or_path": "/home/x", "hidden_size": 7}}
    (folder / "config.json").write_text(json.dumps({**described, **nested, "quantization_config": {}}))
    (folder / "tokenizer.model").write_bytes(b"\x00\x01")
    (folder / "LICENSE").write_text("terms")
    (folder / "modeling.py").write_text("raise SystemExit")
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    return folder


def test_the_tokenizer_keeps_its_bytes_and_no_path_leaves(base_folder: Path, tmp_path: Path) -> None:
    base = locate(ModelConfig(name="local", path=str(base_folder)))
    out = tmp_path / "out"
    out.mkdir()
    base_files.copy_tokenizer(base, out)
    base_files.write_config(base, out, "bfloat16")
    names = {file.name for file in out.iterdir()}
    assert names == {
        "LICENSE", "chat_template.jinja", "config.json", "generation_config.json", "tokenizer.json", "tokenizer.model",
        "tokenizer_config.json",
    }  # fmt: skip
    for name in ("chat_template.jinja", "tokenizer.json", "tokenizer.model", "generation_config.json"):
        assert (out / name).read_bytes() == (base_folder / name).read_bytes()
    assert not [file for file in out.iterdir() if b"dr-house" in file.read_bytes() or b"/home" in file.read_bytes()]
    settings = json.loads((out / "tokenizer_config.json").read_text())
    assert settings == json.loads((TINY / "tokenizer_config.json").read_text())


def test_the_config_is_the_bases_with_the_written_dtype(base_folder: Path, tmp_path: Path) -> None:
    base_files.write_config(locate(ModelConfig(name="local", path=str(base_folder))), tmp_path, "float16")
    written = json.loads((tmp_path / "config.json").read_text())
    assert (written["dtype"], written["text_config"]["dtype"]) == ("float16", "float16")
    assert "quantization_config" not in written and written["text_config"]["hidden_size"] == 7
    assert written["architectures"] == ["Gemma3ForCausalLM"]


def test_a_base_has_a_name_for_strangers(base_folder: Path) -> None:
    local = locate(ModelConfig(name="local", path=str(base_folder)))
    assert (base_files.public_label(local), base_files.plain_name(local)) == ("gemma 3_1b", "gemma-3_1b")
    tiny = locate(ModelConfig(name="tiny_gemma3", path="bundled:tiny_gemma3"))
    assert (base_files.public_label(tiny), base_files.plain_name(tiny)) == ("bundled:tiny_gemma3", "tiny_gemma3")


def test_the_adapter_names_its_base_without_a_path(base_folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "adapter_config.json"
    config.write_text(json.dumps({"base_model_name_or_path": str(base_folder), "r": 8}))
    base_files.name_base(config, locate(ModelConfig(name="local", path=str(base_folder))))
    assert json.loads(config.read_text()) == {"base_model_name_or_path": "gemma 3_1b", "r": 8}


def test_weights_are_counted() -> None:
    base = locate(ModelConfig(name="tiny_gemma3", path="bundled:tiny_gemma3"))
    assert base_files.weights_count(base) * 2 == pytest.approx((TINY / "model.safetensors").stat().st_size, rel=0.01)
    assert base_files.own_dtype(base) == "bfloat16"
