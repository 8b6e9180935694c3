"""One process on one slot that does one thing: it leaves its result where it was told to, or refuses in a sentence."""

from collections.abc import Callable
from pathlib import Path

from medqa_sweeps.errors import ConfigError, InternalError
from medqa_sweeps.exit_codes import ExitCode, describe_exit
from medqa_sweeps.jobs.child_process import child_environment, log_tail
from medqa_sweeps.jobs.contract import POLL_SECONDS
from medqa_sweeps.pool.contract import Pool


def run_child(
    pool: Pool, module: str, arguments: list[str], log: Path, look: Callable[[], None] = lambda: None
) -> None:
    """Wait for a free slot, run `module.main(arguments)` there, and return when it has succeeded.

    Whatever is raised meanwhile, Ctrl-C included, leaves the process to the pool, which kills it on closing.

    Args:
        pool: on which nothing else runs.
        log: file that the process's output is appended to.
        look: is called while the process runs, a few times per second.

    Raises:
        ConfigError: if the child refuses (`ExitCode.DATAERR`): the last line that it printed.
        InternalError: if it failed otherwise or was killed: how, with the end of its log.
    """
    while not pool.free:
        pool.wait(POLL_SECONDS)
    pool.start(module, arguments, child_environment(), log)
    while not (exits := pool.wait(POLL_SECONDS)):
        look()
    code, cause = exits[0].code, exits[0].cause
    if code == ExitCode.DATAERR:
        raise ConfigError(log_tail(log, lines=1).strip())
    if code != ExitCode.OK:
        raise InternalError(
            f"the process of {module} ended with {describe_exit(code, cause)}. The end of its output:\n{log_tail(log)}"
        )
