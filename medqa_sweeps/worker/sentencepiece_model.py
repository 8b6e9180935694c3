"""Makes the `tokenizer.model` that a folder lacks, of its tokenizer.json.

Transformers 5 saves no `tokenizer.model`, and llama.cpp's converter takes a SentencePiece tokenizer without one for
another kind. tokenizer.json holds the same pieces. SentencePiece joins first what has the highest score, and BPE what
its list of merges names first: so a piece's score is the negative rank of the first merge that makes it.
"""

import json
import re
from pathlib import Path
from typing import Any

from sentencepiece import sentencepiece_model_pb2

_BLANK = "▁"  # SentencePiece's
_BYTE = re.compile("<0x[0-9A-F]{2}>")
_protobuf: Any = sentencepiece_model_pb2  # made while it is imported
_Type = _protobuf.ModelProto.SentencePiece


def write_sentencepiece(folder: Path, vocabulary: int) -> None:
    """Write `tokenizer.model` into the folder, if its tokenizer.json is of SentencePiece's kind: BPE on characters,
    with blanks as ▁ and bytes for characters that it lacks.

    Args:
        vocabulary: tokens of the model, which may be fewer than the tokenizer has.
    """
    file = folder / "tokenizer.json"
    described = json.loads(file.read_text()) if file.exists() else {}
    if not _is_sentencepiece(described):
        return
    added = {token["id"]: token for token in described["added_tokens"]}
    pieces = {id: text for text, id in described["model"]["vocab"].items()} | {
        id: token["content"] for id, token in added.items()
    }
    if not pieces.keys() >= set(range(vocabulary)):
        return
    ranks: dict[str, int] = {}
    for rank, pair in enumerate(described["model"]["merges"]):
        ranks.setdefault("".join(pair if isinstance(pair, list) else pair.split(" ")), rank)
    model = _protobuf.ModelProto()
    model.trainer_spec.model_type = _protobuf.TrainerSpec.BPE
    model.trainer_spec.byte_fallback = True
    model.normalizer_spec.add_dummy_prefix = '"Prepend"' in json.dumps(described.get("normalizer"))
    model.normalizer_spec.remove_extra_whitespaces = False
    unknown = described["model"].get("unk_token")
    for id in range(vocabulary):
        kind = _type(pieces[id], added.get(id), unknown)
        model.pieces.add(piece=pieces[id], score=-float(ranks.get(pieces[id], 0)), type=kind)
    (folder / "tokenizer.model").write_bytes(model.SerializeToString())


def _is_sentencepiece(described: dict[str, Any]) -> bool:
    model, splitting = described.get("model", {}), json.dumps(described.get("pre_tokenizer"))
    blanks = f'"{_BLANK}"' in json.dumps(described.get("normalizer"), ensure_ascii=False)
    return model.get("type") == "BPE" and model.get("byte_fallback", False) and blanks and "ByteLevel" not in splitting


def _type(piece: str, added: dict[str, Any] | None, unknown: str | None) -> int:
    if piece == unknown:
        return int(_Type.UNKNOWN)
    if _BYTE.fullmatch(piece):
        return int(_Type.BYTE)
    if added is None:
        return int(_Type.NORMAL)
    return int(_Type.CONTROL if added["special"] else _Type.USER_DEFINED)
