"""A tokenizer from its files, without transformers or torch: for counting tokens in a second, not for training.

It does what `PromptEncoder` asks of one, and the same: a test compares its tokens with those of transformers.
"""

import json
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from medqa_sweeps.errors import ConfigError


class FileTokenizer:
    """`tokenizer.json` and the chat template of a model's folder.

    Raises:
        ConfigError: if the folder holds no tokenizer.json that can be read.
    """

    def __init__(self, folder: Path) -> None:
        self.backend_tokenizer = _loaded(folder / "tokenizer.json")
        self._config = _settings(folder / "tokenizer_config.json")
        self.chat_template = _chat_template(folder, self._config)
        self.eos_token_id = self._id_of("eos_token")

    def __call__(self, text: str | list[str], add_special_tokens: bool = True) -> dict[str, Any]:
        """{"input_ids"} of a text, or of each text of a list."""
        if isinstance(text, str):
            return {"input_ids": self.backend_tokenizer.encode(text, add_special_tokens=add_special_tokens).ids}
        encoded = self.backend_tokenizer.encode_batch_fast(text, add_special_tokens=add_special_tokens)
        return {"input_ids": [one.ids for one in encoded]}

    def decode(self, ids: list[int]) -> str:
        """The text of `ids`, special tokens included."""
        text: str = self.backend_tokenizer.decode(ids, skip_special_tokens=False)
        return text

    def apply_chat_template(self, messages: list[dict[str, Any]], tokenize: bool = False, **asked: Any) -> str:
        """The rendered text of a conversation, as transformers renders it."""
        assert not tokenize, "render first, then call"
        special = {key: _text(value) for key, value in self._config.items() if key.endswith("_token")}
        rendered: str = _compiled(str(self.chat_template)).render(
            messages=messages, tools=None, documents=None, **{"add_generation_prompt": False, **special, **asked}
        )
        return rendered

    def _id_of(self, name: str) -> int | None:
        token = _text(self._config.get(name))
        return None if token is None else self.backend_tokenizer.token_to_id(token)


def _loaded(file: Path) -> Any:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # `tokenizers` raises nothing narrower
        raise ConfigError(f"{file}: no tokenizer that can be read ({error}). Name a model's folder.") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _settings(file: Path) -> dict[str, Any]:
    try:
        settings: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: no tokenizer settings that can be read ({error}). Name a model's folder.") from None
    return settings


def _chat_template(folder: Path, settings: dict[str, Any]) -> str | None:
    file = folder / "chat_template.jinja"
    if file.exists():
        return file.read_text()
    template = settings.get("chat_template")
    if isinstance(template, list):  # several, by name
        return next((one["template"] for one in template if one["name"] == "default"), None)
    return template


def _text(token: Any) -> str | None:
    """A special token's text; older files write it with its settings."""
    return token["content"] if isinstance(token, dict) else token


@lru_cache(maxsize=8)
def _compiled(template: str) -> Any:
    from jinja2.exceptions import TemplateError
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    environment.filters["tojson"] = lambda value, **how: json.dumps(value, **{"ensure_ascii": False, **how})
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = lambda format: datetime.now().strftime(format)
    return environment.from_string(template)
