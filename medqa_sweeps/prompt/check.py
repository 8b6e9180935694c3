"""Checks whether a base supports a prompt and the questions fit, by its files alone, without torch or transformers.

The trial itself encodes every question before it trains, and refuses what passes here: a question whose prompt is long
in tokens but not among the longest in characters, or a tokenizer without a `tokenizer.json`.
"""

import functools
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from medqa_sweeps.base import BaseModel
from medqa_sweeps.config import PromptConfig
from medqa_sweeps.data import Question
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.prompt.encoder import PromptEncoder, chat_of, no_end_message, refuse_long
from medqa_sweeps.prompt.tokenizer import FileTokenizer

_LOOKED_AT = 256  # questions of a part, the longest in characters: 0.1 s with Gemma's tokenizer; all of MedQA take 2 s
_SAMPLED = 64  # questions of which a mean length is taken
_KEPT = 64  # lengths of so many parts are remembered: trials of a sweep share them
_longest: dict[tuple[str, ...], int] = {}


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


def refuse_long_questions(
    base: BaseModel,
    prompt: PromptConfig,
    questions: Sequence[Question],
    max_length_tokens: int,
    options: int,
    what: str,
) -> int:
    """Tokens of the longest question with its answer, as far as the files alone tell; 0: they do not.

    Checks that the questions that are longest in characters fit, and that each letter is a token. Reading Gemma's
    vocabulary takes 0.8 s, once per prompt.

    Args:
        options: the largest number of options of a question in the trial.
        what: names the questions in messages: training, validation.

    Raises:
        ConfigError: if one does not fit, or the tokenizer cannot encode a letter as a single token after the prompt.
        DataError: if a question cannot be read as text.
    """
    if not {"tokenizer.json", "tokenizer_config.json"} <= base.files.keys():
        return 0
    wording = json.dumps(asdict(prompt))
    likely = sorted(questions, key=_characters, reverse=True)[:_LOOKED_AT]
    key = (base.fingerprint, wording, str(options), *("\n".join((one.id, *one.passages)) for one in likely))
    if key not in _longest:
        if len(_longest) == _KEPT:
            del _longest[next(iter(_longest))]
        _longest[key] = max(map(len, _encoder(base.folder, base.fingerprint, wording, options).encode_all(likely)))
    if _longest[key] + 2 > max_length_tokens:  # the answer: a letter and the end of the turn
        rows = _encoder(base.folder, base.fingerprint, wording, options).encode_all(list(questions))
        refuse_long([len(ids) for ids in rows], max_length_tokens, what)
    return _longest[key] + 2


def mean_tokens(base: BaseModel, prompt: PromptConfig, questions: Sequence[Question], options: int) -> float:
    """Tokens of a prompt, the mean over the first few of some questions; 0 if the base's files alone do not tell."""
    if not {"tokenizer.json", "tokenizer_config.json"} <= base.files.keys() or not questions:
        return 0.0
    encoder = _encoder(base.folder, base.fingerprint, json.dumps(asdict(prompt)), options)
    rows = encoder.encode_all(list(questions[:_SAMPLED]))
    return sum(map(len, rows)) / len(rows)


def _characters(question: Question) -> int:
    return len(question.question) + sum(map(len, (*question.options, *question.passages)))


@functools.lru_cache(maxsize=2)  # a vocabulary is large
def _encoder(folder: Path, fingerprint: str, wording: str, options: int) -> PromptEncoder:
    return PromptEncoder(FileTokenizer(folder), PromptConfig(**json.loads(wording)), options)
