"""`add STUDY OVERRIDE …`: one more trial, before all others of the study."""

import argparse
from pathlib import Path

from medqa_sweeps.commands import STUDY_HELP
from medqa_sweeps.exit_codes import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", type=Path, metavar="STUDY", help=STUDY_HELP)
    parser.add_argument("overrides", nargs="+", metavar="OVERRIDE", help="as for launch.py, one value each: lora.r=128")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Put one more trial before all others and say so."""
    from medqa_sweeps.study.find import study_at
    from medqa_sweeps.sweep.steering import add

    print(add(study_at(arguments.study), arguments.overrides))
    return ExitCode.OK
