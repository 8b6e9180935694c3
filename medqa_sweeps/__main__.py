"""`uv run python -m medqa_sweeps COMMAND …`: what can be done with studies, trials and questions, besides training."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import Any

from medqa_sweeps.commands import SUMMARIES
from medqa_sweeps.durable.writable_folders import complete_environment
from medqa_sweeps.errors import TrialError
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.wording import EDUCATION_ONLY


def main(words: Sequence[str]) -> ExitCode:
    """Of the command that `words` begin with. Where they are none, argparse ends the program with USAGE."""
    complete_environment()
    parser = argparse.ArgumentParser(
        prog="python -m medqa_sweeps",
        description="Commands on studies, trial folders and questions.",
        epilog=EDUCATION_ONLY,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in SUMMARIES.items():
        added = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name in words[:1]:  # the others' files need not be read
            _module(name).add_arguments(added)
    arguments = parser.parse_args(words)
    try:
        code: ExitCode = _module(arguments.command).run(arguments)
    except TrialError as error:
        print(error, file=sys.stderr)
        return ExitCode.FAILED
    except KeyboardInterrupt:  # whatever computed is gone with the pool that it ran on
        print("Interrupted.", file=sys.stderr)
        return ExitCode.INTERRUPTED
    return code


def _module(command: str) -> Any:
    return importlib.import_module(f"medqa_sweeps.commands.{command}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
