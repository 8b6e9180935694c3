"""A tokenizer from its files, without transformers or torch: for counting tokens within a second, not for training.

It supports what `PromptEncoder` needs; a test compares its tokens with those of transformers.
"""

import json
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from medqa_sweeps.errors import ConfigError

_WITHOUT_DEFAULTS = ("TokenizersBackend", "PreTrainedTokenizerFast")


class FileTokenizer:
    """The tokenizer and the chat template of a model's folder; `tokenizer.json` is read on first use.

    Raises:
        ConfigError: if tokenizer_config.json or, on first use, tokenizer.json cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.name_or_path = str(folder)
        self._config = _settings(folder / "tokenizer_config.json")
        self.chat_template = _chat_template(folder, self._config)

    @cached_property
    def backend_tokenizer(self) -> Any:
        """The `tokenizers.Tokenizer`; loading takes about 1 s for the real Gemma 3."""
        return _loaded(Path(self.name_or_path) / "tokenizer.json")

    @cached_property
    def eos_token_id(self) -> int | None:
        return self._id_of("eos_token")

    @property
    def bos_token(self) -> str | None:
        """The text of the token at the beginning of a sequence; None: there is none."""
        return _text(self._config.get("bos_token"))

    @property
    def has_no_eos_token(self) -> bool:
        """Whether transformers has no end-of-sequence token either; for some models it has defaults."""
        return self._config.get("eos_token") is None and self._config.get("tokenizer_class") in _WITHOUT_DEFAULTS

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

    def apply_chat_template(self, messages: list[dict[str, Any]], tokenize: bool = False, **options: Any) -> str:
        """The rendered text of a conversation, as transformers renders it."""
        assert not tokenize, "render first, then call"
        special = {key: _text(value) for key, value in self._config.items() if key.endswith("_token")}
        rendered: str = _compiled(str(self.chat_template)).render(
            messages=messages, tools=None, documents=None, **{"add_generation_prompt": False, **special, **options}
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
        raise ConfigError(f"{file}: not a readable tokenizer ({error}). Name a model's folder.") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _settings(file: Path) -> dict[str, Any]:
    """The settings in the file, and the special tokens that older tokenizers store in a second file."""
    try:
        settings: dict[str, Any] = json.loads(file.read_text())
        special = file.with_name("special_tokens_map.json")
        return {**(json.loads(special.read_text()) if special.exists() else {}), **settings}
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"{file}: not readable tokenizer settings ({error}). Name a model's folder.") from None


def _chat_template(folder: Path, settings: dict[str, Any]) -> str | None:
    file = folder / "chat_template.jinja"
    if file.exists():
        return file.read_text()
    template = settings.get("chat_template")
    if isinstance(template, list):  # several, by name
        return next((one["template"] for one in template if one["name"] == "default"), None)
    return template


def _text(token: Any) -> str | None:
    """A special token's text; older files store an object with its text and settings."""
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
    return environment.from_string(template)
