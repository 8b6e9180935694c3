"""What a process becomes to run one Hydra job: `main([QUESTION, ANSWER])`, both files of cloudpickle.

Hydra keeps its state in singletons and OmegaConf its resolvers; both are the parent's while the job runs.
"""

import os
import sys
from pathlib import Path
from typing import Any

import cloudpickle
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals


def main(files: list[str]) -> int:
    """Run the job of QUESTION and write its `JobReturn` to ANSWER; 0."""
    question, answer = map(Path, files)
    with open(question, "rb") as file:
        asked = _load(file)
    before = Singleton.get_state()
    config = asked["config"]
    try:
        setup_globals()
        Singleton.set_state(asked["singletons"])
        returned = run_job(
            task_function=asked["task_function"],
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
            hydra_context=asked["context"],
        )
    except (Exception, SystemExit) as error:  # what `run_job` does not catch would take the process with it
        returned = JobReturn(overrides=list(config.hydra.overrides.task), cfg=config, status=JobStatus.FAILED)
        returned.return_value = (
            RuntimeError(f"the job called sys.exit({error.code!r})") if isinstance(error, SystemExit) else error
        )
    finally:
        Singleton.set_state(before)
    temporary = answer.with_suffix(".part")
    temporary.write_bytes(_travelling(returned))
    temporary.rename(answer)
    return 0


def _load(file: Any) -> dict[str, Any]:
    """The question, in the folder and on the import path of whoever asked; those come first in it."""
    asked: dict[str, Any] = cloudpickle.load(file)
    os.chdir(asked["folder"])
    sys.path[:] = asked["path"]
    asked.update(cloudpickle.loads(asked.pop("rest")))
    return asked


def _travelling(returned: Any) -> bytes:
    """The bytes of what was returned; of an exception or value that does not survive the journey, its text."""
    try:
        written = cloudpickle.dumps(returned)
        cloudpickle.loads(written)
    except Exception as error:  # anything can go wrong in somebody's own `__reduce__`
        value = returned._return_value
        told = f"{type(value).__name__}: {value}" if isinstance(value, BaseException) else f"{type(value).__name__}"
        returned.status = JobStatus.FAILED
        returned.return_value = RuntimeError(f"{told} (it cannot be pickled: {error})")
        return cloudpickle.dumps(returned)
    return written
