"""Encoders are checked by their files before a library reads them, and refused in a sentence."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from medqa_sweeps.config import RetrievalConfig
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.retrieval.bm25 import Bm25Settings
from medqa_sweeps.retrieval.dense import DenseSettings
from medqa_sweeps.retrieval.encoders import locate_encoder
from medqa_sweeps.retrieval.hybrid import HybridSettings
from medqa_sweeps.trial.retrievers import at_commits, retriever_of

MODULES = [{"type": "sentence_transformers.models.Transformer", "path": ""}]


def folder(path: Path, tensor: str = "embeddings.weight", modules: list | None = None) -> Path:
    """Files that look like an encoder's; none is loaded."""
    path.mkdir()
    (path / "config.json").write_text("{}")
    (path / "tokenizer.json").write_text("{}")
    (path / "README.md").write_text("About.")
    save_file({tensor: np.zeros((2, 2), np.float32)}, path / "model.safetensors")
    if modules is not None:
        (path / "modules.json").write_text(json.dumps(modules))
    return path


def test_what_a_folder_is_and_which_files_count(tmp_path: Path) -> None:
    plain, static = folder(tmp_path / "plain"), folder(tmp_path / "static", "embeddings")
    sentences = folder(tmp_path / "sentences", modules=MODULES)
    found = [locate_encoder(str(one)) for one in (plain, static, sentences)]
    assert [(one.is_static, one.is_plain) for one in found] == [(False, True), (True, False), (False, False)]
    assert set(found[0].files) == {"config.json", "model.safetensors", "tokenizer.json"}
    assert found[0].similarity is None and found[0].revision is None and found[0].label == str(plain)
    before = found[2].fingerprint
    for name, counts in (("onnx/config.json", False), (".cache/a.json", False), ("1_Pooling/config.json", True)):
        (sentences / name).parent.mkdir()
        (sentences / name).write_text("{}")
        assert (locate_encoder(str(sentences)).fingerprint != before) == counts


def remove(name: str) -> Callable[[Path], None]:
    return lambda path: (path / name).unlink()


def pickled(path: Path) -> None:
    (path / "2_Dense").mkdir()
    (path / "2_Dense" / "pytorch_model.bin").write_bytes(b"\x80")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda path: path.rename(path.with_name("moved")), r"there is no such folder\. Name one that contains"),
        (remove("config.json"), r"has no config\.json\. Name the folder"),
        (remove("model.safetensors"), r"weights in no \*\.safetensors.*save_pretrained"),
        (pickled, r"weights in no \*\.safetensors"),
        (lambda path: (path / "model.safetensors").write_bytes(b"12345678"), "not a readable safetensors file"),
        (lambda path: (path / "tokenizer.json").write_text("version https://git-lfs.github.com/spec/v1\n"), "Git-LFS"),
        (lambda path: (path / "modules.json").write_text('[{"type": "ours.Encoder"}]'), "needs its own code"),
        (lambda path: (path / "modules.json").write_text("{}"), "does not name modules"),
        (lambda path: (path / "modules.json").write_text("["), "is not JSON"),
        (lambda path: (path / "adapter_config.json").write_text("{}"), "is an adapter"),
    ],
)  # fmt: skip
def test_what_no_library_would_read_is_refused(tmp_path: Path, spoil: Callable, sentence: str) -> None:
    made = folder(tmp_path / "made")
    locate_encoder(str(made))
    spoil(made)
    with pytest.raises(ConfigError, match=sentence):
        locate_encoder(str(made))


@pytest.mark.parametrize(("tensor", "package"), [("embeddings", "model2vec"), ("other", "sentence-transformers")])
def test_a_library_that_is_not_installed_is_named_with_the_extra_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tensor: str, package: str
) -> None:
    """Both are installed where tests run; elsewhere Python finds neither."""
    real, made = importlib.util.find_spec, folder(tmp_path / "made", tensor)
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == package.replace("-", "_") else real(name)
    )
    with pytest.raises(ConfigError, match=rf"{package}, which is not installed: `uv sync --extra dense` installs it"):
        retriever_of(RetrievalConfig(name="hybrid", k=1, corpus="x", embedder=str(made), pooling="cls"))
    assert isinstance(retriever_of(RetrievalConfig(name="bm25", k=1, corpus="x")), Bm25Settings)


def test_a_config_becomes_the_retriever_that_it_names(tmp_path: Path) -> None:
    plain, static = folder(tmp_path / "plain"), folder(tmp_path / "static", "embeddings")
    config = RetrievalConfig(name="hybrid", k=1, embedder=str(plain), query_embedder=str(static), pooling="cls", k1=2)
    found = retriever_of(config)
    assert isinstance(found, HybridSettings) and found.bm25.k1 == 2 and found.rrf_k == 60
    passages, queries = found.dense.passages, found.dense.queries
    assert (passages.encoder.label, passages.pooling, passages.role) == (str(plain), "cls", "passage")
    assert (queries.encoder.label, queries.pooling, queries.role) == (str(static), None, "query")
    described = found.description()
    assert described["embedder"]["fingerprint"] == passages.encoder.fingerprint and described["similarity"] == "cosine"
    assert at_commits(config) == config, "a folder has no commit"
    config.name = "dense"
    assert isinstance(retriever_of(config), DenseSettings)


def test_how_tokens_become_one_vector_is_said_once(tmp_path: Path) -> None:
    plain, sentences = folder(tmp_path / "plain"), folder(tmp_path / "sentences", modules=MODULES)
    with pytest.raises(ConfigError, match=r"Set retrieval\.pooling as its authors do: cls \(MedCPT\), or mean"):
        retriever_of(RetrievalConfig(name="dense", k=1, embedder=str(plain)))
    with pytest.raises(ConfigError, match=r"pooling=cls: the folder of .*sentences says itself.*Leave pooling out"):
        retriever_of(RetrievalConfig(name="dense", k=1, embedder=str(sentences), pooling="cls"))


def test_vectors_are_compared_as_the_folder_says(tmp_path: Path) -> None:
    made = folder(tmp_path / "made", modules=MODULES)
    for said, asked, found in (("dot", None, "dot"), ("dot", "cosine", "cosine"), ("euclidean", "dot", "dot")):
        (made / "config_sentence_transformers.json").write_text(json.dumps({"similarity_fn_name": said}))
        dense = retriever_of(RetrievalConfig(name="dense", k=1, embedder=str(made), similarity=asked))
        assert isinstance(dense, DenseSettings) and dense.similarity == found
    with pytest.raises(
        ConfigError, match=r"by euclidean, which is not supported\. Set retrieval\.similarity to cosine or"
    ):
        retriever_of(RetrievalConfig(name="dense", k=1, embedder=str(made)))
