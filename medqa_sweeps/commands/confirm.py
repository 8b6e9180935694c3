"""`confirm STUDY --top K --seeds N`: run the best configs again under fresh seeds, to see whether they hold."""

import argparse
from pathlib import Path

from medqa_sweeps.commands.device_options import add_device_options, devices_asked_for
from medqa_sweeps.exit_codes import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", type=Path, metavar="STUDY", help="a folder of multirun/")
    parser.add_argument("--top", type=int, default=2, metavar="K", help="so many configs, the best (default: 2)")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="trials of each, fresh seeds (default: 3)")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="of the new study (default: STUDY-confirm)")
    add_device_options(parser, otherwise="those of the study's command")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Write the confirming study and become the program that sweeps it; it does not return."""
    from medqa_sweeps.study.folder import StudyDir
    from medqa_sweeps.sweep.confirm import confirm

    devices, study = devices_asked_for(arguments), StudyDir(arguments.study.resolve())
    confirm(study, arguments.top, arguments.seeds, arguments.into, devices)
