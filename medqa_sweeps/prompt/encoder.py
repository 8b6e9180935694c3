"""Encodes a question as a prompt: the text, the chat template, and the tokens with a loss.

The prompt ends where the model answers. The completion is the answer's letter and the end of the turn; only these two
tokens are trained on and scored. The prompt's text is in `conf/prompt/`; `tests/prompt/test_encoder.py` pins the
rendered text and the token ids. Prompt text and system message may contain control tokens, as the chat template does.
Question and options are data and never produce one (`control_tokens.py`).
"""

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from string import ascii_uppercase
from typing import Any

from medqa_sweeps.config import PromptConfig, short_hash
from medqa_sweeps.data import Question
from medqa_sweeps.data.raw_record import short_repr
from medqa_sweeps.errors import ConfigError, DataError
from medqa_sweeps.prompt.chat import MARKER, Chat
from medqa_sweeps.prompt.control_tokens import ControlTokens
from medqa_sweeps.prompt.tokens import TokenCache

LETTERS = ascii_uppercase  # also the maximum number of options
_PLACEHOLDER = re.compile(r"\{(?:question|options|passages)\}")
_PASSAGES_LINE = re.compile(r"\{passages\}\n*")  # gone where there are none
_KEPT = 0.9  # minimum share of a question that its prompt must contain; a rare character without a token may be lost
_READING = "data is text"  # part of the fingerprint, so that tokens and baselines from before this rule are not reused


@dataclass(frozen=True)
class Encoded:
    """One question in tokens: `input_ids` ends where the model answers."""

    input_ids: list[int]
    gold: int  # index of the gold letter, after the options were reordered


