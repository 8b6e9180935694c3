"""`status STUDY`: the sweep's own table, from another terminal."""

import argparse
from pathlib import Path

from medqa_sweeps.commands import STUDY_HELP
from medqa_sweeps.exit_codes import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", type=Path, metavar="STUDY", help=STUDY_HELP)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print the sweep's table once."""
    from rich.console import Console

    from medqa_sweeps.study.find import study_at
    from medqa_sweeps.sweep.status import print_status

    print_status(study_at(arguments.study), Console(highlight=False))
    return ExitCode.OK
