"""A key that is not there is refused with the nearest that is."""

import pytest
from omegaconf import OmegaConf

from medqa_sweeps.config import TrialConfig
from medqa_sweeps.config.known_keys import keys_of, nearest, not_a_setting, unknown_keys

KNOWN = list(keys_of(OmegaConf.structured(TrialConfig)))


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("lora.rank", "lora.r"),
        ("lora.rr", "lora.r"),
        ("lora.dropuot", "lora.dropout"),
        ("loraa", "lora"),
        ("lr", "optimizer.lr"),
        ("lora.lr", "optimizer.lr"),
        ("optimiser.lr", "optimizer.lr"),
        ("max_step", "training.max_steps"),
        ("split.sead", "split.seed"),
        ("lora.r.x", "lora.r"),
        ("foo", None),
        ("lora.zzz", None),
    ],
)
def test_the_nearest_key_is_the_one_that_was_meant(key: str, meant: str | None) -> None:
    sentence = not_a_setting(key, KNOWN)
    assert sentence.startswith(f"{key} is not a setting. ")
    assert ("Did you mean" in sentence) == (meant is not None)
    if meant:
        assert sentence.endswith(f"Did you mean {meant}?")


def test_without_a_near_key_those_beside_it_are_listed_and_the_place_for_free_words() -> None:
    assert not_a_setting("lora.zzz", KNOWN).endswith(
        "lora has name, r, alpha, dropout, target_modules, use_rslora, use_dora."
    )
    told = not_a_setting("weather", KNOWN)
    assert told.endswith("Your own notes go to tracking.notes.weather.")
    assert "A config has seed, model, prompt" in told and "lora.r" not in told


def test_a_group_is_no_answer_to_a_key_in_it() -> None:
    assert not_a_setting("hydra.a.foo", ["hydra.a", "hydra.a.bar"]) == "hydra.a.foo is not a setting. hydra.a has bar."


def test_a_name_of_one_part_has_the_nearest_option() -> None:
    assert nearest("al_linear", ["all_linear", "attention", "dora"]) == "all_linear"
    assert nearest("x", ["all_linear", "attention"]) is None and nearest("x", []) is None


def test_only_a_dataclass_has_keys_that_it_does_not_know() -> None:
    config = OmegaConf.structured(TrialConfig)
    OmegaConf.set_struct(config, False)
    config.tracking.notes["why"] = "free"
    assert not list(unknown_keys(config))
    OmegaConf.update(config, "lora.rank", 8, force_add=True)
    OmegaConf.update(config, "extra.deep", 1, force_add=True)
    assert list(unknown_keys(config)) == ["lora.rank", "extra"]
    assert "lora.rank" not in list(keys_of(config)) and "tracking.notes.why" in list(keys_of(config))
