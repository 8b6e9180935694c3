"""What is added to llama.cpp's converter, which stands in here as a class that knows no tokenizer.

With the real one: tests/end_to_end/test_export.py.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.worker.gguf_conversion import _adds_bos, _completed

BYTES = {"type": "ByteLevel", "use_regex": True, "add_prefix_space": False}
DIGITS = {"type": "Digits", "individual_digits": True}


class Gemma3Model:
    model_arch = "gemma3"

    def __init__(self, layers: list[str]) -> None:
        self.hparams, self.gguf_writer, self.pattern = {"layer_types": layers}, self, None

    def add_sliding_window_pattern(self, pattern: list[bool]) -> None:
        self.pattern = pattern

    def set_gguf_parameters(self) -> None:
        """Nothing of its own."""

    def get_vocab_base_pre(self, tokenizer: Any) -> str:
        raise NotImplementedError("BPE pre-tokenizer was not recognized")

    def _set_vocab_llama_hf(self) -> None:
        self.kind = "SentencePiece"


def completed(folder: Path, rule: Any, layers: int = 0, every: int = 6) -> Any:
    (folder / "tokenizer.json").write_text(json.dumps({"pre_tokenizer": rule}))
    kinds = ["full_attention" if (layer + 1) % every == 0 else "sliding_attention" for layer in range(layers)]
    return _completed(Gemma3Model, folder)(kinds)


def test_byte_level_bpe_is_not_taken_for_sentencepiece(tmp_path: Path) -> None:
    for rule in (BYTES, {"type": "Sequence", "pretokenizers": [DIGITS, BYTES]}):
        with pytest.raises(TypeError, match="byte-level"):
            completed(tmp_path, rule)._set_vocab_llama_hf()
    for rule in (None, {"type": "Metaspace"}):
        converter = completed(tmp_path, rule)
        converter._set_vocab_llama_hf()
        assert converter.kind == "SentencePiece"


def test_an_unknown_rule_is_gpt2s_only_if_it_is_the_same(tmp_path: Path) -> None:
    assert completed(tmp_path, BYTES).get_vocab_base_pre(None) == "gpt-2"
    others = ({**BYTES, "add_prefix_space": True}, {"type": "Sequence", "pretokenizers": [DIGITS, BYTES]}, None)
    for rule in others:
        with pytest.raises(ConfigError, match="has no counterpart of this tokenizer's rule for splitting text"):
            completed(tmp_path, rule).get_vocab_base_pre(None)


def test_global_layers_are_named_where_llama_cpp_expects_others(tmp_path: Path) -> None:
    for every, expected in ((6, None), (2, [True, False] * 4)):
        converter = completed(tmp_path, None, layers=8, every=every)
        converter.set_gguf_parameters()
        assert converter.pattern == expected


def test_who_adds_bos() -> None:
    class Field:
        def __init__(self, content: Any) -> None:
            self.contents = lambda: content

    named = "tokenizer.ggml.add_bos_token"
    assert _adds_bos({named: Field(True)}) is True and _adds_bos({named: Field(False)}) is False
    assert _adds_bos({"tokenizer.ggml.model": Field("llama")}) and not _adds_bos(
        {"tokenizer.ggml.model": Field("gpt2")}
    )
