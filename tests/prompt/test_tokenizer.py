"""Counting without transformers gives the tokens that training will see."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.config import DataConfig, PromptConfig
from medqa_sweeps.data import read_questions
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.prompt import PromptEncoder
from medqa_sweeps.prompt.tokenizer import FileTokenizer

CHAT = PromptConfig(name="chat", template="{question}\n\n{options}\n\nAnswer:", system="Be brief.")
PLAIN = PromptConfig(name="plain", template="{question}\n{options}\nAnswer:", chat=False, letter_prefix=" ")


def assert_same(folder: Path, data: str, prompt: PromptConfig, count: int) -> None:
    questions = read_questions(DataConfig(name="d", train=data), "train").questions[:count]
    one, other = (
        PromptEncoder(tokenizer, prompt, letters=5)
        for tokenizer in (FileTokenizer(folder), AutoTokenizer.from_pretrained(folder))
    )
    assert one.encode_all(questions) == other.encode_all(questions)
    assert one.encode(questions[0]) == other.encode(questions[0])
    assert (one.fingerprint, one.end_of_turn_id) == (other.fingerprint, other.end_of_turn_id)


@pytest.mark.parametrize("prompt", [CHAT, PLAIN], ids=["chat", "plain"])
def test_the_tiny_base_is_read_as_transformers_reads_it(prompt: PromptConfig) -> None:
    assert_same(resolve_bundled("bundled:tiny_gemma3"), "bundled:sample/train.jsonl", prompt, 100)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["gemma3_tokenizer", "smollm2_135m"])
@pytest.mark.parametrize("data", ["us_4_options_dev.jsonl", "mainland_dev.jsonl"])
def test_real_tokenizers_on_real_questions(
    tmp_path: Path, shared_part: Callable[[str], Path], model: str, data: str
) -> None:
    # SmolLM2 comes as GGUF in a package, so the script needs pip and gguf over what is installed here.
    layered = ["uv", "run", "--no-project", "--python", sys.executable, "--with", "pip", "--with", "gguf", "python"]
    done = subprocess.run([*layered, shared_part("models/get_model.py"), model, tmp_path / model])
    if done.returncode:
        pytest.skip(f"{model} could not be fetched")
    assert_same(tmp_path / model, str(shared_part(f"data/medqa/{data}")), CHAT, 500)


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"tokenizer_config\.json: not readable tokenizer settings.*Name a model's folder"
    ):
        FileTokenizer(tmp_path)


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"chat_template": "x"}, "x"),
        ({"chat_template": [{"name": "tool", "template": "t"}, {"name": "default", "template": "d"}]}, "d"),
        ({}, None),
    ],
)
def test_a_chat_template_may_stand_in_the_settings(tmp_path: Path, settings: dict[str, Any], found: str | None) -> None:
    import json

    (tmp_path / "tokenizer.json").write_bytes((resolve_bundled("bundled:tiny_gemma3") / "tokenizer.json").read_bytes())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({**settings, "eos_token": {"content": "<eos>"}}))
    tokenizer = FileTokenizer(tmp_path)
    assert tokenizer.chat_template == found and isinstance(tokenizer.eos_token_id, int)
