"""Types, bytes and fields of a quantised GGUF, read back by llama.cpp's own reader."""

import json
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader, GGUFWriter
from gguf.quants import dequantize

from medqa_sweeps.durable.progress import ProgressFile
from medqa_sweeps.export.forms import BY_LIBGGUF
from medqa_sweeps.worker.gguf_quantising import _has_more_bits, quantise

LAYERS = 16


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose width is 256, but for one tensor of 96 and one of 40."""
    file, numbers = tmp_path_factory.mktemp("gguf") / "f32.gguf", np.random.default_rng(0)
    writer = GGUFWriter(file, "llama")
    writer.add_block_count(LAYERS)
    writer.add_file_type(0)
    writer.add_token_list(["a", "b"])
    shapes = {"token_embd.weight": (8, 256), "output_norm.weight": (256,), "blk.0.attn_norm.weight": (2, 256)}
    shapes |= {f"blk.{layer}.attn_v.weight": (4, 256) for layer in range(LAYERS)}
    shapes |= {"blk.0.ffn_down.weight": (4, 512), "blk.2.ffn_down.weight": (4, 96), "blk.0.attn_q.weight": (4, 40)}
    for name, shape in shapes.items():
        writer.add_tensor(name, numbers.normal(size=shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def quantised(source: Path, format: str, folder: Path) -> tuple[GGUFReader, dict]:
    out, counts = folder / f"{format}.gguf", folder / "counts.json"
    quantise(source, out, format, counts, ProgressFile(folder / "progress"))
    return GGUFReader(out), json.loads(counts.read_text())


@pytest.mark.parametrize("format", BY_LIBGGUF)
def test_values_and_fields_survive(format: str, source: Path, tmp_path: Path) -> None:
    reader, counts = quantised(source, format, tmp_path)
    before = {tensor.name: tensor for tensor in GGUFReader(source).tensors}
    assert [tensor.name for tensor in reader.tensors] == list(before)
    for tensor in reader.tensors:
        then = before[tensor.name]
        assert list(tensor.shape) == list(then.shape)
        values = dequantize(tensor.data, tensor.tensor_type).reshape(then.data.shape)
        error = np.abs(values - then.data).max()
        assert error == 0 if tensor.tensor_type.name == "F32" else 0 < error < 0.5, tensor.name
    assert reader.fields["tokenizer.ggml.tokens"].contents() == ["a", "b"]
    assert reader.fields["llama.block_count"].contents() == LAYERS
    assert reader.fields["general.file_type"].contents() != 0
    assert sum(counts["types"].values()) == len(before)


def test_the_mixture_is_llama_quantizes(source: Path, tmp_path: Path) -> None:
    reader, counts = quantised(source, "q4_k_m", tmp_path)
    types = {tensor.name: tensor.tensor_type.name for tensor in reader.tensors}
    assert types["token_embd.weight"] == "Q6_K", "tied to the output"
    assert (types["output_norm.weight"], types["blk.0.attn_norm.weight"]) == ("F32", "F32")
    more = [layer for layer in range(LAYERS) if types[f"blk.{layer}.attn_v.weight"] == "Q6_K"]
    assert (
        more == [0, 1, 4, 7, 10, 13, 14, 15]
        and [layer for layer in range(LAYERS) if _has_more_bits(layer, LAYERS)] == more
    )
    assert types["blk.2.attn_v.weight"] == "Q4_K" and types["blk.0.ffn_down.weight"] == "Q6_K"
    assert types["blk.2.ffn_down.weight"] == "Q5_0", "96 is a multiple of 32, not of 256"
    assert types["blk.0.attn_q.weight"] == "F16", "40 is a multiple of neither"
    assert counts["fallen_back"] == 2
