"""What a trial can be exported as, and the choices within each form."""

from enum import StrEnum

from medqa_sweeps.errors import ConfigError


class Form(StrEnum):
    ADAPTER = "adapter"  # the PEFT folder
    MERGED = "merged"  # a model of its own, for Transformers
    GGUF = "gguf"  # one file, for llama.cpp and Ollama


class BaseWeights(StrEnum):
    """Which weights of the base the adapter is merged into."""

    TRAINED = "trained"  # those that it was trained on: of a 4-bit trial, the dequantized ones
    ORIGINAL = "original"  # those in the base's files: another model than the trial's, where that was in 4-bit


DTYPES = ("bfloat16", "float16", "float32")  # of --as merged
# Bits per weight that a format is named after; those of one tensor may differ (`worker/gguf_quantising.py`).
BY_CONVERTER = ("f32", "f16", "bf16", "q8_0")  # llama.cpp's own converter writes these
BY_LIBGGUF = ("q6_k", "q5_k_m", "q4_k_m", "q4_0")
QUANTISATIONS = (*BY_CONVERTER, *BY_LIBGGUF)
DEFAULT_QUANTISATION = "f16"


def refuse_unknown_quantisation(name: str) -> None:
    """Return if it is one of `QUANTISATIONS`.

    Raises:
        ConfigError: with those that are.
    """
    if name not in QUANTISATIONS:
        raise ConfigError(f"--quantise {name}: there is no such format. Allowed are {', '.join(QUANTISATIONS)}.")
