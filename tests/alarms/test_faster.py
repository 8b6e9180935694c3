"""What is said of bfloat16 depends on the processor, the model and what was asked for."""

import json
from pathlib import Path

import pytest

from medqa_sweeps import hardware
from medqa_sweeps.alarms.faster import faster_here
from medqa_sweeps.config import ModelConfig


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A base wide enough, on a CPU that has the instructions and stands for whichever runs this test."""
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 576}))
    monkeypatch.setattr(hardware, "bfloat16_unit", lambda: "avx512_bf16")
    monkeypatch.setattr(hardware, "gpus", list)
    return tmp_path


def test_a_cpu_with_bfloat16_is_named_with_the_setting(base: Path) -> None:
    said = faster_here(ModelConfig(name="x"), base)
    assert said and said.startswith("Faster     model.dtype=bfloat16") and "(avx512_bf16)" in said


def test_nothing_is_said_where_nothing_is_gained(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert faster_here(ModelConfig(name="x", dtype="float32"), base) is None, "it was decided"
    (base / "config.json").write_text(json.dumps({"text_config": {"hidden_size": 128}}))
    assert faster_here(ModelConfig(name="x"), base) is None, "a tiny base"
    (base / "config.json").write_text(json.dumps({"text_config": {"hidden_size": 1152}}))
    assert faster_here(ModelConfig(name="x"), base) is not None
    monkeypatch.setattr(hardware, "bfloat16_unit", lambda: None)
    assert faster_here(ModelConfig(name="x"), base) is None, "another processor"


def test_the_kernel_is_asked_for_the_instructions() -> None:
    there = {unit for unit in ("amx_bf16", "avx512_bf16") if unit in Path("/proc/cpuinfo").read_text()}
    assert (hardware.bfloat16_unit() in there) if there else hardware.bfloat16_unit() is None
