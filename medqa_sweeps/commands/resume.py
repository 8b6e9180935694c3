"""`resume FOLDER`: resume a study, or a single run, from where it was interrupted."""

import argparse
import dataclasses
from pathlib import Path

from medqa_sweeps.commands.device_options import add_device_options, devices_asked_for
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.pool.request import ANY_DEVICE, DeviceRequest, requested_of_launcher
from medqa_sweeps.trial.folder import TrialDir


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="a study, such as multirun/quickstart, or a run in outputs/"
    )
    add_device_options(parser, otherwise="as it was started")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Resume the study, whose sweep takes this process over, or the single run; OK if that has a score."""
    trial, devices = TrialDir(arguments.folder.resolve()), devices_asked_for(arguments)
    if not trial.config_file.exists():
        from medqa_sweeps.study.find import study_at
        from medqa_sweeps.sweep.steering import resume

        resume(study_at(arguments.folder), devices)
    if trial.result() is not None:
        raise ConfigError(f"{trial.path} is finished ({trial.result_file.name} says how); there is nothing to resume.")
    from medqa_sweeps.jobs.single import run_single

    result = run_single(trial.config(), trial, announce=True, devices=devices or _devices_at_the_start(trial))
    return ExitCode.OK if result and result.score else ExitCode.FAILED


def _devices_at_the_start(trial: TrialDir) -> DeviceRequest:
    """What Hydra was asked for when the trial began; auto for a trial that began without Hydra."""
    from omegaconf import OmegaConf

    if not trial.hydra_file.exists():
        return ANY_DEVICE
    request = requested_of_launcher(OmegaConf.load(trial.hydra_file).hydra.launcher)
    return dataclasses.replace(request, by_option=True)  # what to ask for instead is asked for here
