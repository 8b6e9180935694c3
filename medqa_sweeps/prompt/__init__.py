"""Questions to tokens: the wording, the chat template, and the order in which a trial reads them.

`encoder` makes the tokens of a question, `chat` renders the model's template, `control_tokens` keeps data from becoming
one, `tokens` caches what was encoded, `stream` draws the order of training. `tokenizer` and `check` judge a prompt by
the base's files alone, before anything heavy is imported.
"""

from medqa_sweeps.prompt.encoder import LETTERS, PromptEncoder, refuse_long

__all__ = ["LETTERS", "PromptEncoder", "refuse_long"]
