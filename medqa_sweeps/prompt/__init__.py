"""From questions to tokens: the prompt's text, the chat template, and the order of training samples.

`encoder` tokenizes a question, `message` any message of a user and an answer to it, `chat` renders the model's chat
template, `control_tokens` ensures that data never produces one, `tokens` caches encoded prompts, `stream` draws the
training order. `tokenizer` and `check` check a prompt by the base's files alone, before anything heavy is imported.
"""

from medqa_sweeps.prompt.encoder import LETTERS, PromptEncoder, refuse_long

__all__ = ["LETTERS", "PromptEncoder", "refuse_long"]
