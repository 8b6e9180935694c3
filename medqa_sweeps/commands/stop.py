"""`stop STUDY [TRIAL]`: ask a sweep that runs elsewhere, or one trial of it, to end."""

import argparse
from pathlib import Path

from medqa_sweeps.exit_codes import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", type=Path, metavar="STUDY", help="a folder of multirun/")
    parser.add_argument("trial", type=int, nargs="?", metavar="TRIAL", help="its number; without it the whole sweep")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Ask the sweep or the trial to end and say what will happen."""
    from medqa_sweeps.study.folder import StudyDir
    from medqa_sweeps.sweep.steering import ask_to_stop

    print(ask_to_stop(StudyDir(arguments.study.resolve()), arguments.trial))
    return ExitCode.OK
