"""Checks whether a base supports a prompt, by its files alone, before anything heavy is imported.

Checks that need the loaded tokenizer, such as whether each letter is one token, run in the trial before it trains.
"""

from medqa_sweeps.base import BaseModel
from medqa_sweeps.config import PromptConfig
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.prompt.encoder import chat_of, no_end_message
from medqa_sweeps.prompt.tokenizer import FileTokenizer


def refuse_prompt(base: BaseModel, prompt: PromptConfig) -> None:
    """Check the prompt against the base's files. Takes a few milliseconds; reads no vocabulary.

    Raises:
        ConfigError: if the chat template refuses the prompt, or no token would end an answer.
    """
    if "tokenizer_config.json" not in base.files:
        return
    tokenizer = FileTokenizer(base.folder)
    if chat_of(tokenizer, prompt) is None and tokenizer.has_no_eos_token:
        raise ConfigError(no_end_message(tokenizer, prompt))
