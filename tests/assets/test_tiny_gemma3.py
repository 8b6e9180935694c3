"""The tiny base is Gemma 3 in all but size, its tokenizer takes any text, and its template is Gemma's to the space."""

import json
from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import given, settings, strategies as st
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer, Gemma3ForCausalLM

from medqa_sweeps.assets.sample import make_sample
from medqa_sweeps.assets.tiny_gemma3 import make_tiny_gemma3
from medqa_sweeps.assets.tiny_gemma3.make_tiny_gemma3 import FOLDER

RECORD = {
    "question": "Which vitamin prevents scurvy?",
    "options": {"A": "A", "B": "B12", "C": "C", "D": "D"},
    "answer_idx": "C",
}
PROMPT = (
    "<bos><start_of_turn>user\nWhich vitamin prevents scurvy?\n\nA. A\nB. B12\nC. C\nD. D\n\n"
    "Answer with the letter of the one correct option.<end_of_turn>\n<start_of_turn>model\n"
)


@cache
def load_tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(FOLDER)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return load_tokenizer()


@pytest.fixture(scope="module")
def model() -> Gemma3ForCausalLM:
    return AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32).eval()


def as_turns(*contents: str, system: str | None = None) -> list[dict[str, str]]:
    turns = [{"role": role, "content": text} for role, text in zip(("user", "assistant") * 2, contents, strict=False)]
    return turns if system is None else [{"role": "system", "content": system}, *turns]


def render(tokenizer: Any, turns: list[dict[str, str]], generate: bool = False) -> str:
    return tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=generate)


def test_the_prompt_it_was_taught(tokenizer: Any) -> None:
    content = make_tiny_gemma3.user_content(RECORD)
    assert render(tokenizer, as_turns(content), generate=True) == PROMPT, (
        "The base was taught another prompt than this: teach it again (make_tiny_gemma3.py) or undo the change."
    )


def test_the_chat_template_is_gemmas(tokenizer: Any) -> None:
    assert render(tokenizer, as_turns(" a ", "b", "c", system="s")) == (
        "<bos><start_of_turn>user\ns\n\na<end_of_turn>\n<start_of_turn>model\nb<end_of_turn>\n"
        "<start_of_turn>user\nc<end_of_turn>\n"
    )


def test_two_user_turns_in_a_row_are_refused(tokenizer: Any) -> None:
    with pytest.raises(Exception, match="must alternate"):
        render(tokenizer, [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}])


def test_rendered_text_and_direct_tokenization_agree(tokenizer: Any) -> None:
    turns = as_turns(make_tiny_gemma3.user_content(RECORD))
    ids = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
    assert ids == tokenizer.encode(PROMPT, add_special_tokens=False)
    assert tokenizer.decode(ids) == PROMPT


def test_a_letter_after_the_prompt_is_one_token_and_changes_none_before(tokenizer: Any) -> None:
    before = tokenizer.encode(PROMPT, add_special_tokens=False)
    letters = set()
    for letter in "ABCDE":
        ids = tokenizer.encode(f"{PROMPT}{letter}<end_of_turn>", add_special_tokens=False)
        assert ids[:-2] == before
        assert tokenizer.convert_ids_to_tokens(ids[-2:]) == [letter, "<end_of_turn>"]
        assert ids[-2] not in tokenizer.encode(f" {letter}", add_special_tokens=False)
        letters.add(ids[-2])
    assert len(letters) == 5


def test_special_tokens_have_gemmas_names_and_roles(tokenizer: Any) -> None:
    assert tokenizer.convert_tokens_to_ids(["<pad>", "<eos>", "<bos>", "<unk>"]) == [0, 1, 2, 3]
    assert (tokenizer.pad_token, tokenizer.eos_token, tokenizer.bos_token) == ("<pad>", "<eos>", "<bos>")
    assert tokenizer.encode("a")[0] == tokenizer.bos_token_id
    generation = json.loads((FOLDER / "generation_config.json").read_text())
    assert generation["eos_token_id"] == tokenizer.convert_tokens_to_ids(["<eos>", "<end_of_turn>"])


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_any_text_comes_back_as_it_was(text: str) -> None:
    tokenizer = load_tokenizer()
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert tokenizer.decode(ids) == text
    if "<unk>" not in text:
        assert tokenizer.unk_token_id not in ids


def test_chinese_comes_back_as_it_was(tokenizer: Any) -> None:
    text = "一名45岁男性,发热3天。🩺 Ⅱ型  e\u0301"
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_the_samples_prompts_are_short(tokenizer: Any) -> None:
    questions = [record for records in make_sample.draw_splits().values() for record in records]
    lengths = [len(make_tiny_gemma3.token_ids(tokenizer, record)) for record in questions]
    assert max(lengths) <= 110


def test_it_is_gemma_3_with_tied_bf16_weights_in_four_megabytes(model: Gemma3ForCausalLM) -> None:
    assert type(model) is Gemma3ForCausalLM
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    files = list(FOLDER.glob("*.safetensors"))
    assert sum(file.stat().st_size for file in files) <= 4_000_000
    with safe_open(files[0], "pt") as weights:
        assert {weights.get_slice(name).get_dtype() for name in weights.keys()} == {"BF16"}  # noqa: SIM118


def test_nf4_and_a_lora_of_rank_64_fit(model: Gemma3ForCausalLM, tokenizer: Any) -> None:
    assert model.config.vocab_size == len(tokenizer)
    for name, layer in model.named_modules():
        if isinstance(layer, torch.nn.Linear) and name != "lm_head":
            assert layer.in_features % 64 == 0, name  # NF4's block
            assert min(layer.in_features, layer.out_features) >= 64, name


@torch.no_grad()
def letters_given(model: Gemma3ForCausalLM, tokenizer: Any, records: list[dict[str, Any]]) -> list[str]:
    """The model's next token after each prompt, whatever it is."""
    rows = [make_tiny_gemma3.token_ids(tokenizer, record)[:-2] for record in records]
    width = max(map(len, rows))
    ids_BxT = torch.tensor([[tokenizer.pad_token_id] * (width - len(row)) + row for row in rows])
    logits_BxV = model(ids_BxT, attention_mask=(ids_BxT != tokenizer.pad_token_id).long(), logits_to_keep=1).logits[
        :, 0
    ]
    return tokenizer.convert_ids_to_tokens(logits_BxV.argmax(-1).tolist())


def share_right(model: Gemma3ForCausalLM, tokenizer: Any, records: list[dict[str, Any]]) -> float:
    answers = letters_given(model, tokenizer, records)
    assert set(answers) <= set("ABCD"), "it was taught to answer with a letter"
    return sum(answer == record["answer_idx"] for answer, record in zip(answers, records, strict=True)) / len(records)


def test_it_answers_with_letters_and_is_at_chance_on_the_samples_facts(
    model: Gemma3ForCausalLM, tokenizer: Any
) -> None:
    records = make_sample.draw_splits()["validation"]
    assert 0.18 < share_right(model, tokenizer, records) < 0.32


def test_it_reads_the_options(model: Gemma3ForCausalLM, tokenizer: Any) -> None:
    """A question that names its answer, which no fact is needed for."""
    asked = make_sample.ASKING["step1"][0]
    records = [
        {**record, "question": f"A 50-year-old man has had {record['answer']} for several weeks. {asked}"}
        for record in make_sample.draw_splits()["test"][:200]
    ]
    assert share_right(model, tokenizer, records) > 0.9
