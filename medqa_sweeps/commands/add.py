"""`add STUDY OVERRIDE …`: one more trial, before all others of the study."""

import argparse
from pathlib import Path

from medqa_sweeps.exit_codes import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", type=Path, metavar="STUDY", help="a folder of multirun/")
    parser.add_argument("overrides", nargs="+", metavar="OVERRIDE", help="as on launch.py's command line: lora.r=128")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Put one more trial before all others and say so."""
    from medqa_sweeps.study.folder import StudyDir
    from medqa_sweeps.sweep.steering import add

    print(add(StudyDir(arguments.study.resolve()), arguments.overrides))
    return ExitCode.OK
