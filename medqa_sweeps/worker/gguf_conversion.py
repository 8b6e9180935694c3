"""A child process: llama.cpp's own converter makes a GGUF of a merged folder.

    python -m medqa_sweeps.worker.gguf_conversion LLAMA_CPP MERGED OUT.gguf FORMAT NAME FACTS.json

LLAMA_CPP is a folder of llama.cpp's Python parts (`export/llama_cpp.py`), FORMAT one that the converter writes: f32,
f16, bf16, q8_0. NAME goes into the file, in place of what the converter would make of the folders' names.
FACTS is written: whether llama.cpp will put the beginning-of-sequence token before a text by itself.

Three things that the converter leaves out are added. It knows byte-level BPE tokenizers by a hash of what they do to
one text, and refuses others. It takes one for SentencePiece's kind if its file asks for byte fallback as well, after
which llama.cpp fails on a blank. And llama.cpp takes every sixth layer of a Gemma 3 for a global one unless the file
says which are.
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import torch

from medqa_sweeps.durable.files import write_atomically
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.worker import device
from medqa_sweeps.worker.refusal import done_or_refused
from medqa_sweeps.worker.sentencepiece_model import write_sentencepiece

_FILE_TYPES = {"f32": "ALL_F32", "f16": "MOSTLY_F16", "bf16": "MOSTLY_BF16", "q8_0": "MOSTLY_Q8_0"}
_GLOBAL_EVERY = 6  # llama.cpp's src/models/gemma3.cpp


def main(arguments: list[str]) -> ExitCode:
    llama_cpp, merged, out, format, name, facts = arguments
    return done_or_refused(lambda: convert(Path(llama_cpp), Path(merged), Path(out), format, name, Path(facts)))


def convert(llama_cpp: Path, merged: Path, out: Path, format: str, name: str, facts: Path) -> None:
    """Write `out` and `facts`.

    Raises:
        ConfigError: if this llama.cpp does not know the architecture or the tokenizer.
    """
    device.use_threads(None)
    sys.path[:0] = [str(llama_cpp), str(llama_cpp / "gguf-py")]
    gguf, conversion = importlib.import_module("gguf"), importlib.import_module("conversion")
    config = json.loads((merged / "config.json").read_text())
    if not (merged / "tokenizer.model").exists():
        write_sentencepiece(merged, (config.get("text_config") or config)["vocab_size"])
    try:
        known = conversion.get_model_class(config["architectures"][0])
    except (NotImplementedError, KeyError) as error:
        raise ConfigError(f"The llama.cpp in {llama_cpp} cannot convert this architecture: {error}.") from None
    file_type = getattr(gguf.LlamaFileType, _FILE_TYPES[format])
    converter = _completed(known, merged)
    with torch.inference_mode():
        converter(merged, file_type, out, model_name=name).write()
    write_atomically(facts, json.dumps({"adds_bos": _adds_bos(gguf.GGUFReader(out).fields)}) + "\n")


def _completed(known: Any, merged: Path) -> Any:
    """The converter's class for an architecture, with what it leaves out."""

    class Completed(known):
        model_arch = known.model_arch

        def get_vocab_base_pre(self, tokenizer: Any) -> str:
            try:
                return str(super().get_vocab_base_pre(tokenizer))
            except NotImplementedError:
                if _splits_as_gpt2(merged):
                    return "gpt-2"
                raise ConfigError(
                    "llama.cpp has no counterpart of this tokenizer's rule for splitting text into words (its "
                    "converter does not recognise the BPE pre-tokenizer). A newer llama.cpp may: name its folder with "
                    "--llama-cpp."
                ) from None

        def _set_vocab_llama_hf(self) -> None:
            if _is_byte_level(merged):
                raise TypeError("byte-level BPE")  # the converter then writes it as such
            super()._set_vocab_llama_hf()

        def set_gguf_parameters(self) -> None:
            super().set_gguf_parameters()
            sliding = [kind == "sliding_attention" for kind in self.hparams.get("layer_types") or []]
            usual = [(layer + 1) % _GLOBAL_EVERY != 0 for layer in range(len(sliding))]
            if known.__name__.startswith("Gemma3") and sliding != usual:
                self.gguf_writer.add_sliding_window_pattern(sliding)

    return Completed


def _adds_bos(fields: Any) -> bool:
    if "tokenizer.ggml.add_bos_token" in fields:
        return bool(fields["tokenizer.ggml.add_bos_token"].contents())
    return bool(fields["tokenizer.ggml.model"].contents() == "llama")  # SentencePiece: llama.cpp's default


def _steps(merged: Path) -> list[dict[str, Any]]:
    """How the tokenizer splits text before it merges pieces."""
    file = merged / "tokenizer.json"
    rule = json.loads(file.read_text()).get("pre_tokenizer") if file.exists() else None
    return [] if rule is None else list(rule.get("pretokenizers", [rule]))


def _is_byte_level(merged: Path) -> bool:
    return any(step["type"] == "ByteLevel" for step in _steps(merged))


def _splits_as_gpt2(merged: Path) -> bool:
    (step, *more) = _steps(merged) or [{}]
    return not more and _is_byte_level(merged) and step.get("use_regex", True) and not step.get("add_prefix_space")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
