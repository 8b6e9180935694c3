"""`status STUDY`: the sweep's own table, from another terminal."""

import argparse
from pathlib import Path

from medqa_sweeps.exit_codes import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", type=Path, metavar="STUDY", help="a folder of multirun/")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print the sweep's table once."""
    from rich.console import Console

    from medqa_sweeps.study.folder import StudyDir
    from medqa_sweeps.sweep.status import print_status

    print_status(StudyDir(arguments.study.resolve()), Console(highlight=False))
    return ExitCode.OK
