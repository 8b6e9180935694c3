"""`resume FOLDER`: go on with a study, or with a single trial, from where it was interrupted."""

import argparse
from pathlib import Path

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.trial_dir import TrialDir


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a study of multirun/, or a trial of outputs/")


def run(arguments: argparse.Namespace) -> int:
    """Go on with the study or the single trial; exit code of the sweep, or 0 where the trial has a score, else 1."""
    trial = TrialDir(arguments.folder.resolve())
    if not trial.config_file.exists():
        from medqa_sweeps.sweep.steering import resume
        from medqa_sweeps.sweep.study import StudyDir

        resume(StudyDir(trial.path))
    if trial.result() is not None:
        raise ConfigError(f"{trial.path} is finished ({trial.result_file.name} says how); there is nothing to resume.")
    from medqa_sweeps.sweep.single import run_single

    result = run_single(trial.config(), trial, announce=True)
    return 0 if result and result.score else 1
