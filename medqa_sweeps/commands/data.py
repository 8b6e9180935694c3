"""`data DATA [OVERRIDE …]`: what a set holds, without training on it."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from medqa_sweeps.commands.typed_options import option, typed
from medqa_sweeps.config.interpolation import literal
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.exit_codes import ExitCode

if TYPE_CHECKING:
    from medqa_sweeps.config import DataConfig, ModelConfig
    from medqa_sweeps.data.description import Measure


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", metavar="DATA", help="a file, a glob of files, or a name of conf/data/")
    parser.add_argument(
        "overrides", nargs="*", metavar="OVERRIDE", help="data settings, as for launch.py: data.answer_base=1"
    )
    parser.add_argument(
        "--model", help="count tokens with this model's tokenizer: a folder, or a name of conf/model/ (default: words)"
    )
    parser.add_argument(
        "--prompt",
        help="with this wording: a name of conf/prompt/ (default: chat if the model has a template, else plain)",
    )
    parser.add_argument("--max-length", type=int, metavar="N", help="show how many questions are longer than N tokens")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print what the set holds; FAILED if a question of it cannot be used."""
    from rich.console import Console

    from medqa_sweeps.data.description import describe, word_counts
    from medqa_sweeps.data.printing import print_description

    config = _data_config(arguments.data, arguments.overrides)
    if arguments.model is None and arguments.max_length is not None:
        raise ConfigError("--max-length counts tokens: name the model as well, --model NAME-OR-FOLDER.")
    measure = word_counts if arguments.model is None else _tokens(arguments.model, arguments.prompt)
    description = describe(config, measure, arguments.max_length)
    unit = "words" if arguments.model is None else f"tokens of {Path(arguments.model).name}"
    print_description(config, description, unit, arguments.max_length, Console(highlight=False))
    has_bad_records = any(holding.found.quarantined for holding in description.parts.values())
    return ExitCode.FAILED if has_bad_records else ExitCode.OK


def _data_config(text: str, overrides: Sequence[str]) -> "DataConfig":
    from medqa_sweeps.config import DataConfig
    from medqa_sweeps.data.files import FILE_TYPES

    is_file = os.path.exists(text) or text.startswith("bundled:") or Path(text).suffix.lower() in FILE_TYPES
    given = literal({"name": Path(text).stem, "train": text}) if is_file else option("data", text, "a file, or ")
    config: DataConfig = typed("data", DataConfig, given, overrides)
    if problems := list(config.problems()):
        raise ConfigError("\n".join(problems))
    return config


def model_config(model: str) -> "ModelConfig":
    """The config of a model's folder, or of a name of conf/model/."""
    from medqa_sweeps.config import ModelConfig

    is_folder = os.path.isdir(model)
    given = literal({"name": model, "path": model}) if is_folder else option("model", model, "a folder, or ")
    config: ModelConfig = typed("model", ModelConfig, given, [])
    return config


def _tokens(model: str, prompt: str | None) -> "Measure":
    """Lengths in tokens of a model's prompts, with the two tokens of the answer."""
    from medqa_sweeps.base import tokenizer_folder
    from medqa_sweeps.config import PromptConfig
    from medqa_sweeps.data import Question
    from medqa_sweeps.prompt import PromptEncoder
    from medqa_sweeps.prompt.tokenizer import FileTokenizer

    tokenizer = FileTokenizer(tokenizer_folder(model_config(model)))
    wording = prompt or ("chat" if tokenizer.chat_template else "plain")
    config = typed("prompt", PromptConfig, option("prompt", wording, ""), [])

    def measure(questions: list[Question]) -> list[int]:
        encoder = PromptEncoder(tokenizer, config, max(len(question.options) for question in questions))
        return [len(ids) + 2 for ids in encoder.encode_all(questions)]

    return measure
