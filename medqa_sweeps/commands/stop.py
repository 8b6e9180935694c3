"""`stop STUDY [TRIAL]`: ask a sweep that runs elsewhere, or one trial of it, to end."""

import argparse
from pathlib import Path

from medqa_sweeps.commands import STUDY_HELP
from medqa_sweeps.exit_codes import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", type=Path, metavar="STUDY", help=STUDY_HELP)
    parser.add_argument(
        "trial", type=int, nargs="?", metavar="TRIAL", help="number of one trial (default: the whole sweep)"
    )


def run(arguments: argparse.Namespace) -> ExitCode:
    """Ask the sweep or the trial to end and say what will happen."""
    from medqa_sweeps.study.find import study_at
    from medqa_sweeps.sweep.steering import ask_to_stop

    print(ask_to_stop(study_at(arguments.study), arguments.trial))
    return ExitCode.OK
