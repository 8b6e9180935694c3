"""Whose terms apply: from a model's own card, from the list of what conf/ names, or unknown, and then whom to ask."""

from pathlib import Path

import pytest
import yaml

from medqa_sweeps.card import licences
from medqa_sweeps.config import DataConfig, ModelConfig
from tests.conftest import ROOT


def hub_ids(group: str) -> list[str]:
    files = (yaml.safe_load(path.read_text()) for path in sorted((ROOT / "conf" / group).glob("*.yaml")))
    return sorted({file["hub_id"] for file in files if file.get("hub_id")})


@pytest.mark.parametrize("hub_id", hub_ids("model"))
def test_every_model_of_conf_has_a_licence_that_the_hub_knows(hub_id: str) -> None:
    """A new one: add it to `_MODELS` in medqa_sweeps/card/licences.py, with what its publisher says."""
    assert licences.of_model(ModelConfig(name="m", hub_id=hub_id)).is_identifier


@pytest.mark.parametrize("hub_id", hub_ids("data"))
def test_every_data_set_of_conf_has_a_licence(hub_id: str) -> None:
    """A new one: add it to `_DATA_SETS` there."""
    assert "unknown: ask" not in licences.of_data(DataConfig(name="d", hub_id=hub_id, train="train"))


@pytest.mark.parametrize(
    ("readme", "name", "text"),
    [
        ("---\nlicense: mit\n---\n# A model", "mit", "mit"),
        ("---\nlicense: other\nlicense_name: our-terms\nlicense_link: https://x.example\n---\n", "our-terms",
         "our-terms (https://x.example)"),
        ("# A model without metadata", "", "unknown: ask its publisher before you use or pass on this model"),
        ("---\nlicense: [\n---\n", "", "unknown: ask its publisher before you use or pass on this model"),
        (None, "", "unknown: ask its publisher before you use or pass on this model"),
    ],
)  # fmt: skip
def test_a_local_models_own_card_is_read(readme: str | None, name: str, text: str, tmp_path: Path) -> None:
    if readme is not None:
        (tmp_path / "README.md").write_text(readme)
    licence = licences.of_model(ModelConfig(name="local", path=str(tmp_path)))
    assert (licence.name, licence.text("its publisher")) == (name, text)
    assert licence.is_identifier == (name == "mit")


def test_files_of_ones_own_have_an_unknown_licence() -> None:
    assert "unknown: ask the owner" in licences.of_data(DataConfig(name="local", train="/x/a.jsonl"))
    assert licences.of_data(DataConfig(name="sample", train="bundled:sample/train.jsonl")).startswith("apache-2.0")
    assert "unknown: ask a/b's" in licences.of_data(DataConfig(name="d", hub_id="a/b", train="train"))
