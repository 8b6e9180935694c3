"""`uv run python -m medqa_sweeps COMMAND …`: what can be done with studies, trials and questions, besides training."""

import importlib
import sys
from collections.abc import Sequence
from typing import Any

from medqa_sweeps.argument_parser import Parser, nearest_word
from medqa_sweeps.command_line import outlive_readers
from medqa_sweeps.commands import EXAMPLES, SUMMARIES
from medqa_sweeps.durable.writable_folders import complete_environment
from medqa_sweeps.errors import TrialError
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.wording import EDUCATION_ONLY, sentences

_PROGRAM = "python -m medqa_sweeps"


def main(argv: Sequence[str]) -> ExitCode:
    """Of the command that `words` begin with. A wrong command line ends the program with USAGE."""
    complete_environment()
    if not argv or argv[0] not in SUMMARIES:
        _overview(argv)
        return ExitCode.USAGE
    command = _module(argv[0])
    arguments = parser_of(argv[0]).parse_args(argv[1:])
    try:
        code: ExitCode = command.run(arguments)
    except TrialError as error:
        print(error, file=sys.stderr)
        return ExitCode.FAILED
    except KeyboardInterrupt:  # whatever computed is gone with the pool that it ran on
        print("Interrupted.", file=sys.stderr)
        return ExitCode.INTERRUPTED
    return code


def parser_of(command: str) -> Parser:
    """What may follow the name of a command."""
    parser = Parser(prog=f"{_PROGRAM} {command}", description=sentences(SUMMARIES[command]))
    _module(command).add_arguments(parser)
    parser.epilog = f"{parser.epilog or ''}\nExample:\n  uv run {_PROGRAM} {EXAMPLES[command]}".strip()
    return parser


def _overview(argv: Sequence[str]) -> None:
    """Print the commands, or end the program because of a word that is none of them."""
    table = "\n".join(f"  {name:<10} {summary}" for name, summary in SUMMARIES.items())
    parser = Parser(
        prog=_PROGRAM,
        usage=f"uv run {_PROGRAM} COMMAND …",
        description=f"Commands on studies, trials and questions; `uv run launch.py` trains.\n\n{table}",
        epilog=f"uv run {_PROGRAM} COMMAND --help explains one of them.\n{EDUCATION_ONLY}",
    )
    if argv and not argv[0].startswith("-"):
        near = nearest_word(argv[0], list(SUMMARIES))
        parser.refuse(f"{argv[0]} is not a command." + (f" Did you mean {near}?" if near else ""))
    parser.parse_args(argv)
    parser.print_help(sys.stderr)


def _module(command: str) -> Any:
    return importlib.import_module(f"medqa_sweeps.commands.{command}")


if __name__ == "__main__":
    outlive_readers()
    sys.exit(main(sys.argv[1:]))
