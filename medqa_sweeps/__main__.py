"""The one front door, `medqa-sweeps` or `python -m medqa_sweeps`: a command, or what `launch.py` does.

medqa-sweeps -m experiment=quickstart lora.r=8,16    a sweep, as `launch.py -m …`
medqa-sweeps status multirun/quickstart              a command on studies, trials or questions
"""

import importlib
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from medqa_sweeps.argument_parser import Parser, nearest_word
from medqa_sweeps.command_line import outlive_readers
from medqa_sweeps.commands import EXAMPLES, SUMMARIES
from medqa_sweeps.durable.writable_folders import complete_environment
from medqa_sweeps.errors import TrialError
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.installation import COMMAND, CONF, DISTRIBUTION, IN_ENVIRONMENT
from medqa_sweeps.wording import sentences

_PROGRAM = COMMAND.removeprefix(IN_ENVIRONMENT)


def program() -> None:
    """What the installed `medqa-sweeps` runs; ends this process."""
    prepare_streams()
    sys.exit(main(sys.argv[1:]))


def prepare_streams() -> None:
    """A terminal without UTF-8 shows "?"; who stops reading stops nothing."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    outlive_readers()


def main(argv: Sequence[str]) -> ExitCode:
    """Of the command that `argv` begins with; what is no command trains, and ends this process. A wrong command line
    ends it with USAGE."""
    complete_environment()
    if not argv:  # who types the name alone asks what there is, and for no download of a model
        from medqa_sweeps.compose.launch_help import OVERVIEW, print_help

        print_help(CONF, SUMMARIES, [OVERVIEW])
        return ExitCode.USAGE
    if argv[0] == "--version":
        print(f"{DISTRIBUTION} {_version()}, Hydra {metadata.version('hydra-core')}")
        return ExitCode.OK
    if argv[0] not in SUMMARIES:
        _refuse_misspelt(argv)
        from medqa_sweeps.launch import program as launch

        launch(list(argv))
        return ExitCode.OK
    command = _module(argv[0])
    arguments = parser_of(argv[0]).parse_intermixed_args(argv[1:])
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
    parser.epilog = f"{parser.epilog or ''}\nExample:\n  {COMMAND} {EXAMPLES[command]}".strip()
    return parser


def _refuse_misspelt(argv: Sequence[str]) -> None:
    """End the program if the first word is neither a setting nor an option."""
    if argv[0][:1] not in "-+~" and "=" not in argv[0]:
        near = nearest_word(argv[0], list(SUMMARIES))
        meant = f"Did you mean {near}?" if near else f"Commands are {', '.join(SUMMARIES)}; settings are KEY=VALUE."
        Parser(prog=_PROGRAM).refuse(f"{argv[0]} is not a command. {meant}")


def _version() -> str:
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "of a checkout that is not installed"


def _module(command: str) -> Any:
    return importlib.import_module(f"medqa_sweeps.commands.{command.replace('-', '_')}")


if __name__ == "__main__":
    program()
