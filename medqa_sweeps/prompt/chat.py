"""Renders a conversation with a model's own chat template, in the message format that the template accepts.

Some templates take a message as text; others take a list of parts and silently drop plain text; some refuse a system
message. The format is determined once per template, with a marker instead of the question.
"""

from datetime import date
from itertools import product
from typing import Any

from jinja2.exceptions import TemplateError

from medqa_sweeps.errors import ConfigError, describe_error

MARKER = "SENTINEL"
_DAY = date(2024, 7, 26)  # given to templates that write the current date, so that a prompt is the same on every day


class Chat:
    """Renders a user's message, with the system message if there is one.

    Raises:
        ConfigError: if the template refuses the conversation, or leaves out the user's or the system message.
    """

    def __init__(self, tokenizer: Any, system: str | None) -> None:
        self._tokenizer, self._system = tokenizer, system
        reasons = []
        for self._in_parts, self._joined in product((False, True), (False, True) if system else (False,)):
            if (reason := self._refusal()) is None:
                return
            reasons.append(reason)
        raise ConfigError(
            f"the chat template in {tokenizer.name_or_path} (chat_template.jinja or tokenizer_config.json) cannot "
            f"render a question: {reasons[0]}. Use prompt=plain, fix the template, or use another model."
        )

    def render(self, content: str, answer: str | None = None) -> str:
        """The text up to the model's answer or, with an `answer`, to the end of its turn."""
        turns = [self._turn("user", self._joined_text(content))]
        if self._system and not self._joined:
            turns.insert(0, self._turn("system", self._system))
        if answer is not None:
            turns.append(self._turn("assistant", answer))
        text: str = self._tokenizer.apply_chat_template(
            turns,
            tokenize=False,
            add_generation_prompt=answer is None,
            enable_thinking=False,
            strftime_now=_DAY.strftime,
        )
        return text

    def _joined_text(self, content: str) -> str:
        return f"{self._system}\n\n{content}" if self._joined else content

    def _turn(self, role: str, text: str) -> dict[str, Any]:
        return {"role": role, "content": [{"type": "text", "text": text}] if self._in_parts else text}

    def _refusal(self) -> str | None:
        """Why the template does not accept the current message format; None: it does."""
        try:
            text = self.render(MARKER)
            self.render(MARKER, answer=MARKER)
        except Exception as error:  # a template is a program and may raise anything
            message = str(error) if isinstance(error, TemplateError) else describe_error(error)
            return f"it raises {message.rstrip('.')}"
        if MARKER not in text or "'type': 'text'" in text:
            return "it leaves out the user's message"
        if self._system and self._system.strip() not in text:
            return "it leaves out the system message (prompt.system)"
        return None
