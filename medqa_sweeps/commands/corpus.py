"""`corpus FOLDER …`: what a corpus for retrieval holds, without a sweep."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.wording import EDUCATION_ONLY

if TYPE_CHECKING:
    from medqa_sweeps.data.duplicates import QuestionHash
    from medqa_sweeps.retrieval.description import Measure


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sources", nargs="+", metavar="FOLDER", help="folders, files or globs: .txt, .md, .pdf and .jsonl are read"
    )
    parser.add_argument("--questions", metavar="FILE", help="say which questions of this file stand in the corpus")
    parser.add_argument(
        "--model", help="count tokens with this model's tokenizer: a folder, or a name of conf/model/ (default: words)"
    )
    parser.add_argument("--chunk-chars", type=int, default=1000, metavar="N", help="most characters per passage (1000)")
    parser.add_argument(
        "--chunk-overlap", type=int, default=200, metavar="N", help="most characters that two passages share (200)"
    )


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print what the corpus holds; FAILED if a file of it cannot be read."""
    from rich.console import Console

    from medqa_sweeps.retrieval.chunks import Chunking
    from medqa_sweeps.retrieval.description import describe_corpus, word_counts
    from medqa_sweeps.retrieval.printing import print_corpus

    try:
        chunking = Chunking(arguments.chunk_chars, arguments.chunk_overlap)
    except ValueError as error:
        raise ConfigError(f"--chunk-chars and --chunk-overlap: {error}") from None
    questions = None if arguments.questions is None else _hashes(arguments.questions)
    measure = word_counts if arguments.model is None else _tokens(arguments.model)
    description = describe_corpus(arguments.sources, chunking, measure, questions)
    unit = "words" if arguments.model is None else f"tokens of {Path(arguments.model).name}"
    console = Console(highlight=False)
    print_corpus(description, unit, console)
    console.print(f"\n{EDUCATION_ONLY}")
    return ExitCode.FAILED if description.read.refused else ExitCode.OK


def _hashes(file: str) -> "list[QuestionHash]":
    """Hashes of the questions of a file; bad records are left out."""
    from medqa_sweeps.config import DataConfig
    from medqa_sweeps.data import read_to_answer
    from medqa_sweeps.data.duplicates import question_hash

    config = DataConfig(name=Path(file).stem, train=file, on_bad_record="quarantine")
    return [question_hash(one.question, one.options) for one in read_to_answer(config).questions]


def _tokens(model: str) -> "Measure":
    from medqa_sweeps.base import tokenizer_folder
    from medqa_sweeps.commands.data import model_config
    from medqa_sweeps.prompt.tokenizer import FileTokenizer

    tokenizer = FileTokenizer(tokenizer_folder(model_config(model)))

    def measure(texts: Sequence[str]) -> list[int]:
        return [len(ids) for ids in tokenizer(list(texts), add_special_tokens=False)["input_ids"]]

    return measure
