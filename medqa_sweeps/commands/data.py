"""`data DATA [OVERRIDE …]`: what a set holds, without training on it."""

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medqa_sweeps.config.interpolation import literal
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.installation import CONF

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

    from medqa_sweeps.config import DataConfig
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
    given = literal({"name": Path(text).stem, "train": text}) if is_file else _option("data", text, "a file, or ")
    config: DataConfig = _typed("data", DataConfig, given, overrides)
    if problems := list(config.problems()):
        raise ConfigError("\n".join(problems))
    return config


def _tokens(model: str, prompt: str | None) -> "Measure":
    """Lengths in tokens of a model's prompts, with the two tokens of the answer."""
    from medqa_sweeps.base import tokenizer_folder
    from medqa_sweeps.config import ModelConfig, PromptConfig
    from medqa_sweeps.data import Question
    from medqa_sweeps.prompt import PromptEncoder
    from medqa_sweeps.prompt.tokenizer import FileTokenizer

    is_folder = os.path.isdir(model)
    given = literal({"name": model, "path": model}) if is_folder else _option("model", model, "a folder, or ")
    tokenizer = FileTokenizer(tokenizer_folder(_typed("model", ModelConfig, given, [])))
    wording = prompt or ("chat" if tokenizer.chat_template else "plain")
    config = _typed("prompt", PromptConfig, _option("prompt", wording, ""), [])

    def measure(questions: list[Question]) -> list[int]:
        encoder = PromptEncoder(tokenizer, config, max(len(question.options) for question in questions))
        return [len(ids) + 2 for ids in encoder.encode_all(questions)]

    return measure


def _option(group: str, name: str, or_else: str) -> dict[str, Any]:
    """The settings of a file of `conf/`."""
    import yaml

    from medqa_sweeps.config.known_keys import nearest

    file = CONF / group / f"{name}.yaml"
    if not file.is_file():
        names = sorted(path.stem for path in file.parent.glob("*.yaml"))
        meant = f" Did you mean {near}?" if (near := nearest(name, names)) else ""
        told = f"{name}: conf/{group}/ has no such option.{meant} Name {or_else}one of {', '.join(names)}."
        raise ConfigError(told)
    settings: dict[str, Any] = yaml.safe_load(file.read_text())
    return settings


def _typed(group: str, schema: type[Any], given: dict[str, Any], overrides: Sequence[str]) -> Any:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    from medqa_sweeps.config.known_keys import said
    from medqa_sweeps.config.overrides import with_typed_texts

    try:
        typed = OmegaConf.create({group: OmegaConf.structured(schema)})
        merged: Any = OmegaConf.merge(typed, {group: given})
        for override in _parsed(group, overrides):
            OmegaConf.update(merged, override.key_or_group, with_typed_texts(override, merged).value())
        return OmegaConf.to_object(merged[group])
    except OmegaConfBaseException as error:
        raise ConfigError(said(error)) from None


def _parsed(group: str, overrides: Sequence[str]) -> "Iterator[Override]":
    """Overrides, read as Hydra reads them for launch.py."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    from medqa_sweeps.compose.refusals import refusal

    try:
        for override in OverridesParser.create().parse_overrides(list(overrides)):
            if not override.key_or_group.startswith(f"{group}.") or override.is_sweep_override():
                raise ConfigError(f"{override.input_line}: here only {group}.KEY=VALUE can be set.")
            yield override
    except HydraException as error:
        raise ConfigError(refusal(error) or str(error)) from None
