"""What libraries adapted or put into 4-bit is compared with what was asked for; a vision tower is not part of it."""

from typing import Any

import bitsandbytes
import pytest
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from medqa_sweeps.config import LINEAR_MODULES
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.worker import language_model
from tests.worker.tower import TINY, with_tower


@pytest.fixture
def model() -> Any:
    found = with_tower()
    found.config.quantization_config = BitsAndBytesConfig(load_in_4bit=True, llm_int8_skip_modules=["lm_head"])
    return found


def put_into_4bit(model: Any, names: list[str]) -> None:
    for name in names:
        layer = model.get_submodule(name)
        model.set_submodule(
            name, bitsandbytes.nn.Linear4bit(layer.in_features, layer.out_features, layer.bias is not None)
        )


def test_the_layers_of_the_language_model(model: Any) -> None:
    names = language_model.linear_layers(model)
    assert len(names) == 4 * 7
    assert all(name.startswith("model.language_model.layers.") for name in names)


def test_text_only_models_have_them_too() -> None:
    names = language_model.linear_layers(AutoModelForCausalLM.from_pretrained(TINY))
    assert len(names) == 4 * 7 and names[0] == "model.layers.0.self_attn.q_proj"


@pytest.mark.parametrize("as_dict", [False, True], ids=["object", "dict of a GPU"])
def test_four_bit_is_for_the_language_model(model: Any, as_dict: bool) -> None:
    if as_dict:
        model.config.quantization_config = model.config.quantization_config.to_dict()
    put_into_4bit(model, language_model.linear_layers(model))
    language_model.refuse_other_four_bit(model, "BASE")
    put_into_4bit(model, ["model.vision_tower.encoder.layers.0.self_attn.q_proj"])
    with pytest.raises(ConfigError, match=r"29 layers of BASE .* instead of the 28 .*model\.vision_tower\.encoder"):
        language_model.refuse_other_four_bit(model, "BASE")


def test_a_layer_that_stayed_in_16_bit_is_seen_unless_the_config_skips_it(model: Any) -> None:
    *most, last = language_model.linear_layers(model)
    put_into_4bit(model, most)
    with pytest.raises(ConfigError, match="27 layers of BASE were loaded in 4-bit instead of the 28"):
        language_model.refuse_other_four_bit(model, "BASE")
    model.config.quantization_config.llm_int8_skip_modules = [last]
    language_model.refuse_other_four_bit(model, "BASE")


def test_a_pattern_of_full_names_leaves_the_tower_alone(model: Any) -> None:
    expected = [name for name in language_model.linear_layers(model) if name.endswith(("q_proj", "up_proj"))]
    pattern = language_model.pattern_of(model, ["q_proj", "up_proj"])
    adapted = get_peft_model(model, LoraConfig(r=2, target_modules=pattern))
    language_model.refuse_other_adapted(adapted, expected)
    assert language_model.adapted_layers(adapted) == expected and len(expected) == 4 * 2


def test_bare_names_adapt_the_tower_and_are_refused(model: Any) -> None:
    expected = language_model.linear_layers(model)
    adapted = get_peft_model(model, LoraConfig(r=2, target_modules=list(LINEAR_MODULES)))
    with pytest.raises(ConfigError, match=r"34 layers were adapted instead of the 28 .*model\.vision_tower\.encoder"):
        language_model.refuse_other_adapted(adapted, expected)
