"""How many files this process may have open. The usual limit, 1,024, is too low for the pipes of 340 slots."""

import resource

from medqa_sweeps.errors import ConfigError

FILES_PER_SLOT = 3  # two pipes and a file, of the client that holds it
_OTHERS = 200  # the libraries', the study's, and a few per trial that begins or ends
AT_START = resource.getrlimit(resource.RLIMIT_NOFILE)  # Slurm passes limits on: clients get the one that was set


def allow_files_of(slots: int) -> None:
    """Raise this process's own limit, where it is too low for so many slots.

    Raises:
        ConfigError: if the system does not allow that many.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = slots * FILES_PER_SLOT + _OTHERS
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise ConfigError(
            f"hydra.launcher.slots={slots:,}: this process needs {needed:,} open files, and the system allows "
            f"{hard:,} (`ulimit -Hn`). Ask for at most {max(1, (hard - _OTHERS) // FILES_PER_SLOT):,} slots, or start "
            "it where the limit is higher."
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def as_at_start() -> None:
    """Give this process, a child that has just begun, the limit of its parent's start."""
    resource.setrlimit(resource.RLIMIT_NOFILE, AT_START)