class PromptEncoder:
    """Turns questions into tokens for one tokenizer and one prompt; with a cache, once for all trials.

    Raises:
        ConfigError: if the prompt needs a chat template and the tokenizer has no usable one, if no token ends an
        answer,
            or if an answer letter is not a single token right after the prompt.
    """

    def __init__(self, tokenizer: Any, config: PromptConfig, letters: int, cache: TokenCache | None = None) -> None:
        self._tokenizer, self._config, self._cache = tokenizer, config, cache
        self._chat = chat_of(tokenizer, config)
        self._control_tokens = ControlTokens(tokenizer)
        self._template_control_ids = functools.cache(self._find_template_control_ids)
        self.end_of_turn_id = self._find_end_of_turn()
        self.letter_ids = self._find_letter_ids(LETTERS[:letters])
        template = getattr(tokenizer, "chat_template", None)
        self.fingerprint = short_hash([_READING, _wording(config), template, self.letter_ids])

    def text(self, question: Question, order: Sequence[int] | None = None) -> str:
        """The rendered prompt with special tokens, options in `order` (default: as in the file)."""
        order = range(len(question.options)) if order is None else order
        options = "\n".join(
            self._config.option.replace("{letter}", LETTERS[position]).replace("{text}", question.options[index])
            for position, index in enumerate(order)
        )
        texts = {"{question}": question.question, "{options}": options, "{passages}": "\n".join(question.passages)}
        template = self._config.template if question.passages else _PASSAGES_LINE.sub("", self._config.template)
        # In one pass, so that "{options}" within a question stays unchanged.
        return self._render(_PLACEHOLDER.sub(lambda found: texts[found[0]], template))

    def encode(self, question: Question, order: Sequence[int] | None = None) -> Encoded:
        """The prompt's tokens and the index of the gold option in `order`.

        Raises:
            DataError: as `encode_all`.
        """
        (ids,) = self._encode_all([question], None if order is None else [list(order)])
        return Encoded(ids, question.gold if order is None else list(order).index(question.gold))

    def encode_all(self, questions: list[Question], orders: list[list[int]] | None = None) -> Sequence[list[int]]:
        """The prompts' tokens, options in `orders` (default: as in the file); from the cache if there is one.

        Raises:
            DataError: if a question contains a control token's text, and this tokenizer cannot encode it as text.
            ConfigError: if the prompt of the first or the longest question does not contain that question.
        """
        if self._cache is None:
            rows: Sequence[list[int]] = self._encode_all(questions, orders)
        else:
            rendered = [self.text(question) for question in questions[:1]]  # changes when the rendering changes
            key = [self.fingerprint, rendered, [_identity(question) for question in questions], orders]
            rows = self._cache.rows(key, lambda: self._encode_all(questions, orders))
        for index in {0, _longest(questions)}:
            self._refuse_lost_text(questions[index], rows[index])
        return rows

    def completion(self, gold: int) -> list[int]:
        """The two tokens after the prompt: the letter and the end of the turn."""
        return [self.letter_ids[gold], self.end_of_turn_id]

    def _encode_all(self, questions: list[Question], orders: list[list[int]] | None) -> list[list[int]]:
        """Encodes all prompts in one tokenizer call, which uses all cores; those with control tokens in data again."""
        each = [None] * len(questions) if orders is None else orders
        texts = [self.text(question, order) for question, order in zip(questions, each, strict=True)]
        rows = self._tokenizer(texts, add_special_tokens=not self._config.chat)["input_ids"]
        for index, (question, text) in enumerate(zip(questions, texts, strict=True)):
            if self._has_data_control_tokens(question, text, rows[index]):
                rows[index] = self._encode_as_text(question, each[index], text)
        return rows

    def _refuse_lost_text(self, question: Question, ids: list[int]) -> None:
        """Check that the prompt's text and its tokens contain question and options."""
        for where, found in (("text", self.text(question)), ("tokens", self._tokenizer.decode(ids))):
            for what, texts in (("question", [question.question]), ("options", question.options)):
                if (share := share_kept(texts, found)) < _KEPT:
                    raise ConfigError(
                        f"prompt={self._config.name}: only {share:.0%} of the {what} {short_repr(list(texts))} reaches "
                        f"the prompt's {where}. The chat template drops it, or the tokenizer has no tokens for its "
                        "script. Use another prompt or model."
                    )

    def _has_data_control_tokens(self, question: Question, text: str, ids: list[int]) -> bool:
        """Whether the prompt's control tokens differ from its template's, or the text spells the unknown token."""
        control = self._control_tokens
        expected = self._template_control_ids(len(question.options))
        return control.among(ids) != expected or control.unknown_written(text) > 0

    def _encode_as_text(self, question: Question, order: Sequence[int] | None, text: str) -> list[int]:
        masked = self.text(_masked(question), order)
        ids = self._control_tokens.encode_as_text(text, masked, add_special_tokens=not self._config.chat)
        if ids is None:
            raise DataError(
                f"question {question.id} contains text that this tokenizer reads as a control token and cannot encode "
                f"as plain text: {short_repr(question.question)}. Remove that text, or use a model with tokenizer.json."
            )
        return ids

    def _find_template_control_ids(self, options: int) -> list[int]:
        """The control tokens of a prompt without any in its data."""
        harmless = Question("", "x", ("x",) * options, gold=0)
        return self._control_tokens.among(self._tokenize(self.text(harmless)))

    def _render(self, content: str) -> str:
        return self._chat.render(content) if self._chat else content

    def _tokenize(self, text: str) -> list[int]:
        # A chat template writes its own <bos>; a plain prompt gets it from the tokenizer.
        return self._tokenizer(text, add_special_tokens=not self._config.chat)["input_ids"]

    def _find_end_of_turn(self) -> int:
        found = end_of_turn(self._tokenizer, self._chat)
        if found is None:
            raise ConfigError(no_end_message(self._tokenizer, self._config))
        return found

    def _find_letter_ids(self, letters: str) -> list[int]:
        text = self._render("?")
        prompt_ids = self._tokenize(text)
        found = []
        for letter in letters:
            ids = self._tokenize(text + self._config.letter_prefix + letter)
            if len(ids) != len(prompt_ids) + 1 or ids[:-1] != prompt_ids:
                raise ConfigError(
                    f"prompt={self._config.name}: after the prompt, this tokenizer does not encode "
                    f"{self._config.letter_prefix + letter!r} as a single token, so a letter has no single "
                    'log-probability. Change prompt.letter_prefix ("" or " ") or the end of prompt.template.'
                )
            found.append(ids[-1])
        return found


