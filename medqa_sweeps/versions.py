"""Versions of the packages that a result depends on. They are part of cache keys, not of a signature (see `config`)."""

from importlib.metadata import version

TOKENIZING = ("jinja2", "tokenizers", "transformers")
COMPUTING = ("accelerate", "bitsandbytes", "peft", "torch", "transformers", "trl", "unsloth", "unsloth_zoo")
RANKING = ("bm25s", "numpy", "scipy")


def versions_of(packages: tuple[str, ...]) -> dict[str, str]:
    """The installed version of each package; all packages above are dependencies of this project."""
    return {name: version(name) for name in packages}
