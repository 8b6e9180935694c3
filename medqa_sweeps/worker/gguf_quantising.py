"""A child process: rewrites a 32-bit GGUF in fewer bits per weight, tensor by tensor. It needs no torch.

    python -m medqa_sweeps.worker.gguf_quantising IN.gguf OUT.gguf FORMAT COUNTS.json PROGRESS

Which type each tensor gets follows llama.cpp's `llama-quantize` (src/llama-quant.cpp) for dense models: q4_k_m, say,
gives more bits to the vocabulary, and to some of the layers' values and last projections. Types of k-quants pack rows
in blocks of 256; a tensor whose rows are no multiple of that falls back to a type with blocks of 32, which takes more
bits. COUNTS is written: tensors by type, and how many of them fell back.
"""

import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import libgguf
import numpy as np
from gguf import GGUFReader, GGUFValueType, GGUFWriter, LlamaFileType
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType as Type

from medqa_sweeps.durable.files import write_atomically
from medqa_sweeps.durable.progress import ProgressFile
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.worker.refusal import done_or_refused

_FALLBACKS = {Type.Q4_K: Type.Q5_0, Type.Q5_K: Type.Q5_1, Type.Q6_K: Type.Q8_0}


@dataclass(frozen=True)
class Mixture:
    """The types of a format's tensors."""

    usual: Type
    file_type: LlamaFileType
    more: Type | None = None  # of some layers' attn_v and ffn_down; None: as usual


_MIXTURES = {
    "q4_0": Mixture(Type.Q4_0, LlamaFileType.MOSTLY_Q4_0),
    "q4_k_m": Mixture(Type.Q4_K, LlamaFileType.MOSTLY_Q4_K_M, more=Type.Q6_K),
    "q5_k_m": Mixture(Type.Q5_K, LlamaFileType.MOSTLY_Q5_K_M, more=Type.Q6_K),
    "q6_k": Mixture(Type.Q6_K, LlamaFileType.MOSTLY_Q6_K),
}


def main(arguments: list[str]) -> ExitCode:
    source, out, format, counts, progress = arguments
    return done_or_refused(
        lambda: quantise(Path(source), Path(out), format, Path(counts), ProgressFile(Path(progress)))
    )


def quantise(source: Path, out: Path, format: str, counts: Path, progress: ProgressFile) -> None:
    """Write `out` and `counts`."""
    reader, mixture = GGUFReader(source), _MIXTURES[format]
    tied = not any(tensor.name == "output.weight" for tensor in reader.tensors)
    layers = int(reader.fields[f"{_text(reader, 'general.architecture')}.block_count"].contents())
    types, fallen = {}, 0
    for tensor in reader.tensors:
        wanted = _wanted(tensor.name, len(tensor.shape), mixture, tied, layers)
        types[tensor.name] = Type.F32 if wanted is None else _fitting(wanted, int(tensor.shape[0]))
        fallen += wanted is not None and types[tensor.name] is not wanted
    writer = GGUFWriter(out, _text(reader, "general.architecture"))
    _copy_fields(reader, writer, mixture.file_type)
    for tensor in reader.tensors:
        shape, type = [int(size) for size in reversed(tensor.shape)], types[tensor.name]
        block, block_bytes = GGML_QUANT_SIZES[type]
        in_bytes = int(np.prod(shape)) // block * block_bytes
        if type is Type.F32:
            writer.add_tensor_info(tensor.name, shape, np.dtype(np.float32), in_bytes)
        else:
            shape[-1] = shape[-1] // block * block_bytes  # the writer takes rows of bytes
            writer.add_tensor_info(tensor.name, shape, np.dtype(np.uint8), in_bytes, raw_dtype=type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for done, tensor in enumerate(reader.tensors, start=1):
        rows = np.asarray(tensor.data, dtype=np.float32)
        type = types[tensor.name]
        writer.write_tensor_data(rows if type is Type.F32 else libgguf.quantize_rows(rows, type))
        progress.show(done, len(reader.tensors))
    writer.close()
    used = Counter(type.name for type in types.values())
    write_atomically(counts, json.dumps({"types": dict(used.most_common()), "fallen_back": fallen}) + "\n")


def _wanted(name: str, dimensions: int, mixture: Mixture, tied: bool, layers: int) -> Type | None:
    """The type that the format gives a tensor, whatever its width; None: it stays in 32 bits."""
    if dimensions < 2 or not name.endswith("weight") or "_norm.weight" in name:
        return None
    if name == "output.weight" or (tied and name == "token_embd.weight"):
        return Type.Q6_K
    if mixture.more and name.endswith(("attn_v.weight", "ffn_down.weight")):
        return mixture.more if _has_more_bits(int(name.split(".")[1]), layers) else mixture.usual
    return mixture.usual


def _has_more_bits(layer: int, layers: int) -> bool:
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


def _fitting(wanted: Type, width: int) -> Type:
    """The wanted type, or the one it falls back to where rows of this width are no multiple of its block."""
    for type in (wanted, _FALLBACKS.get(wanted, Type.F16)):
        if width % GGML_QUANT_SIZES[type][0] == 0:
            return type
    return Type.F16


def _text(reader: GGUFReader, field: str) -> str:
    return str(reader.fields[field].contents())


def _copy_fields(reader: GGUFReader, writer: GGUFWriter, file_type: LlamaFileType) -> None:
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":  # the writer's own
            continue
        value: Any = int(file_type) if name == "general.file_type" else field.contents()
        inner = field.types[-1] if field.types[0] is GGUFValueType.ARRAY else None
        writer.add_key_value(name, value, field.types[0], inner)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
