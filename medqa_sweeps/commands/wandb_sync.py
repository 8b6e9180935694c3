"""`wandb-sync FOLDER`: sends to Weights & Biases what an offline or broken connection kept back; nothing twice."""

import argparse
import logging
from pathlib import Path

from medqa_sweeps.exit_codes import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="study, such as multirun/quickstart, or single run")


def run(arguments: argparse.Namespace) -> ExitCode:
    """OK: W&B has all that there is; FAILED: something could not be sent."""
    from medqa_sweeps.analysis.sending.wandb_sync import sync

    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    return sync(arguments.folder)
