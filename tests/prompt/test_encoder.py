"""What the model reads, to the character and the token. If one of these fails, every score made before means less."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings, strategies as st
from transformers import AutoTokenizer

from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.config import PromptConfig
from medqa_sweeps.data import Question
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.prompt import PromptEncoder, refuse_long

CONF = Path(__file__).parents[2] / "conf" / "prompt"
QUESTION = Question("id", "Which vitamin prevents scurvy?", ("A", "B12", "C", "D"), gold=2)
RENDERED = {
    "chat": (
        "<bos><start_of_turn>user\nWhich vitamin prevents scurvy?\n\nA. A\nB. B12\nC. C\nD. D\n\n"
        "Answer with the letter of the one correct option.<end_of_turn>\n<start_of_turn>model\n"
    ),
    "chat_passages": (
        "<bos><start_of_turn>user\nWhich vitamin prevents scurvy?\n\nA. A\nB. B12\nC. C\nD. D\n\n"
        "Answer with the letter of the one correct option.<end_of_turn>\n<start_of_turn>model\n"
    ),
    "plain": "Question: Which vitamin prevents scurvy?\nA. A\nB. B12\nC. C\nD. D\nAnswer:",
    "terse": (
        "<bos><start_of_turn>user\nWhich vitamin prevents scurvy?\nA. A\nB. B12\nC. C\nD. D\n"
        "Letter?<end_of_turn>\n<start_of_turn>model\n"
    ),
}
COMPLETED = {
    "chat": ["C", "<end_of_turn>"],
    "chat_passages": ["C", "<end_of_turn>"],
    "plain": [" C", "<eos>"],
    "terse": ["C", "<end_of_turn>"],
}
TEACH = (
    "The prompt has changed. Adapters trained before were trained on another text, and baselines that are shared "
    "between trials are no longer theirs. If it was meant, write the new text here and say so in CHANGELOG.md."
)


@pytest.fixture(scope="module")
def tiny() -> Any:
    return AutoTokenizer.from_pretrained(resolve_bundled("bundled:tiny_gemma3"))


@pytest.fixture(scope="module")
def gemma3(gemma3_folder: Path) -> Any:
    return AutoTokenizer.from_pretrained(gemma3_folder)


def wording(name: str) -> PromptConfig:
    """As a sweep has it: from the file, through the schema."""
    return PromptConfig(**yaml.safe_load((CONF / f"{name}.yaml").read_text()))


CHAT, PLAIN = wording("chat"), wording("plain")


def test_every_wording_is_pinned() -> None:
    wordings = {path.stem for path in CONF.iterdir()}
    assert wordings == RENDERED.keys() == COMPLETED.keys(), "add its text to RENDERED and its answer to COMPLETED"


@pytest.mark.parametrize("name", RENDERED)
def test_the_rendered_text_and_the_answer_of_each_wording(tiny: Any, name: str) -> None:
    encoder = PromptEncoder(tiny, wording(name), letters=4)
    assert encoder.text(QUESTION) == RENDERED[name], TEACH
    assert [tiny.decode([id]) for id in encoder.completion(2)] == COMPLETED[name], TEACH


def test_the_rendered_text_and_tokens_of_the_real_gemma_3(gemma3: Any) -> None:
    encoder = PromptEncoder(gemma3, CHAT, letters=5)
    assert encoder.text(QUESTION) == RENDERED["chat"], TEACH
    assert encoder.letter_ids == [236776, 236799, 236780, 236796, 236788], TEACH
    ids = encoder.encode(QUESTION).input_ids
    assert ids[:4] == [2, 105, 2364, 107] and ids[-4:] == [107, 105, 4368, 107], TEACH
    assert encoder.completion(gold=2) == [236780, 106], TEACH
    whole = gemma3(RENDERED["chat"] + "C<end_of_turn>", add_special_tokens=False)["input_ids"]
    assert ids + encoder.completion(gold=2) == whole


def test_the_tokens_of_the_tiny_base(tiny: Any) -> None:
    encoder = PromptEncoder(tiny, CHAT, letters=4)
    tokens = tiny.convert_ids_to_tokens(encoder.encode(QUESTION).input_ids + encoder.completion(2))
    assert tokens[:3] == ["<bos>", "<start_of_turn>", "user"]
    assert tokens[-5:] == ["<start_of_turn>", "model", "Ċ", "C", "<end_of_turn>"]


def test_a_system_message_comes_first(tiny: Any) -> None:
    config = PromptConfig(name="s", template=CHAT.template, system="Be brief.")
    assert PromptEncoder(tiny, config, 4).text(QUESTION).startswith("<bos><start_of_turn>user\nBe brief.\n\nWhich")


def test_plain_is_text_alone_and_its_letter_follows_a_space(tiny: Any) -> None:
    encoder = PromptEncoder(tiny, PLAIN, letters=4)
    assert encoder.text(QUESTION).endswith("\nD. D\nAnswer:")
    assert encoder.encode(QUESTION).input_ids[0] == tiny.bos_token_id
    assert tiny.convert_ids_to_tokens(encoder.completion(2)) == ["ĠC", "<eos>"]


def test_options_in_another_order_take_the_gold_letter_along(tiny: Any) -> None:
    encoder = PromptEncoder(tiny, CHAT, letters=4)
    assert "A. C\nB. D\nC. A\nD. B12" in encoder.text(QUESTION, order=[2, 3, 0, 1])
    assert encoder.encode(QUESTION, order=[2, 3, 0, 1]).gold == 0


def test_a_question_that_holds_placeholders_stays_as_it_is(tiny: Any) -> None:
    odd = Question("id", "Is {options} or {question} or {letter}?", ("{text}", "{letter}"), gold=0)
    text = PromptEncoder(tiny, CHAT, letters=2).text(odd)
    assert "Is {options} or {question} or {letter}?\n\nA. {text}\nB. {letter}\n" in text


@settings(deadline=None, max_examples=50)
@given(text=st.text(max_size=60), options=st.lists(st.text(max_size=20), min_size=2, max_size=5))
def test_encoding_one_by_one_and_all_at_once_agree(tiny: Any, text: str, options: list[str]) -> None:
    question = Question("id", text, tuple(options), gold=0)
    encoder = PromptEncoder(tiny, CHAT, letters=5)
    assert encoder.encode_all([question]) == [encoder.encode(question).input_ids]


def test_without_a_chat_template_the_next_step_is_named(tiny: Any) -> None:
    bare = AutoTokenizer.from_pretrained(resolve_bundled("bundled:tiny_gemma3"))
    bare.chat_template = None
    with pytest.raises(ConfigError, match="prompt=plain"):
        PromptEncoder(bare, CHAT, letters=4)


def test_a_letter_of_several_tokens_is_refused(tiny: Any) -> None:
    with pytest.raises(ConfigError, match="letter_prefix"):
        PromptEncoder(tiny, PromptConfig(name="odd", template=CHAT.template, letter_prefix="xyz"), letters=4)


def test_the_maximum_number_of_options_can_be_encoded(tiny: Any) -> None:
    """Twelve were read without a word, and refused after the trial had begun."""
    encoder = PromptEncoder(tiny, CHAT, letters=26)
    question = Question("id", "Which?", tuple(f"option {number}" for number in range(26)), gold=25)
    assert "\nZ. option 25\n" in encoder.text(question)
    assert tiny.decode(encoder.completion(25)) == "Z<end_of_turn>"


def test_the_error_for_long_prompts_gives_their_number_and_the_length_needed() -> None:
    refuse_long([10, 20, 30], max_length_tokens=32, what="training")
    with pytest.raises(ConfigError, match=r"truncate 2 of 3 training.*max_length_tokens=32"):
        refuse_long([10, 20, 30], max_length_tokens=21, what="training")
