"""`confirm STUDY --top K --seeds N`: run the best configs again with fresh seeds: do they stay the best?"""

import argparse
from pathlib import Path

from medqa_sweeps.commands import STUDY_HELP
from medqa_sweeps.commands.device_options import add_device_options, devices_asked_for
from medqa_sweeps.exit_codes import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", type=Path, metavar="STUDY", help=STUDY_HELP)
    parser.add_argument(
        "--top", type=int, default=2, metavar="K", help="number of configs, the best first, 1 or more (default: 2)"
    )
    parser.add_argument(
        "--seeds", type=int, default=3, metavar="N", help="fresh seeds per config, 1 or more (default: 3)"
    )
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="folder of the new study (default: STUDY-confirm)")
    add_device_options(parser, otherwise="as for the study")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Write the confirming study and become the program that sweeps it; it does not return."""
    from medqa_sweeps.study.find import study_at
    from medqa_sweeps.sweep.confirm import confirm

    devices, study = devices_asked_for(arguments), study_at(arguments.study)
    confirm(study, arguments.top, arguments.seeds, arguments.into, devices)
