"""A child process: takes trial folders, runs each on the device it was given, and records how each ended.

    python -m medqa_sweeps.worker FOLDER [FOLDER ...]

Everything it knows stands in the folders, and everything it finds out goes there; its exit code says only whether
every folder has a result (0) or some can go on (75, the sysexits code for "try again").
"""

import errno
import shutil
import sys
import time
import traceback
from pathlib import Path

from medqa_sweeps.errors import FailureKind, TrialError
from medqa_sweeps.record import Outcome, Result
from medqa_sweeps.trial_dir import TrialDir

TRY_AGAIN = 75


def main(folders: list[str]) -> int:
    """Run the trials one after the other; 0 when all of them are finished."""
    finished = [work(TrialDir(Path(folder))) for folder in folders]
    return 0 if all(finished) else TRY_AGAIN


def work(trial: TrialDir) -> bool:
    """Run one trial to its result; False when it was interrupted and can go on."""
    with trial.claimed():
        if trial.result() is not None:
            return True
        try:
            from medqa_sweeps.run import run_trial  # imports torch and unsloth, unless the forkserver has

            result = run_trial(trial)
        except Exception as error:  # whatever it was, the folder says so
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                print(f"The disk is full ({error.filename}). Free some space; the trial goes on from its checkpoint.")
                return False
            traceback.print_exc()
            result = failed(trial, kind_of(error), _sentence(error))
        if result is None:
            return False
        trial.finish(result)
        if result.outcome is Outcome.COMPLETED:  # nothing goes on from here: the adapter is what stays
            shutil.rmtree(trial.checkpoint_folder, ignore_errors=True)
        return True


def kind_of(error: BaseException) -> FailureKind:
    """The kind of failure that an exception of ours, of torch or of Python stands for."""
    if isinstance(error, TrialError):
        return error.kind
    text = f"{type(error).__name__}: {error}".lower()
    if isinstance(error, MemoryError) or "out of memory" in text or "outofmemory" in text:
        return FailureKind.OUT_OF_MEMORY
    if "cuda error" in text or "acceleratorerror" in text or "cudnn" in text:
        return FailureKind.DEVICE
    return FailureKind.INTERNAL


def failed(trial: TrialDir, kind: FailureKind, message: str) -> Result:
    """The result of a trial that failed, with what its folder tells about it."""
    lines = trial.lines()
    return Result(
        outcome=Outcome.FAILED,
        signature=str(trial.provenance().get("signature", "")),
        failure=kind,
        message=message,
        samples_seen=max((line.samples_seen for line in lines), default=0),
        attempts=max((getattr(line, "attempt", 0) for line in lines), default=0) or 1,
        finished_at=time.time(),
    )


def _sentence(error: BaseException) -> str:
    return str(error) if isinstance(error, TrialError) else f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
