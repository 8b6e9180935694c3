"""The texts of a GGUF file: its metadata, which stand before the tensors. Reads no tensor and needs no other package.

Source: the format's description, version 3 (ggml-org/ggml, docs/gguf.md): little-endian; a magic word, version, counts
of tensors and of metadata; then each key with its type and value.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from medqa_sweeps.errors import ConfigError

_MAGIC = b"GGUF"
_STRING, _ARRAY = 8, 9
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # bytes by type of number
_VOCABULARIES = ("tokenizer.ggml.tokens", "tokenizer.ggml.merges")


def gguf_text(file: Path) -> Iterator[tuple[bytes, bool]]:
    """The keys and texts of the metadata, each with whether it is part of a vocabulary; and the tensors' names.

    Raises:
        ConfigError: if the file is no complete GGUF file.
    """
    with file.open("rb") as stream:
        try:
            yield from _texts(stream)
        except (struct.error, KeyError, MemoryError, OverflowError):
            raise ConfigError(f"{file} is not a complete GGUF file. Export it again.") from None


def _texts(stream: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    if stream.read(4) != _MAGIC:
        raise KeyError
    _, tensors, values = _unpacked(stream, "<IQQ")
    for _ in range(values):
        key = _string(stream)
        yield key, False
        (kind,) = _unpacked(stream, "<I")
        texts = list(_values(stream, kind))
        yield b"\n".join(texts), key.decode(errors="replace") in _VOCABULARIES
    for _ in range(tensors):
        yield _string(stream), False
        (dimensions,) = _unpacked(stream, "<I")
        stream.seek(8 * dimensions + 4 + 8, 1)  # shape, type, offset


def _values(stream: BinaryIO, kind: int) -> Iterator[bytes]:
    if kind == _STRING:
        yield _string(stream)
    elif kind == _ARRAY:
        inner, count = _unpacked(stream, "<IQ")
        if inner in _SIZES:
            stream.seek(count * _SIZES[inner], 1)
        else:
            for _ in range(count):
                yield from _values(stream, inner)
    else:
        stream.seek(_SIZES[kind], 1)


def _string(stream: BinaryIO) -> bytes:
    (length,) = _unpacked(stream, "<Q")
    text = stream.read(length)
    if len(text) < length:
        raise struct.error
    return text


def _unpacked(stream: BinaryIO, form: str) -> tuple[int, ...]:
    return struct.unpack(form, stream.read(struct.calcsize(form)))
