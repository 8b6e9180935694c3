"""The template in a Modelfile makes of a conversation what the tokenizer's own template makes of it.

Ollama is not here: `ollama` below does with a template what its template.go does with one that has no `.Messages`: it
is filled in once per turn, the system message in the first, and cut off where the model is to answer.
"""

import json
import re
from pathlib import Path

import pytest

from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.config import PromptConfig
from medqa_sweeps.export.modelfile import modelfile
from medqa_sweeps.prompt.tokenizer import FileTokenizer
from medqa_sweeps.wording import EDUCATION_ONLY

CHATML = (
    "{% for message in messages %}{% if loop.first and message.role != 'system' %}<|im_start|>system\nYou are helpful"
    "<|im_end|>\n{% endif %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA = (
    "{{ bos_token }}{% for message in messages %}<|start|>{{ message.role }}<|end|>\n\n{{ message.content | trim }}"
    "<|eot|>{% endfor %}{% if add_generation_prompt %}<|start|>assistant<|end|>\n\n{% endif %}"
)
NO_SYSTEM = (
    "{{ bos_token }}{% for message in messages %}{% if message.role == 'system' %}{{ raise_exception('no system') }}"
    "{% elif message.role == 'user' %}[INST] {{ message.content }} [/INST]{% else %}{{ message.content }}</s>"
    "{% endif %}{% endfor %}"
)
IN_PARTS = (
    "{% for message in messages %}<{{ message.role }}>{% for part in message.content %}{{ part.text }}{% endfor %}</>"
    "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)


def tokenizer_with(template: str, folder: Path) -> FileTokenizer:
    settings = {"chat_template": template, "bos_token": "<s>", "eos_token": "</s>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return FileTokenizer(folder)


def field(text: str, name: str) -> str:
    found = re.search(rf'^{name} """(.*?)"""$', text, re.MULTILINE | re.DOTALL)
    assert found, text
    return found[1]


def ollama(template: str, system: str, texts: list[str]) -> str:
    """The prompt for the turn after `texts`, of a user and the model in turn."""
    out = ""
    turns = [(texts[place], texts[place + 1 : place + 2]) for place in range(0, len(texts), 2)]
    for number, (user, answer) in enumerate(turns):
        said = system if number == 0 else ""
        kept = r"\1" if said else ""
        text = re.sub(r"{{ if \.System }}(.*?){{ end }}", kept, template, flags=re.DOTALL)
        if not answer:
            text = text.partition("{{ .Response }}")[0]
        for name, value in (("System", said), ("Prompt", user), ("Response", "".join(answer))):
            text = text.replace("{{ ." + name + " }}", value)
        out += text
    return out


@pytest.mark.parametrize("template", [CHATML, LLAMA, NO_SYSTEM, IN_PARTS, "bundled"])
def test_a_conversation_is_what_the_tokenizers_own_template_makes(template: str, tmp_path: Path) -> None:
    bundled = template == "bundled"
    tokenizer = FileTokenizer(resolve_bundled("bundled:tiny_gemma3")) if bundled else tokenizer_with(template, tmp_path)
    text, lacks = modelfile("m.gguf", tokenizer, PromptConfig(name="chat", template="{question}{options}"), True)
    assert lacks is None and text.startswith("# ollama create") and "\nFROM ./m.gguf\n" in text
    system = field(text, "SYSTEM")
    assert system == EDUCATION_ONLY
    joined, parts = template == NO_SYSTEM, template == IN_PARTS
    for texts in (["Which?"], ["Which?", "B", "And now?"]):
        turns = [{"role": ("user", "assistant")[place % 2], "content": said} for place, said in enumerate(texts)]
        if joined:
            turns[0]["content"] = f"{system}\n\n{turns[0]['content']}"
        else:
            turns.insert(0, {"role": "system", "content": system})
        messages = [
            {**turn, "content": [{"type": "text", "text": turn["content"]}] if parts else turn["content"]}
            for turn in turns
        ]
        own = tokenizer.apply_chat_template(messages, add_generation_prompt=True)
        begin = tokenizer.bos_token or ""
        assert ollama(field(text, "TEMPLATE"), system, texts) == own.removeprefix(begin), "llama.cpp adds <bos> itself"


def test_the_turns_end_stops_the_model_and_the_trials_system_message_stays(tmp_path: Path) -> None:
    prompt = PromptConfig(name="chat", template="{question}{options}", system="You are a doctor.")
    text, _ = modelfile("m.gguf", tokenizer_with(CHATML, tmp_path), prompt, False)
    assert field(text, "SYSTEM") == f"You are a doctor.\n\n{EDUCATION_ONLY}"
    assert '\nPARAMETER stop "<|im_end|>"\n' in text and "\nPARAMETER temperature 0\n" in text
    assert "You are helpful" not in text, "the template's default is for conversations without a system message"


def test_bos_stays_where_llama_cpp_does_not_add_it(tmp_path: Path) -> None:
    prompt = PromptConfig(name="chat", template="{question}{options}")
    for adds, start in ((True, "{{ if .System }}<|start|>"), (False, "{{ if .System }}<s><|start|>")):
        text, _ = modelfile("m.gguf", tokenizer_with(LLAMA, tmp_path), prompt, adds)
        assert field(text, "TEMPLATE").startswith(start)


@pytest.mark.parametrize(
    "template",
    [
        CHATML.replace("<|im_end|>", "{{ '{{ .System }}' }}"),
        CHATML.replace("<|im_end|>", '"""'),
        "{{ messages[-1].content }}",
        "{{ raise_exception('never') }}",
    ],
)
def test_a_template_without_a_counterpart_is_left_out_and_told(template: str, tmp_path: Path) -> None:
    prompt = PromptConfig(name="chat", template="{question}{options}")
    text, lacks = modelfile("m.gguf", tokenizer_with(template, tmp_path), prompt, True)
    assert lacks and "no TEMPLATE" in lacks and "TEMPLATE" not in text and "FROM ./m.gguf" in text


def test_a_plain_prompt_stays_plain(tmp_path: Path) -> None:
    prompt = PromptConfig(name="plain", template="{question}{options}", chat=False)
    text, lacks = modelfile("m.gguf", tokenizer_with(CHATML, tmp_path), prompt, True)
    assert field(text, "TEMPLATE") == "{{ .Prompt }}" and lacks and "SYSTEM sentence is not in it" in lacks
