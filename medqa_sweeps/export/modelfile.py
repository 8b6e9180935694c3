"""The Modelfile with which Ollama takes a GGUF.

Ollama does not read the Jinja chat template in a GGUF: a Modelfile states the template in Go's syntax. It is derived by
rendering a conversation with the tokenizer's own template and looking at the text between the messages.
"""

from dataclasses import dataclass
from typing import Any

from jinja2.exceptions import TemplateError

from medqa_sweeps.config import PromptConfig
from medqa_sweeps.wording import EDUCATION_ONLY

_SYSTEM, _USER, _ANSWER, _NEXT = "SYSTEMTEXT", "FIRSTQUESTION", "FIRSTANSWER", "SECONDQUESTION"
_UNWRITABLE = ("{{", "}}", '"""')  # in the text of a template: Ollama would read them as its own


@dataclass(frozen=True)
class TurnTexts:
    """The text around the messages of a conversation; `before_system` and `after_system` are in the first turn only."""

    before_system: str
    after_system: str
    before_user: str
    before_answer: str
    after_answer: str
    system_in_user_turn: bool  # as in Gemma's templates, which know no role for it

    def as_template(self) -> str:
        """In Go's syntax, with Ollama's variables."""
        system = f"{{{{ if .System }}}}{self.before_system}{{{{ .System }}}}{self.after_system}{{{{ end }}}}"
        start = self.before_user + system if self.system_in_user_turn else system + self.before_user
        return f"{start}{{{{ .Prompt }}}}{self.before_answer}{{{{ .Response }}}}{self.after_answer}"


def modelfile(gguf_name: str, tokenizer: Any, prompt: PromptConfig, adds_bos: bool) -> tuple[str, str | None]:
    """The file's text, and a sentence on what it lacks; None: nothing.

    Args:
        gguf_name: of the file beside it.
        tokenizer: of transformers, or a `FileTokenizer`.
        adds_bos: whether llama.cpp puts the beginning-of-sequence token before each text by itself.
    """
    turns = _turn_texts(tokenizer, adds_bos) if prompt.chat else None
    lacks = None
    if prompt.chat and turns is None:
        lacks = "The Modelfile has no TEMPLATE: this chat template has no counterpart in Ollama's syntax."
    if not prompt.chat:
        lacks = "The Modelfile's TEMPLATE is the prompt alone, as in training: its SYSTEM sentence is not in it."
    template = turns.as_template() if turns else "{{ .Prompt }}"
    stop = turns.after_answer.strip() if turns else ""
    system = "\n\n".join(filter(None, [prompt.system, EDUCATION_ONLY]))
    lines = [
        "# ollama create NAME -f Modelfile",
        f"FROM ./{gguf_name}",
        *([f'TEMPLATE """{template}"""'] if turns or not prompt.chat else []),
        f'SYSTEM """{system}"""',
        *([f'PARAMETER stop "{stop}"'] if stop and '"' not in stop and "\n" not in stop else []),
        "PARAMETER temperature 0",
    ]
    return "\n".join(lines) + "\n", lacks


def _turn_texts(tokenizer: Any, adds_bos: bool) -> TurnTexts | None:
    """None: the template is not made of texts around messages, or has text that Ollama would misread."""
    for joined, in_parts in ((False, False), (False, True), (True, False), (True, True)):
        try:
            found = _derived(_Conversation(tokenizer, joined, in_parts), adds_bos)
        except (TemplateError, ValueError, TypeError, KeyError):  # a template is a program, and refuses in its own way
            continue
        texts = (found.before_system, found.after_system, found.before_user, found.before_answer, found.after_answer)
        if not any(sign in text for text in texts for sign in _UNWRITABLE):
            return found
    return None


class _Conversation:
    """Renders a system message and turns of a user and the model.

    Args:
        joined: the system message stands at the beginning of the user's.
        in_parts: messages are lists of parts.
    """

    def __init__(self, tokenizer: Any, joined: bool, in_parts: bool) -> None:
        self._tokenizer, self._joined, self._in_parts = tokenizer, joined, in_parts
        self.bos = str(getattr(tokenizer, "bos_token", None) or "")

    def render(self, *texts: str, system: str = "") -> str:
        """Of texts by the user and the model in turn; after one by the user, the model is about to answer."""
        roles = ["user" if place % 2 == 0 else "assistant" for place in range(len(texts))]
        contents = list(texts)
        if system and self._joined:
            contents[0] = f"{system}\n\n{contents[0]}"
        messages = [self._message(role, text) for role, text in zip(roles, contents, strict=True)]
        if system and not self._joined:
            messages.insert(0, self._message("system", system))
        rendered: str = self._tokenizer.apply_chat_template(
            messages,
            tokenize=False,
            add_generation_prompt=len(texts) % 2 == 1,
            enable_thinking=False,
            strftime_now=lambda form: "",
        )
        return rendered

    def _message(self, role: str, text: str) -> dict[str, Any]:
        return {"role": role, "content": [{"type": "text", "text": text}] if self._in_parts else text}


def _derived(conversation: _Conversation, adds_bos: bool) -> TurnTexts:
    """The texts, from which each conversation that is rendered here can be put together again.

    Raises:
        ValueError: if they do not.
    """
    long = conversation.render(_USER, _ANSWER, _NEXT, system=_SYSTEM)
    before_system, rest = _split(long, _SYSTEM)
    after_system, rest = _split(rest, _USER)
    before_answer, rest = _split(rest, _ANSWER)
    between, last = _split(rest, _NEXT)
    after_answer = _split(conversation.render(_USER, _ANSWER), _ANSWER)[1]
    before_user = between.removeprefix(after_answer)
    if last != before_answer or not between.startswith(after_answer):
        raise ValueError("turns differ from each other")
    if conversation.render(_USER, system=_SYSTEM) != f"{before_system}{_SYSTEM}{after_system}{_USER}{before_answer}":
        raise ValueError("a conversation of one turn begins in another way")
    if adds_bos and conversation.bos:
        before_system = before_system.removeprefix(conversation.bos)
    if after_system.endswith(before_user) and after_system != before_user:
        return TurnTexts(
            before_system, after_system.removesuffix(before_user), before_user, before_answer, after_answer, False
        )
    if before_system == before_user:
        return TurnTexts("", after_system, before_user, before_answer, after_answer, True)
    raise ValueError("the system message stands elsewhere")


def _split(text: str, marker: str) -> tuple[str, str]:
    before, found, after = text.partition(marker)
    if not found or marker in after:
        raise ValueError(f"{marker} does not stand there once")
    return before, after
