"""`final STUDY`: the chosen trial and its untuned base on the locked test questions, once, into the study's ledger."""

import argparse
from pathlib import Path

from medqa_sweeps.commands import STUDY_HELP
from medqa_sweeps.commands.device_options import add_device_options, devices_asked_for
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.pool.request import ANY_DEVICE
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.wording import EDUCATION_ONLY, SYNTHETIC


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", type=Path, metavar="STUDY", help=STUDY_HELP)
    chosen = "number of the trial (default: the confirmed winner, else the best on the validation questions)"
    parser.add_argument("--trial", type=int, metavar="N", help=chosen)
    undisputed = (
        "file with the ids of test questions whose label physicians did not dispute, one per line, or the questions"
    )
    parser.add_argument("--undisputed", type=Path, metavar="IDS_FILE", help=undisputed)
    add_device_options(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Score the trial on the locked questions, write to the ledger and print what came of it."""
    from rich.console import Console

    from medqa_sweeps.data import refuse_missing_test
    from medqa_sweeps.jobs.final_test import final_test
    from medqa_sweeps.study.find import study_at, trial_at
    from medqa_sweeps.study.ledger import readings_beside, sentences
    from medqa_sweeps.study.selection import selected_trial

    study, devices = study_at(arguments.study), devices_asked_for(arguments) or ANY_DEVICE
    best, why = selected_trial(study)
    number = best if arguments.trial is None else arguments.trial
    refuse_missing_test(trial_at(study.path / str(number)).config().data)
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
