"""Versions of the packages that a result depends on: part of what is cached, not of a signature (see `config`)."""

from importlib.metadata import version

TOKENIZING = ("jinja2", "tokenizers", "transformers")
COMPUTING = ("accelerate", "bitsandbytes", "peft", "torch", "transformers", "trl", "unsloth", "unsloth_zoo")


def versions_of(packages: tuple[str, ...]) -> dict[str, str]:
    """By package; all of those above are dependencies of this project."""
    return {name: version(name) for name in packages}
