"""Finds a tokenizer's control tokens, and encodes prompts in which data never produces a control token.

A tokenizer turns the characters `<end_of_turn>` into its control token, in a chat template and in a question alike. If
a prompt has a control token that its template does not have, a copy of the tokenizer encodes it again. In the copy
every control token has a random name, and the template's control tokens are written with these names, so the copy finds
them and no others. The text stays in one piece, so all other tokens are the same.
"""

import json
import re
import secrets
from collections.abc import Iterable
from functools import cached_property
from typing import Any

_BLANKS = " \t\n\r▁"  # ▁ is SentencePiece's blank; Gemma has added tokens for runs of it, and of line breaks


class ControlTokens:
    """The control tokens of one tokenizer, either of transformers or a `FileTokenizer`.

    These are all special tokens, and the added tokens that begin and end with a sign, such as `<unused0>` or `[INST]`.
    Other added tokens, such as words or runs of blanks, are text. The unknown token (`<unk>`) is a special case: a
    character that the vocabulary lacks may produce it, but its spelling must not.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._backend: Any = getattr(tokenizer, "backend_tokenizer", None)
        added = self._backend.get_added_tokens_decoder() if self._backend else tokenizer.added_tokens_decoder
        self._texts = {id: token.content for id, token in added.items() if _is_control(token)}
        self._names = {id: f"<{secrets.token_hex(8)}-{id}>" for id in self._texts}
        self._ids = frozenset(id for id, text in self._texts.items() if not _marks_unknown(text))
        self._unknown = [text for text in self._texts.values() if _marks_unknown(text)]

    def among(self, ids: Iterable[int]) -> list[int]:
        """The control tokens among `ids`, in order, without the unknown token."""
        return list(filter(self._ids.__contains__, ids))

    def unknown_written(self, text: str) -> int:
        """How often `text` contains the spelling of the unknown token."""
        return sum(text.count(mark) for mark in self._unknown)

    def encode_as_text(self, text: str, masked: str, add_special_tokens: bool) -> list[int] | None:
        """The tokens of `text`, with only the control tokens of `masked`; None if this tokenizer does not support it.

        Args:
            masked: `text` with harmless characters instead of data, of the same length.
            add_special_tokens: whether the tokenizer adds its own tokens, such as <bos>.
        """
        if self._backend is None or len(text) != len(masked):
            return None
        template = self._backend.encode(masked, add_special_tokens=add_special_tokens)
        spelled, done = [], 0
        for id, (start, end) in zip(template.ids, template.offsets, strict=True):
            if self._is_written(id, masked[start:end]):
                spelled += [text[done:start], self._names[id]]
                done = end
        spelled.append(text[done:])
        ids: list[int] = self._renamed.encode("".join(spelled), add_special_tokens=add_special_tokens).ids
        return ids if self.among(ids) == self.among(template.ids) else None

    def _is_written(self, id: int, text: str) -> bool:
        """Whether `text` is the spelling of control token `id`; a <bos> that the tokenizer adds has no text."""
        return bool(text) and (id in self._ids or text == self._texts.get(id))

    @cached_property
    def _renamed(self) -> Any:
        """A copy of the tokenizer with randomly named control tokens. Takes 4 s for the real Gemma 3."""
        from tokenizers import Tokenizer

        described = json.loads(self._backend.to_str())
        names = {text: self._names[id] for id, text in self._texts.items()}
        for token in described["added_tokens"]:
            token["content"] = names.get(token["content"], token["content"])
        _rename_in_vocabulary(described["model"], names)
        copy = Tokenizer.from_str(json.dumps(described))
        copy.no_truncation()
        copy.no_padding()
        return copy


def _is_control(token: Any) -> bool:
    text = token.content.strip(_BLANKS)
    return token.special or bool(text and not text[0].isalnum() and not text[-1].isalnum())


def _marks_unknown(text: str) -> bool:
    """True for `<unk>` and `[UNK]`. SmolLM2 marks unknown bytes with <|endoftext|>, which is a control token."""
    return bool(re.search(r"(?<![a-z])unk(nown)?(?![a-z])", text, re.IGNORECASE))


def _rename_in_vocabulary(model: dict[str, Any], names: dict[str, str]) -> None:
    """Rename the vocabulary entries and drop their merges, since merged pieces could produce a control token."""
    if isinstance(model["vocab"], dict):
        model["vocab"] = {names.get(piece, piece): id for piece, id in model["vocab"].items()}
    else:  # Unigram: pieces with their scores
        model["vocab"] = [[names.get(piece, piece), score] for piece, score in model["vocab"]]
    if "merges" in model:
        model["merges"] = [pair for pair in model["merges"] if not names.keys() & {*pair, "".join(pair)}]
    unknown = model.get("unk_token")
    if unknown in names:  # without an unknown token, BPE drops unknown bytes
        model["unk_token"] = names[unknown] if _marks_unknown(unknown) or model["type"] != "BPE" else None
