"""`wandb-view STUDY`: makes a saved view and a W&B report of a study, or brings them up to date."""

import argparse
import logging
from pathlib import Path

from medqa_sweeps.commands import STUDY_HELP
from medqa_sweeps.exit_codes import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", type=Path, metavar="STUDY", help=STUDY_HELP)


def run(arguments: argparse.Namespace) -> ExitCode:
    """OK: both are there; their addresses are printed."""
    from medqa_sweeps.analysis.sending.dashboard import make_dashboard
    from medqa_sweeps.command_line import command
    from medqa_sweeps.study.find import study_at

    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    folder = study_at(arguments.study).path
    made = make_dashboard(folder)
    print(f"View    {made.view}", f"Report  {made.report}", sep="\n")
    if made.sent < made.trials:
        print(
            f"{made.sent:,} of {made.trials:,} trials are on W&B; `{command('wandb-sync', folder)}` sends the others."
        )
    return ExitCode.OK
