"""Every prompt holds its question: templates are spoken to as they understand it, and what is lost is refused."""

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.config import PromptConfig
from medqa_sweeps.data import Question
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.prompt.chat import Chat
from medqa_sweeps.prompt.encoder import PromptEncoder, share_kept
from medqa_sweeps.prompt.tokenizer import FileTokenizer

WORDING = "{question}\n\n{options}"
QUESTION = Question("id", "Which vitamin prevents scurvy?", ("A", "B12", "C", "D"), gold=2)
TURN = "{{ '<start_of_turn>' + m.role + '\\n' }}%s{{ '<end_of_turn>\\n' }}"
END = "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"
TEXT, PARTS = "{{ m.content }}", "{% for part in m.content %}{{ part.text }}{% endfor %}"
NO_SYSTEM = "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"


def template(body: str, before: str = "") -> str:
    return before + "{% for m in messages %}" + TURN % body + "{% endfor %}" + END


def tokenizers(chat_template: str, folder: Path) -> list[Any]:
    """Of transformers and our own, from the same files."""
    tiny = AutoTokenizer.from_pretrained(resolve_bundled("bundled:tiny_gemma3"))
    tiny.chat_template = chat_template
    tiny.save_pretrained(folder)
    return [tiny, FileTokenizer(folder)]


@pytest.mark.parametrize(
    ("chat_template", "rendered"),
    [
        (template(TEXT), "<start_of_turn>system\nBe brief.<end_of_turn>\n<start_of_turn>user\n"),
        (template(PARTS), "<start_of_turn>system\nBe brief.<end_of_turn>\n<start_of_turn>user\n"),
        (template(TEXT, NO_SYSTEM), "<start_of_turn>user\nBe brief.\n\n"),
        (template(PARTS, NO_SYSTEM), "<start_of_turn>user\nBe brief.\n\n"),
        (template("{% if m.role != 'system' %}" + TEXT + "{% endif %}"), "<start_of_turn>user\nBe brief.\n\n"),
    ],
    ids=["text", "parts", "text, no system", "parts, no system", "system dropped"],
)
def test_question_and_system_message_stand_in_the_prompt(tmp_path: Path, chat_template: str, rendered: str) -> None:
    config = PromptConfig(name="p", template=WORDING, system="Be brief.")
    for tokenizer in tokenizers(chat_template, tmp_path):
        encoder = PromptEncoder(tokenizer, config, 4)
        assert encoder.text(QUESTION) == (
            rendered + "Which vitamin prevents scurvy?\n\nA. A\nB. B12\nC. C\nD. D<end_of_turn>\n<start_of_turn>model\n"
        )
        (ids,) = encoder.encode_all([QUESTION])
        assert "Which vitamin prevents scurvy?" in tokenizer.decode(ids)
        assert tokenizer.decode(encoder.completion(0)) == "A<end_of_turn>"


@pytest.mark.parametrize(
    ("chat_template", "reason"),
    [
        (template(""), "it leaves out the user's message"),
        ("{{ raise_exception('No questions, please') }}", "it raises No questions, please"),
    ],
)
def test_a_template_without_a_place_for_the_question_is_refused(
    tmp_path: Path, chat_template: str, reason: str
) -> None:
    for tokenizer in tokenizers(chat_template, tmp_path):
        with pytest.raises(ConfigError, match=f"cannot render a question: {reason}. Use prompt=plain"):
            Chat(tokenizer, None)


def test_a_tokenizer_without_tokens_for_the_questions_is_refused() -> None:
    words = {
        word: id for id, word in enumerate(["[UNK]", "A", "B", "C", "D", "Which", "vitamin", "prevents", "?", "."])
    }
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    found = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", eos_token="[UNK]")
    encoder = PromptEncoder(found, PromptConfig(name="p", template=WORDING, chat=False, letter_prefix=" "), 2)
    assert encoder.encode_all([Question("i", "Which vitamin prevents?", ("A", "B"), gold=0)])
    for lost in ("哪种维生素可以预防坏血病？", "Which vitamin prevents scurvy in sailors?"):
        with pytest.raises(ConfigError, match=r"only \d+% of the question .* reaches the prompt's tokens"):
            encoder.encode_all([Question("i", lost, ("A", "B"), gold=0)])


def test_the_longest_question_is_looked_at_too() -> None:
    tiny = AutoTokenizer.from_pretrained(resolve_bundled("bundled:tiny_gemma3"))
    tiny.chat_template = template("{{ m.content[:60] }}")
    encoder = PromptEncoder(tiny, PromptConfig(name="p", template=WORDING), 4)
    short, long = (Question("i", text, ("x", "y"), gold=0) for text in ("Which?", "Which of the many vitamins? " * 9))
    assert encoder.encode_all([short, short])
    with pytest.raises(ConfigError, match=r"of the question .* reaches the prompt's text"):
        encoder.encode_all([short, long, short])


def test_options_that_are_cut_off_are_detected() -> None:
    tiny = AutoTokenizer.from_pretrained(resolve_bundled("bundled:tiny_gemma3"))
    tiny.chat_template = template("{{ m.content.split('\\n')[0] }}")
    encoder = PromptEncoder(tiny, PromptConfig(name="p", template=WORDING), 4)
    with pytest.raises(ConfigError, match=r"of the options \['aspirin', 'heparin'\] reaches the prompt's text"):
        encoder.encode_all([Question("i", "Which drug?", ("aspirin", "heparin"), gold=0)])


@pytest.mark.parametrize(
    ("wanted", "found", "share"),
    [("Café au lait", "cafe  AU lait", 1.0), ("abcd", "ab", 1 / 3), ("?", "", 1.0), ("ab ab", "ab", 1 / 3)],
)
def test_the_share_that_is_kept(wanted: str, found: str, share: float) -> None:
    assert share_kept([wanted], found) == pytest.approx(share)
