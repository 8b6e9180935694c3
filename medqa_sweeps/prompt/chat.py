"""A conversation in a model's own chat template, in the way that this template understands.

Some templates take a message as text, others as a list of parts and drop a plain text without an error; some refuse a
system message. The way is found once for each template, with a marker in the place of the question.
"""

from datetime import date
from itertools import product
from typing import Any

from jinja2.exceptions import TemplateError

from medqa_sweeps.errors import ConfigError, in_words

MARKER = "SENTINEL"
_DAY = date(2024, 7, 26)  # what templates that write today's date are told, so that a prompt is the same on every day


class Chat:
    """Renders a user's message, with the system message if there is one.

    Raises:
        ConfigError: if the template refuses the conversation, or writes it without the user's or the system message.
    """

    def __init__(self, tokenizer: Any, system: str | None) -> None:
        self._tokenizer, self._system = tokenizer, system
        reasons = []
        for self._in_parts, self._joined in product((False, True), (False, True) if system else (False,)):
            if (reason := self._refusal()) is None:
                return
            reasons.append(reason)
        raise ConfigError(
            f"the chat template in {tokenizer.name_or_path} (chat_template.jinja or tokenizer_config.json) does not "
            f"take a question: {reasons[0]}. Use prompt=plain, mend the template, or use another model."
        )

    def render(self, content: str, answer: str | None = None) -> str:
        """The text up to where the model is to speak or, with an `answer`, to the end of its turn."""
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
        """Why the template does not take messages in the present way; None: it does."""
        try:
            text = self.render(MARKER)
            self.render(MARKER, answer=MARKER)
        except Exception as error:  # a template is a program, and fails in any way
            said = str(error) if isinstance(error, TemplateError) else in_words(error)
            return f"it says {said.rstrip('.')}"
        if MARKER not in text or "'type': 'text'" in text:
            return "it leaves out the user's message"
        if self._system and self._system.strip() not in text:
            return "it leaves out the system message (prompt.system)"
        return None
