"""`reproduce TRIAL`: run a trial's saved config again in a new folder, and compare the two.

What has changed under the trial is listed before anything runs. `conf/` is not among it: the saved config is what runs.
With other questions or another base it would be another experiment, so that is refused unless it is asked for.
"""

import argparse
from pathlib import Path

from medqa_sweeps.commands.device_options import add_device_options, devices_asked_for
from medqa_sweeps.errors import ConfigError, TrialError
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.pool.request import ANY_DEVICE
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.wording import SYNTHETIC


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "trial", type=Path, metavar="TRIAL", help="folder of a finished trial: multirun/NAME/0, or a run in outputs/"
    )
    default = "TRIAL-again; for trial 7 of a study STUDY-7-again, beside the study"
    parser.add_argument("--into", type=Path, metavar="FOLDER", help=f"new folder (default: {default})")
    parser.add_argument(
        "--anyway",
        action="store_true",
        help="run although questions or base model have changed, and compare the questions that both runs share",
    )
    add_device_options(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the trial again and print both side by side; OK if the bits, or after a change the scores, agree."""
    from medqa_sweeps.jobs.single import run_single
    from medqa_sweeps.study.find import trial_at
    from medqa_sweeps.trial.reproduce import compare, config_as_run

    original, devices = trial_at(arguments.trial), devices_asked_for(arguments)
    if original.result() is None:
        raise ConfigError(f"{original.path} has no result yet to compare with; `resume` finishes it.")
    original.predictions()  # damaged, it is refused here and not after the training
    again = TrialDir((arguments.into or _free_name(original.path)).resolve())
    changed = _say_what_changed(original, arguments.anyway)
    run_single(config_as_run(original), again, announce=True, devices=devices or ANY_DEVICE, again=True)
    found = compare(original, again)
    print(*found.sentences, sep="\n")
    if again.result() is None:
        return ExitCode.FAILED
    if not found.same_bits and not changed:
        print(
            "Nothing that is recorded differs. Another number of threads, a device that others shared or trials that "
            "were packed can change the last bits."
        )
    if original.config().data.synthetic:
        print(SYNTHETIC)
    agree = found.same_bits or (changed and not found.significant)
    return ExitCode.OK if agree else ExitCode.FAILED


def _say_what_changed(original: TrialDir, anyway: bool) -> list[str]:
    """Print it, and give it back.

    Raises:
        ConfigError: if the trial cannot be run any more, or would be another experiment and that was not asked for.
    """
    from medqa_sweeps.base.fingerprints import is_of_this_version
    from medqa_sweeps.command_line import command_of_this_process
    from medqa_sweeps.trial.changes import EARLIER_VERSION
    from medqa_sweeps.trial.plan import plan_trial
    from medqa_sweeps.trial.provenance import collect, runtime
    from medqa_sweeps.trial.reproduce import changed_experiment, changed_runtime, config_as_run, uncommitted_changes

    then = original.provenance()
    others = [
        *([] if is_of_this_version(then) else [f"The trial is {EARLIER_VERSION}"]),
        *changed_runtime(then, runtime()),
    ]
    print(*uncommitted_changes(original), sep="\n", end="\n" if uncommitted_changes(original) else "")
    try:
        plan = plan_trial(config_as_run(original))
    except TrialError as error:
        _list(others)
        raise ConfigError(
            f"It cannot be run again: {error}\nNothing was run. What came out then is still in {original.path}, "
            "with its adapter."
        ) from None
    experiment = changed_experiment(original, plan, collect(plan, command_of_this_process()))
    _list(experiment + others)
    if experiment and not anyway:
        raise ConfigError(
            "Nothing was run: with other questions or another base it would be another experiment. Bring what it ran "
            "on back; or add --anyway to run with what is there now and compare the questions that both answered."
        )
    return experiment + others


def _list(changed: list[str]) -> None:
    if changed:
        print("What differs from when it ran:", *changed, sep="\n  ")
    else:
        print("As when it ran: questions, base, code, packages, processor and GPUs.")


def _free_name(trial: Path) -> Path:
    """Beside the trial; for one of a study beside the study, which stays as it is."""
    of_study = StudyDir(trial.parent).definition_file.exists()
    name = trial.parent.with_name(f"{trial.parent.name}-{trial.name}") if of_study else trial
    names = [f"{name.name}-again", *(f"{name.name}-again-{n}" for n in range(2, 1000))]
    return next(name.with_name(one) for one in names if not name.with_name(one).exists())
