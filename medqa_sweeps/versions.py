"""Versions of the packages that a result depends on. They are part of cache keys, not of a signature (see `config`)."""

from importlib.metadata import version

TOKENIZING = ("jinja2", "tokenizers", "transformers")
COMPUTING = ("accelerate", "bitsandbytes", "peft", "torch", "transformers", "trl", "unsloth", "unsloth_zoo")
RANKING = ("bm25s", "numpy", "scipy")
EMBEDDING = ("sentence-transformers", "tokenizers", "torch", "transformers")  # the first is of the extra `dense`
STATIC_EMBEDDING = ("model2vec", "numpy", "tokenizers")  # so is the first of these


def versions_of(packages: tuple[str, ...]) -> dict[str, str]:
    """The installed version of each package; all that have no note above are dependencies of this project."""
    return {name: version(name) for name in packages}
