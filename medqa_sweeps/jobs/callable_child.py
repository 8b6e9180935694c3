"""What a process becomes to run one Hydra job: `main([COMMON, CONFIG, ANSWER])`, files of cloudpickle.

Hydra keeps its state in singletons and OmegaConf its resolvers; both are the parent's while the job runs. The server
that forks such processes imports this module, so what it brings has been imported once for all of them.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from omegaconf import OmegaConf
from omegaconf.basecontainer import BaseContainer

from medqa_sweeps.exit_codes import ExitCode

_PLUGINS = Plugins.instance()  # found once; to look for them takes longer than all else that Hydra does for a job
OmegaConf.to_container(OmegaConf.create({"a": "${b}/${b}.${b}", "b": 1}), resolve=True)  # its parser learns as it goes


def main(files: list[str]) -> ExitCode:
    """Run the job of CONFIG and write its `JobReturn` to ANSWER."""
    common, job, answer = map(Path, files)
    plugin_folders = _plugin_folders()
    asked = _load(common)
    config = cloudpickle.loads(job.read_bytes())
    if _plugin_folders() == plugin_folders:
        asked["singletons"]["instances"][Plugins] = _PLUGINS
    try:
        with _state_of_the_parent(asked["singletons"]):
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
    temporary = answer.with_suffix(".part")
    temporary.write_bytes(_travelling(returned))
    temporary.rename(answer)
    return ExitCode.OK


def _load(common: Path) -> dict[str, Any]:
    """What is the same for all jobs, in the folder and on the import path of whoever asks; those come first in it."""
    asked: dict[str, Any] = cloudpickle.loads(common.read_bytes())
    os.chdir(asked["folder"])
    sys.path[:] = asked["path"]
    asked.update(cloudpickle.loads(asked.pop("rest")))
    return asked


def _plugin_folders() -> set[str]:
    """Where Hydra looks for plugins, by the import path as it is now."""
    import hydra_plugins

    return set(hydra_plugins.__path__)


@contextlib.contextmanager
def _state_of_the_parent(singletons: Any) -> Iterator[None]:
    """Within: Hydra's and OmegaConf's state as it was there; afterwards as it was here."""
    before = Singleton._instances, dict(BaseContainer._resolvers)
    setup_globals()
    Singleton.set_state(singletons)
    try:
        yield
    finally:
        Singleton._instances, BaseContainer._resolvers = before


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