def chat_of(tokenizer: Any, config: PromptConfig) -> Chat | None:
    """The renderer of the tokenizer's chat template; None for a prompt without one.

    Raises:
        ConfigError: if there is no chat template, or it refuses the prompt.
    """
    if config.chat and not getattr(tokenizer, "chat_template", None):
        raise ConfigError(
            f"prompt={config.name} needs a chat template, and this model's tokenizer has none (pretrained bases have "
            "none). Use prompt=plain, or the instruction-tuned model."
        )
    return Chat(tokenizer, config.system) if config.chat else None


def end_of_turn(tokenizer: Any, chat: Chat | None) -> int | None:
    """The token after the assistant's answer; without a template that of the end of a sequence; None: there is none."""
    after = chat.render("?", answer=MARKER) if chat else ""
    tail = tokenizer(after.rpartition(MARKER)[2].lstrip(), add_special_tokens=False)["input_ids"]
    end: int | None = tail[0] if tail else tokenizer.eos_token_id
    return end


def no_end_message(tokenizer: Any, config: PromptConfig) -> str:
    """The error message for a tokenizer without a token that ends an answer."""
    return (
        f"prompt={config.name}: no token ends an answer. The tokenizer in {tokenizer.name_or_path} has no "
        "end-of-sequence token, and no chat template ends the turn. Name one in its tokenizer_config.json, such as "
        '"eos_token": "</s>", or use the instruction-tuned model with prompt=chat.'
    )


def share_kept(texts: Iterable[str], found: str) -> float:
    """Share of the pairs of neighbouring letters or digits in `texts` that `found` contains, 0 to 1.

    Case, accents, blanks and signs are ignored, since some tokenizers change them.
    """
    pairs = Counter(pair for text in texts for pair in pairwise(_letters(text)))
    lost = pairs - Counter(pairwise(_letters(found)))
    return 1 - lost.total() / max(pairs.total(), 1)


def refuse_long(lengths_tokens: list[int], max_length_tokens: int, what: str) -> None:
    """Check that every prompt with its two answer tokens fits.

    Raises:
        ConfigError: with the number of questions that would be truncated and the length that would be enough.
    """
    longest = max(lengths_tokens) + 2
    cut = sum(length + 2 > max_length_tokens for length in lengths_tokens)
    if cut:
        raise ConfigError(
            f"training.max_length_tokens={max_length_tokens} would truncate {cut:,} of {len(lengths_tokens):,} {what} "
            f"questions, which would lose their options. The longest needs {longest} tokens: set "
            f"training.max_length_tokens={longest}."
        )


def _wording(config: PromptConfig) -> list[Any]:
    return [config.template, config.option, config.system, config.chat, config.letter_prefix]


def _masked(question: Question) -> Question:
    """The question with `x` for every non-blank character."""
    options, passages = (
        tuple(re.sub(r"\S", "x", text) for text in texts) for texts in (question.options, question.passages)
    )
    return replace(question, question=re.sub(r"\S", "x", question.question), options=options, passages=passages)


def _identity(question: Question) -> str | list[str]:
    """What of a question its prompt shows."""
    return [question.id, *question.passages] if question.passages else question.id


def _longest(questions: list[Question]) -> int:
    return max(range(len(questions)), key=lambda index: len(questions[index].question))


def _letters(text: str) -> list[str]:
    return [sign for sign in unicodedata.normalize("NFKD", text).casefold() if sign.isalnum()]
