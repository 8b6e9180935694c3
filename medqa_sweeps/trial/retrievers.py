"""The retriever that a config asks for, with its encoders located."""

from dataclasses import replace

from medqa_sweeps.config import WITH_ENCODERS, RetrievalConfig
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.retrieval.bm25 import Bm25Settings
from medqa_sweeps.retrieval.dense import SIMILARITIES, DenseSettings
from medqa_sweeps.retrieval.encoders import Encoder, TextEncoder, locate_encoder, pinned
from medqa_sweeps.retrieval.hybrid import HybridSettings
from medqa_sweeps.retrieval.retriever import Retriever


def retriever_of(config: RetrievalConfig) -> Retriever:
    """The settings of the retriever.

    Raises:
        ConfigError: if an encoder cannot be used, or config.pooling does not fit it.
    """
    bm25 = Bm25Settings(config.k1, config.b, config.stem)
    if config.name == "bm25":
        return bm25
    dense = _dense(config)
    return dense if config.name == "dense" else HybridSettings(bm25, dense, config.rrf_k)


def at_commits(config: RetrievalConfig) -> RetrievalConfig:
    """The config with the hub's commits of its encoders, so that it stays exact when branches move.

    Raises:
        ConfigError: as `locate_encoder`.
    """
    if not config.is_used or config.name not in WITH_ENCODERS:
        return config
    embedder, query_embedder = (name and pinned(name) for name in (config.embedder, config.query_embedder))
    return replace(config, embedder=embedder, query_embedder=query_embedder)


def _dense(config: RetrievalConfig) -> DenseSettings:
    assert config.embedder is not None, "checked() requires an encoder"
    passages = locate_encoder(config.embedder)
    queries = locate_encoder(config.query_embedder) if config.query_embedder else passages
    _refuse_pooling(config, [passages, queries])
    return DenseSettings(
        TextEncoder(passages, "passage", config.pooling if passages.is_plain else None, config.passage_prefix),
        TextEncoder(queries, "query", config.pooling if queries.is_plain else None, config.query_prefix),
        _similarity(config, passages),
    )


def _refuse_pooling(config: RetrievalConfig, encoders: list[Encoder]) -> None:
    plain = [encoder.label for encoder in encoders if encoder.is_plain]
    if plain and config.pooling is None:
        raise ConfigError(
            f"The encoder {plain[0]} does not say how the vectors of a text's tokens become one. Set retrieval.pooling "
            "as its authors do: cls (MedCPT), or mean."
        )
    if config.pooling is not None and not plain:
        raise ConfigError(
            f"retrieval.pooling={config.pooling}: the folder of {encoders[0].label} says itself how the vectors of a "
            "text's tokens become one. Leave pooling out."
        )


def _similarity(config: RetrievalConfig, passages: Encoder) -> str:
    found = config.similarity or passages.similarity or SIMILARITIES[0]
    if found not in SIMILARITIES:
        raise ConfigError(
            f"The folder of {passages.label} compares vectors by {found}, which is not supported. Set "
            f"retrieval.similarity to {' or '.join(SIMILARITIES)}."
        )
    return found
