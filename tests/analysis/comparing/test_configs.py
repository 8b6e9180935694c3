"""Which config keys tell trials apart."""

from pathlib import Path
from typing import Any

import pytest

from medqa_sweeps.analysis.comparing.configs import settings_text, varying_keys
from medqa_sweeps.analysis.reading.studies import Trial, read_study
from medqa_sweeps.config import DataConfig, EngineConfig, ModelConfig, TrackingConfig
from medqa_sweeps.wording import setting, short_names
from tests.analysis.trial_folders import submit

TINY = ModelConfig(name="tiny_gemma3", path="bundled:tiny_gemma3")
SMOL = ModelConfig(name="smollm2_135m", hub_id="HuggingFaceTB/SmolLM2-135M-Instruct")


def trials(folder: Path, *changes: dict[str, Any]) -> tuple[Trial, ...]:
    for number, change in enumerate(changes):
        submit(folder / str(number), **change)
    return read_study(folder).trials


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ([{"lora__r": 8}, {"lora__r": 16}], ["lora.r"]),
        ([{"lora__r": 8, "lora__alpha": 16.0}, {"lora__r": 16, "lora__alpha": 64.0}], ["lora.r", "lora.alpha"]),
        ([{"lora__alpha": 16.0}, {"lora__alpha": 32.0}], ["lora.alpha"]),
        ([{"seed": 0}, {"seed": 1}], ["seed"]),
        ([{}, {}], []),
        ([{"training__effective_batch_size": 4}, {"training__effective_batch_size": 16}],
         ["training.effective_batch_size"]),
        ([{"training__micro_batch_size": 4}, {"training__micro_batch_size": 16}], []),
        ([{"tracking": TrackingConfig(tags=["a"])}, {"engine": EngineConfig(max_attempts=3)}], []),
        ([{"model": TINY}, {"model": SMOL}], ["model.name"]),
        ([{"model": TINY}, {"model": ModelConfig(name="tiny_gemma3", path="/other")}], ["model.path"]),
        ([{"data": DataConfig(name="a", train="a")}, {"data": DataConfig(name="b", train="b", synthetic=True)}],
         ["data.name"]),
    ],
)  # fmt: skip
def test_only_what_varies_and_means_something(tmp_path: Path, changes: list[dict[str, Any]], keys: list[str]) -> None:
    assert varying_keys(trials(tmp_path, *changes)) == keys


def test_short_names_are_what_people_say() -> None:
    assert short_names(["lora.r", "optimizer.lr", "model.name", "seed"]) == {
        "lora.r": "r",
        "optimizer.lr": "lr",
        "model.name": "model",
        "seed": "seed",
    }
    assert short_names(["split.seed", "seed"]) == {"split.seed": "split.seed", "seed": "seed"}


def test_values_are_written_as_one_types_them(tmp_path: Path) -> None:
    (trial, _) = trials(tmp_path, {"optimizer__lr": 1e-4}, {"optimizer__lr": 2e-4})
    assert settings_text(trial, {"optimizer.lr": "lr", "lora.use_dora": "use_dora"}) == "lr=0.0001 use_dora=false"
    assert setting(None) == "null"
    assert setting(["q_proj", "k_proj"]) == "[q_proj,k_proj]"
