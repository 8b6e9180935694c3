"""A child process: an encoder turns texts into vectors, on the CPU.

    python -m medqa_sweeps.worker.embed FOLDER

FOLDER holds `request.json`, as `retrieval/embedding.py` writes it; `embeddings.npz` is written there, and `done` while
it works. Each text is computed alone and on one thread, in as many processes as were asked for: in a batch, the last
digits of a vector depend on the texts beside it.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from medqa_sweeps.base import BaseModel
from medqa_sweeps.base.errors import reads_base
from medqa_sweeps.durable.progress import ProgressFile
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.worker.refusal import done_or_refused

_FEW = 64  # texts that are not worth further processes
_CHUNK = 8  # texts that a process takes at a time


class Embedding(NamedTuple):
    vector_D: np.ndarray  # float32
    is_cut: bool  # whether the text is longer than the encoder reads


Encode = Callable[[str], Embedding]
_encode: Encode | None = None  # of this process, and of those that it forks: they share the loaded weights


def main(arguments: list[str]) -> ExitCode:
    (folder,) = arguments
    return done_or_refused(lambda: embed(Path(folder)))


def embed(folder: Path) -> None:
    """Write the vectors of a request's texts.

    Raises:
        ConfigError: if the encoder cannot be loaded, or gives no finite numbers.
    """
    request = json.loads((folder / "request.json").read_text())
    base = BaseModel(Path(request["folder"]), request["label"], None, {})
    found = _all(base, request, ProgressFile(folder / "done"))
    vectors_TxD = np.stack([one.vector_D for one in found])
    if bad := int((~np.isfinite(vectors_TxD)).any(axis=1).sum()):
        raise ConfigError(
            f"The encoder {base.label} gives vectors that are not finite numbers (NaN) for {bad:,} of {len(found):,} "
            "texts. Its weights may be damaged: fetch them again, or choose another encoder."
        )
    np.savez(folder / "embeddings.npz", vectors=vectors_TxD, cut=np.array(sum(one.is_cut for one in found)))


@reads_base
def _all(base: BaseModel, request: dict[str, Any], progress: ProgressFile) -> list[Embedding]:
    global _encode
    _encode = _static(base, request) if request["is_static"] else _transformer(base, request)
    texts, found = request["texts"], []
    for one in _encoded(texts, request["processes"]):
        found.append(one)
        progress.show(len(found), len(texts))
    return found


def _encoded(texts: Sequence[str], processes: int) -> Iterator[Embedding]:
    """The embeddings in the order of the texts."""
    if processes == 1 or len(texts) < _FEW:
        yield from map(_encoded_here, texts)
        return
    with ProcessPoolExecutor(processes, get_context("fork")) as pool:
        yield from pool.map(_encoded_here, texts, chunksize=_CHUNK)


def _encoded_here(text: str) -> Embedding:
    assert _encode is not None, "set before processes are forked"
    return _encode(text)


def _static(base: BaseModel, request: dict[str, Any]) -> Encode:
    """The mean of the vectors of a text's tokens; texts of any length are read."""
    from model2vec import StaticModel

    model = StaticModel.from_pretrained(base.folder, max_length=None, force_download=False)
    prefix = request["prefix"] or ""

    def encode(text: str) -> Embedding:
        return Embedding(model.encode([prefix + text], use_multiprocessing=False)[0].astype(np.float32), False)

    return encode


def _transformer(base: BaseModel, request: dict[str, Any]) -> Encode:
    """What sentence-transformers makes of a text, with its prompts for questions and documents."""
    model = _sentence_transformer(base.folder, request["pooling"])
    prefix, most = request["prefix"], model.get_max_seq_length()
    is_query = request["role"] == "query"
    encode_role = model.encode_query if is_query else model.encode_document
    names = ["query"] if is_query else ["document", "passage", "corpus"]  # as the library looks for them
    before = next((model.prompts[name] for name in names if name in model.prompts), "") if prefix is None else prefix

    def encode(text: str) -> Embedding:
        vector_D = encode_role([text], prompt=prefix, batch_size=1, show_progress_bar=False)[0]
        return Embedding(vector_D.astype(np.float32), isinstance(most, int) and tokens_of(before + text) > most)

    def tokens_of(text: str) -> int:
        return len(model.tokenizer(text, truncation=False, verbose=False)["input_ids"])

    return encode


def _sentence_transformer(folder: Path, pooling: str | None) -> Any:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    torch.set_num_threads(1)
    weights = {"dtype": torch.float32, "use_safetensors": True}
    if pooling is None:
        return SentenceTransformer(str(folder), device="cpu", local_files_only=True, model_kwargs=weights)
    tokens = Transformer(str(folder), model_kwargs=weights)
    return SentenceTransformer(modules=[tokens, Pooling(tokens.get_embedding_dimension(), pooling)], device="cpu")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
