"""`final STUDY`: the chosen trial and its untuned base on the locked test questions, once, into the study's ledger."""

import argparse
from pathlib import Path

from medqa_sweeps.commands.device_options import add_device_options, devices_asked_for
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.pool.request import ANY_DEVICE
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.wording import EDUCATION_ONLY, SYNTHETIC


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", type=Path, metavar="STUDY", help="a folder of multirun/")
    chosen = "number of the trial (default: the confirmed winner, else the best by validation)"
    parser.add_argument("--trial", type=int, metavar="N", help=chosen)
    undisputed = "ids of the test questions whose label physicians did not dispute, one a line; or those questions"
    parser.add_argument("--undisputed", type=Path, metavar="IDS_FILE", help=undisputed)
    add_device_options(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Score the trial on the locked questions, write to the ledger and print what came of it."""
    from rich.console import Console

    from medqa_sweeps.study.folder import StudyDir
    from medqa_sweeps.study.ledger import readings_beside, sentences
    from medqa_sweeps.sweep.final import chosen_trial, final_test

    study, devices = StudyDir(arguments.study.resolve()), devices_asked_for(arguments) or ANY_DEVICE
    best, why = chosen_trial(study)
    number = best if arguments.trial is None else arguments.trial
    print(f"Trial {number} of {study.path.name}" + (f": {why}." if number == best else ", as asked."), flush=True)
    print(
        "This scores the trained model and the untuned base on all test questions; each pass takes about as long as "
        "one validation pass over as many questions.",
        flush=True,
    )
    with Console().status("answering"):  # of a terminal; nothing elsewhere
        reading = final_test(study, number, arguments.undisputed, devices=devices)
    for sentence in sentences(reading, readings_beside(study.path, reading)):
        print(sentence)
    if TrialDir(study.path / str(number)).config().data.synthetic:
        print(SYNTHETIC)
    print(EDUCATION_ONLY)
    return ExitCode.OK
