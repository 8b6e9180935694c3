"""What a base's files say against a prompt, found in the parent: before a trial begins, and without torch."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.base import locate
from medqa_sweeps.config import ModelConfig, PromptConfig
from medqa_sweeps.data import Question
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.prompt import PromptEncoder
from medqa_sweeps.prompt.check import refuse_long_questions, refuse_prompt
from medqa_sweeps.prompt.tokenizer import FileTokenizer

CHAT = PromptConfig(name="chat", template="{question}\n{options}")
PLAIN = PromptConfig(name="plain", template="{question}\n{options}\nAnswer:", chat=False, letter_prefix=" ")
WITH_SYSTEM = PromptConfig(name="chat", template="{question}\n{options}", system="Be brief.")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(resolve_bundled("bundled:tiny_gemma3"), tmp_path / "base")


def check(folder: Path, prompt: PromptConfig) -> None:
    refuse_prompt(locate(ModelConfig(name="local", path=str(folder))), prompt)


def settings(folder: Path, **changes: Any) -> None:
    """Change tokenizer_config.json; None takes a setting away."""
    file = folder / "tokenizer_config.json"
    changed = {**json.loads(file.read_text()), **changes}
    file.write_text(json.dumps({key: value for key, value in changed.items() if value is not None}))


def test_the_bundled_base_supports_every_prompt(folder: Path) -> None:
    for prompt in (CHAT, PLAIN, WITH_SYSTEM):
        check(folder, prompt)


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{{ raise_exception('not for you') }}", r"it raises not for you\. Use prompt=plain, fix the template"),
        ("{% for m in messages %}", r"base \(chat_template\.jinja.*Unexpected end of template"),
        ("{{ messages[0].content + 1 }}", "it raises TypeError: can only concatenate str"),
        (
            "{% if not add_generation_prompt %}{{ raise_exception('no answers') }}{% endif %}SENTINEL",
            "raises no answers",
        ),
    ],
)
def test_a_refusing_template_is_reported_with_its_message_and_a_next_step(
    template: str, told: str, folder: Path
) -> None:
    """It was `internal: TemplateError`, after the trial had begun."""
    (folder / "chat_template.jinja").write_text(template)
    with pytest.raises(ConfigError, match=told):
        check(folder, CHAT)
    for tokenizer in (FileTokenizer(folder), AutoTokenizer.from_pretrained(folder)):
        with pytest.raises(ConfigError, match=told):
            PromptEncoder(tokenizer, CHAT, 4)
    check(folder, PLAIN)


def test_a_prompt_without_an_end_of_answer_is_refused(folder: Path) -> None:
    """It was `internal: RuntimeError: Could not infer dtype of NoneType`."""
    settings(folder, eos_token=None)
    check(folder, CHAT)  # the template ends the turn
    told = r"base has no end-of-sequence token.*\"eos_token\": \"</s>\""
    with pytest.raises(ConfigError, match=told):
        check(folder, PLAIN)
    with pytest.raises(ConfigError, match=told):
        PromptEncoder(AutoTokenizer.from_pretrained(folder), PLAIN, 4)


@pytest.mark.parametrize("known", ["by its class", "in an older file"])
def test_an_end_that_transformers_knows_from_elsewhere_is_not_missed(known: str, folder: Path) -> None:
    if known == "by its class":
        settings(folder, eos_token=None, tokenizer_class="LlamaTokenizer")
    else:
        settings(folder, eos_token=None)
        (folder / "special_tokens_map.json").write_text('{"eos_token": {"content": "<eos>"}}')
        assert PromptEncoder(FileTokenizer(folder), PLAIN, 4).end_of_turn_id == 1
    check(folder, PLAIN)


DATED = "{{ strftime_now('%d %b %Y') }} {{ date_string is defined }} {{ messages[-1].content }}"


@pytest.mark.parametrize("load", [FileTokenizer, AutoTokenizer.from_pretrained], ids=["files", "transformers"])
def test_a_template_that_writes_the_date_writes_the_same_prompt_on_every_day(
    load: Callable[[Path], Any], folder: Path
) -> None:
    """Llama 3.2's does. The signature, the baseline and the tokens would be of one day, and the prompt of another."""
    (folder / "chat_template.jinja").write_text(DATED)
    encoder = PromptEncoder(load(folder), CHAT, 2)
    assert encoder.text(Question("id", "Which?", ("x", "y"), 0)) == "26 Jul 2024 False Which?\nA. x\nB. y"


def questions(*lengths_words: int) -> list[Question]:
    return [Question(str(one), f"{one} " + "word " * one, ("a", "b", "c"), 0) for one in lengths_words]


def refused_questions(folder: Path, max_length_tokens: int, prompt: PromptConfig = CHAT) -> str:
    base = locate(ModelConfig(name="local", path=str(folder)))
    try:
        refuse_long_questions(base, prompt, questions(*range(1, 400), 500), max_length_tokens, 3, "training")
    except ConfigError as error:
        return str(error)
    return ""


def test_questions_that_would_be_cut_are_counted_as_the_trial_counts_them(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    lengths = [len(ids) + 2 for ids in PromptEncoder(tokenizer, CHAT, 3).encode_all(questions(*range(1, 400), 500))]
    longest, cut = max(lengths), sum(length > 300 for length in lengths)
    assert f"would truncate {cut} of 400 training" in refused_questions(folder, 300)
    assert refused_questions(folder, longest - 1).endswith(f"set training.max_length_tokens={longest}.")
    assert refused_questions(folder, longest) == ""


def test_a_letter_that_is_no_single_token_is_refused_before_torch_is_there(folder: Path) -> None:
    wrong = PromptConfig(name="mine", template="{question}\n{options}", letter_prefix="ABC")
    assert "Change prompt.letter_prefix" in refused_questions(folder, 10_000, wrong)


def test_a_tokenizer_without_a_file_of_its_own_is_left_to_the_trial(folder: Path) -> None:
    (folder / "tokenizer.json").rename(folder / "tokenizer.model")
    base = locate(ModelConfig(name="local", path=str(folder)))
    refuse_long_questions(base, CHAT, questions(5), 1, 3, "training")
