"""A child process: takes trial folders, runs each on the device it was given, and records how each ended.

    python -m medqa_sweeps.worker.main FOLDER [FOLDER ...]

Everything it knows stands in the folders, and everything it finds out goes there. What another attempt may mend (no
memory, a device that failed) it leaves as the end of an attempt, for the parent to decide; anything else it cannot
do is the trial's result. Its exit code says only whether every folder has a result (OK), some can go on (TEMPFAIL),
another process works in one (UNAVAILABLE), or the disk is full (IOERR).
"""

import os
import shutil
import sys
import traceback
from pathlib import Path

from medqa_sweeps.errors import DISK_IS_FULL, RETRIED, TrialError, describe_error, kind_of
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.hardware import place_of
from medqa_sweeps.trial.folder import Claimed, Superseded, TrialDir
from medqa_sweeps.trial.records import Outcome


def main(folders: list[str]) -> ExitCode:
    """Run the trials one after the other; the exit code of the first that is not finished."""
    codes = [work(TrialDir(Path(folder))) for folder in folders]
    return next(filter(None, codes), ExitCode.OK)


def work(trial: TrialDir) -> ExitCode:
    """Run one trial to its result, or to where it stops."""
    try:
        with trial.claimed():
            return _work(trial)
    except (Claimed, Superseded) as error:  # the folder is another process's, which writes what there is to say
        print(error)
        return ExitCode.UNAVAILABLE


def _work(trial: TrialDir) -> ExitCode:
    if trial.result() is not None:
        return ExitCode.OK
    try:
        from medqa_sweeps.worker.run import run_trial  # imports torch and unsloth, unless the forkserver has

        result = run_trial(trial)
        if result is not None:
            trial.finish(result)
    except Superseded:
        raise
    except Exception as error:  # whatever it was, the folder says so
        return _ended_by(error, trial)
    if result is None:
        return ExitCode.TEMPFAIL
    if result.outcome is Outcome.COMPLETED:  # nothing goes on from here: the adapter is what stays
        shutil.rmtree(trial.checkpoint_folder, ignore_errors=True)
    return ExitCode.OK


def _ended_by(error: Exception, trial: TrialDir) -> ExitCode:
    """Record what ended an attempt."""
    if isinstance(error, OSError) and error.errno in DISK_IS_FULL:
        print(f"The disk is full ({error.filename}). Free some space; then the trial can be resumed.")
        return ExitCode.IOERR
    if isinstance(error, TrialError):  # our own sentences are verdicts
        trial.fail(error.kind, str(error))
        return ExitCode.OK
    traceback.print_exc()
    kind, message = kind_of(error), describe_error(error)
    if kind in RETRIED:
        trial.end_attempt(Outcome.FAILED, kind, message, **place_of(os.environ))
        return ExitCode.TEMPFAIL
    trial.fail(kind, message)
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
