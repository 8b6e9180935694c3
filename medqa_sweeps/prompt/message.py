"""Encodes a user's message and an answer to it, through the model's chat template and without a system message.

Both are data: a control token's text in them is encoded as text (`control_tokens.py`).
"""

import re
from typing import Any

from medqa_sweeps.prompt.chat import Chat
from medqa_sweeps.prompt.control_tokens import ControlTokens
from medqa_sweeps.prompt.encoder import end_of_turn


def has_chat_template(tokenizer: Any) -> bool:
    """Whether a message can be put to the model at all; pretrained bases have no template."""
    return bool(getattr(tokenizer, "chat_template", None))


class MessageEncoder:
    """Turns messages into tokens for one tokenizer with a chat template.

    Raises:
        ConfigError: if the template refuses a user's message.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._chat = Chat(tokenizer, system=None)
        self._control_tokens = ControlTokens(tokenizer)
        ends = (end_of_turn(tokenizer, self._chat), tokenizer.eos_token_id)
        self.end_ids = [end for end in dict.fromkeys(ends) if end is not None]  # any of them ends an answer

    def prompt(self, message: str) -> list[int] | None:
        """The tokens that end where the model answers; None: this tokenizer cannot encode a control token as text."""
        return self._encode(self._chat.render(message), self._chat.render(_masked(message)))

    def completion(self, message: str, answer: str) -> list[int] | None:
        """The tokens of `answer` after those of `prompt(message)`, without the end of the turn; None: as there."""
        prompt = self.prompt(message)
        whole = self._encode(self._chat.render(message) + answer, self._chat.render(_masked(message)) + _masked(answer))
        if prompt is None or whole is None:
            return None
        if whole[: len(prompt)] == prompt:
            return whole[len(prompt) :]
        return self._encode(answer, _masked(answer))  # the last token of the prompt takes in what follows

    def _encode(self, text: str, masked: str) -> list[int] | None:
        control = self._control_tokens
        # verbose: else a text beyond the model's length is warned of, which its caller leaves out.
        ids, harmless = self._tokenizer([text, masked], add_special_tokens=False, verbose=False)["input_ids"]
        if control.among(ids) == control.among(harmless) and not control.unknown_written(text):
            return list(ids)
        return control.encode_as_text(text, masked, add_special_tokens=False)


def _masked(text: str) -> str:
    """`x` for every character that is not blank."""
    return re.sub(r"\S", "x", text)
