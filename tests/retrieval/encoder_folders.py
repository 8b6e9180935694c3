"""Small encoders of random weights, as libraries save them: they show that the machinery works, and rank by chance.

python -m tests.retrieval.encoder_folders FOLDER TEXTS      BERT-like ones, in a process of its own: it imports torch
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LIMIT_TOKENS = 24  # that a BERT-like encoder reads


def tokenizer_of(texts: Sequence[str]) -> Tokenizer:
    """Words of the texts in lower case, without their order: a trained vocabulary would be another one each time."""
    normalizer, splitter = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    words = {word for text in texts for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text))}
    vocabulary = {word: index for index, word in enumerate([*SPECIAL, *sorted(words)])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    return tokenizer


def static_vectors(tokenizer: Tokenizer, seed: int, width: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((tokenizer.get_vocab_size(), width), dtype=np.float32)


def write_static(folder: Path, texts: Sequence[str], seed: int = 0, width: int = 16, broken: bool = False) -> Path:
    """A folder of model2vec.

    Args:
        broken: whether its vectors hold NaN.
    """
    from model2vec import StaticModel

    tokenizer = tokenizer_of(texts)
    vectors = static_vectors(tokenizer, seed, width)
    vectors[:] = np.nan if broken else vectors
    StaticModel(vectors, tokenizer).save_pretrained(folder)
    return folder


def write_bert(folder: Path, texts: Sequence[str], seed: int, width: int = 32) -> Any:
    """A plain folder of transformers, as MedCPT's are: it does not say how to pool."""
    import torch
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    tokenizer = tokenizer_of(texts)
    ids = [(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ids)
    named = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=LIMIT_TOKENS, **named).save_pretrained(folder)
    torch.manual_seed(seed)
    shape = {"hidden_size": width, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 2 * width}
    BertModel(BertConfig(vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=64, **shape)).save_pretrained(
        folder
    )


def write_sentence_transformer(folder: Path, plain: Path) -> None:
    """A folder of sentence-transformers of a plain one: it pools by the mean, and has prompts."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    tokens = Transformer(str(plain))
    modules = [tokens, Pooling(tokens.get_embedding_dimension(), "mean")]
    prompts = {"query": "gout ", "document": ""}
    SentenceTransformer(modules=modules, prompts=prompts, similarity_fn_name="dot", device="cpu").save_pretrained(
        str(folder)
    )


def main(folder: Path, texts: list[str]) -> None:
    """Two plain encoders of one width, one of another, and one of sentence-transformers."""
    for seed, name in enumerate(("passages", "queries")):
        write_bert(folder / name, texts, seed)
    write_bert(folder / "wide", texts, 2, width=64)
    write_sentence_transformer(folder / "sentences", folder / "passages")


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
