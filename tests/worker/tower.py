"""A small Gemma 3 with a vision tower, as Gemma 3 4B has one; its language model is that of the tiny base."""

import shutil
from pathlib import Path

import torch
from transformers import Gemma3Config, Gemma3ForCausalLM, Gemma3ForConditionalGeneration

from medqa_sweeps.assets import resolve_bundled

TINY = resolve_bundled("bundled:tiny_gemma3")
TOWER = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
    "image_size": 32, "patch_size": 8,
}  # fmt: skip


def with_tower() -> Gemma3ForConditionalGeneration:
    """The model in float32, the tower's weights random."""
    text = Gemma3ForCausalLM.from_pretrained(TINY, dtype=torch.float32)
    tokens = {"image_token_index": 7, "boi_token_index": 8, "eoi_token_index": 9}
    config = Gemma3Config(text_config=text.config.to_dict(), vision_config=TOWER, mm_tokens_per_image=4, **tokens)
    torch.manual_seed(0)
    model = Gemma3ForConditionalGeneration(config)
    model.get_decoder().load_state_dict(text.get_decoder().state_dict())
    return model


def save_with_tower(folder: Path) -> Path:
    """`folder` with the model and the tiny base's tokenizer."""
    with_tower().save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(TINY / name, folder)
    return folder
