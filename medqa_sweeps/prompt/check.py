"""Whether a base can be asked in a wording, as far as its files tell before anything heavy is imported.

What only the loaded tokenizer tells, such as whether each letter is a token, the trial finds out before it trains.
"""

from medqa_sweeps.base import BaseModel
from medqa_sweeps.config import PromptConfig
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.prompt.encoder import chat_of, without_end
from medqa_sweeps.prompt.tokenizer import FileTokenizer


def refuse_prompt(base: BaseModel, prompt: PromptConfig) -> None:
    """Nothing if the base's files show nothing against the prompt. Takes a few milliseconds; reads no vocabulary.

    Raises:
        ConfigError: if the chat template refuses it, or nothing would end an answer.
    """
    if "tokenizer_config.json" not in base.files:
        return
    tokenizer = FileTokenizer(base.folder)
    if chat_of(tokenizer, prompt) is None and tokenizer.surely_has_no_end:
        raise ConfigError(without_end(tokenizer, prompt))
