"""The final test from the parent's side: which trial, a child that scores it on a slot, and what to say about it."""

import contextlib
import shutil
import tempfile
import uuid
from pathlib import Path

from medqa_sweeps.errors import ConfigError, InternalError
from medqa_sweeps.jobs.child_process import TRAINING
from medqa_sweeps.jobs.one_child import run_child
from medqa_sweeps.pool.contract import Pool
from medqa_sweeps.pool.local import local_pool
from medqa_sweeps.pool.request import ANY_DEVICE, DeviceRequest
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.study.ledger import Reading, readings
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import Outcome

CHILD = "medqa_sweeps.worker.final_scores"  # started by name: this half never imports it


def final_test(
    study: StudyDir,
    number: int,
    undisputed: Path | None,
    pool: Pool | None = None,
    devices: DeviceRequest = ANY_DEVICE,
) -> Reading:
    """Score a trial of a study and the untuned base on the test questions; the reading, as it stands in the ledger.

    The study is held meanwhile: nobody sweeps in it while its test questions are read.

    Args:
        number: of a completed trial.
        undisputed: file of ids of the questions whose label was not disputed.
        pool: where to run it; None: this machine, on one of `devices`.

    Raises:
        ConfigError: if there is no such trial or file, the study is being swept, no such device is free, or
            the child refuses.
        InternalError: if the child failed otherwise.
    """
    trial = TrialDir(study.path / str(number))
    result = trial.result()
    if result is None or result.outcome is not Outcome.COMPLETED:
        raise ConfigError(f"{trial.path} has not completed, so there is nothing to test. Give a trial that has.")
    if undisputed is not None and not undisputed.is_file():
        raise ConfigError(f"--undisputed {undisputed}: no such file. Give a file of question ids, one per line.")
    reading = uuid.uuid4().hex[:12]
    arguments = [str(trial.path), str(study.path), reading, *([str(undisputed.resolve())] if undisputed else [])]
    failed: InternalError | None = None
    with study.claimed(), tempfile.TemporaryDirectory() as made, contextlib.ExitStack() as closed:
        if pool is None:
            pool = closed.enter_context(local_pool(study.path, TRAINING, devices, slots_per_device=1, at_most=1))
        log = Path(made) / "log"
        try:
            run_child(pool, CHILD, arguments, log)
        except InternalError as error:
            failed = error
        shutil.move(log, study.final_log_file)  # of a test that is refused, the log of the one before stays
    found = next((one for one in readings(study.path) if one.request.reading == reading), None)
    if found is None or found.scores is None:  # a child that failed after the scores were written is forgiven
        raise failed or InternalError(f"the test left no score. {study.final_log_file} holds what it printed.")
    return found
