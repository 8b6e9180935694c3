"""What is asked of Slurm for one slot, from the settings of `hydra/launcher=slurm`, and what Slurm says to it."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medqa_sweeps.command_line import shell_line
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.wording import counted

SRUN = "srun"
_PREFIX = "hydra.launcher"
_ANSWER_SECONDS = 60.0  # of a controller; srun gives up by itself after 9 to 20
_TIME = re.compile(r"\d+|\d+:\d\d(:\d\d)?|\d+-\d+(:\d\d){0,2}")  # minutes, M:SS, H:MM:SS, D-H, D-H:MM, D-H:MM:SS
_OURS = ("--jobid", "--ntasks", "-n", "--nodes", "-N", "--input", "-i", "--output", "-o", "--error", "-e", "--overlap")
_EXCLUDE = re.compile(r"--exclude=|-x=?")  # its value: nodes, or the path of a file of nodes, with a slash in it
_EMPTY = re.compile(
    r"^No error$|^Try \"srun --help\"|task 0: Exited with exit code|has been allocated|queued and waiting"
)
_CONTROLLER = "Unable to contact slurm controller"


class NoAnswer(ConfigError):
    """Slurm's controller does not answer."""


@dataclass(frozen=True)
class SlurmRequest:
    """A job for one slot, and how many of them."""

    slots: int  # most jobs at a time
    at_least: int = 1  # jobs that run before the first trial starts
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    gpus: str = "1"  # a number, or TYPE:NUMBER; "0": none
    cpus: int | None = None
    memory: str | None = None
    time: str | None = None
    notice_seconds: int = 90  # before the time limit
    arguments: tuple[str, ...] = ()  # further options of srun
    cache: str | None = None  # folder on the nodes

    def options(self, without: Collection[str] = ()) -> list[str]:
        """Options of `srun` that describe the job.

        Args:
            without: names of nodes not to use, besides those that the user's own arguments exclude.
        """
        named = {
            "partition": self.partition,
            "account": self.account,
            "qos": self.qos,
            "constraint": self.constraint,
            "gres": None if self.gpus == "0" else f"gpu:{self.gpus}",
            "cpus-per-task": self.cpus,
            "mem": self.memory,
            "time": self.time,
        }
        given = [f"--{name}={value}" for name, value in named.items() if value is not None]
        arguments = _excluding(self.arguments, without) if without else self.arguments
        return ["--nodes=1", "--ntasks=1", *given, *arguments]

    def sentences(self) -> list[str]:
        """For users: what will be asked of the cluster."""
        begin = "the first runs" if self.at_least == 1 else f"{self.at_least} of them run"
        return [
            f"Slurm: up to {counted(self.slots, 'job')}, each one slot: {shell_line(SRUN, *self.options())}",
            f"Trials start when {begin}; jobs that end are asked for again, those without work are given back.",
        ]


def slurm_request(settings: Mapping[str, Any], at_most: int | None = None) -> SlurmRequest:
    """The request in a launcher's settings.

    Args:
        at_most: processes that can run at the same time: no more slots than that; None: no limit.

    Raises:
        ConfigError: naming every value that is not allowed.
    """
    problems = list(_problems(settings))
    if problems:
        raise ConfigError("\n".join(problems))
    given = {key: settings.get(key) for key in ("partition", "account", "qos", "constraint", "memory", "time", "cache")}
    slots = min(settings["slots"], at_most or settings["slots"])
    return SlurmRequest(
        slots=slots,
        at_least=min(settings["at_least"], slots),
        gpus=str(settings["gpus"]),
        cpus=settings["cpus"],
        notice_seconds=settings["notice_seconds"],
        arguments=tuple(settings["arguments"]),
        **{key: None if value is None else str(value) for key, value in given.items()},
    )


def _problems(settings: Mapping[str, Any]) -> list[str]:
    found = []
    slots, at_least, cpus = settings["slots"], settings["at_least"], settings["cpus"]
    if slots < 1:
        found.append(f"{_PREFIX}.slots={slots}: a number of jobs, 1 or more.")
    elif not 1 <= at_least <= slots:
        found.append(f"{_PREFIX}.at_least={at_least}: a number of jobs from 1 to {_PREFIX}.slots={slots}.")
    if cpus is not None and cpus < 1:
        found.append(f"{_PREFIX}.cpus={cpus}: CPU cores per slot, 1 or more; null: the cluster's default.")
    gpus = str(settings["gpus"])
    if not re.fullmatch(r"(\w[\w.-]*:)?\d+", gpus):
        found.append(f"{_PREFIX}.gpus={gpus}: a number, or TYPE:NUMBER as in a100:1; 0: none.")
    memory = settings["memory"]
    if memory is not None and not re.fullmatch(r"\d+[KMGT]?", str(memory)):
        found.append(f"{_PREFIX}.memory={memory}: memory per slot as in 32G; without a letter in MiB.")
    limit, notice = settings["time"], settings["notice_seconds"]
    if limit is not None and not _TIME.fullmatch(str(limit)):
        found.append(f"{_PREFIX}.time={limit}: minutes, H:MM:SS or D-H:MM:SS, as in 90, 4:00:00 or 1-12:00:00.")
    elif limit is not None and seconds_of(str(limit)) <= notice + 60:
        found.append(
            f"{_PREFIX}.time={limit}: more than {_PREFIX}.notice_seconds={notice} and the minute by which Slurm may be "
            "early."
        )
    if not 0 <= notice <= 65535:
        found.append(f"{_PREFIX}.notice_seconds={notice}: seconds from 0 to 65535.")
    for word in settings["arguments"]:
        if not str(word).startswith("-") or str(word).split("=")[0] in _OURS:
            found.append(
                f"{_PREFIX}.arguments=[{word}]: options of srun, in quotes: ['--exclude=n7','--nice=100']. Jobs are "
                f"of one process on one node, so not {', '.join(_OURS)}."
            )
    return found


def _excluding(arguments: tuple[str, ...], nodes: Collection[str]) -> list[str]:
    """The arguments with one `--exclude`, of their own nodes and these: srun heeds the last one only."""
    own = [word for word in arguments if _EXCLUDE.match(word)]
    values = [_EXCLUDE.sub("", word) for word in own]
    excluded = [",".join(Path(value).read_text().split()) if "/" in value else value for value in values]
    return [*(word for word in arguments if word not in own), f"--exclude={','.join([*excluded, *nodes])}"]


def seconds_of(limit: str) -> int:
    """The seconds of Slurm's notation of a time limit."""
    days, _, rest = limit.rpartition("-")
    parts = [int(part) for part in rest.split(":")]
    if days:
        hours, minutes, seconds = [*parts, 0, 0][:3]
    elif len(parts) == 3:
        hours, minutes, seconds = parts
    else:
        hours, minutes, seconds = 0, parts[0], [*parts, 0][1]
    return ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds


def client_environment() -> dict[str, str]:
    """This process's environment, without what a Slurm job around it would add to a request of ours."""
    if "SLURM_JOB_ID" not in os.environ:
        return dict(os.environ)
    return without_slurm(os.environ)


def without_slurm(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without Slurm's variables of a job; where the cluster is, SLURM_CONF, stays."""
    job = ("SLURM", "SRUN_", "SBATCH_", "SALLOC_", "PMI")
    return {name: value for name, value in environment.items() if name == "SLURM_CONF" or not name.startswith(job)}


def place_in_job(variables: Mapping[str, str]) -> dict[str, Any]:
    """Where a process in a job is, as `seat.Said.HERE` tells it; without a job, this machine."""
    visible = variables.get("CUDA_VISIBLE_DEVICES", "")
    visible = "" if visible == "NoDevFiles" else visible  # an older Slurm's word for none
    return {
        "node": variables.get("SLURMD_NODENAME", platform.node()),
        "job": variables.get("SLURM_JOB_ID", str(os.getpid())),
        "gpus": variables.get("SLURM_STEP_GPUS") or variables.get("SLURM_JOB_GPUS") or visible,
        "visible": visible,
        "cpus": int(variables.get("SLURM_CPUS_ON_NODE") or len(os.sched_getaffinity(0))),
    }


def refuse_ungrantable(request: SlurmRequest, without: Collection[str] = ()) -> None:
    """Ask Slurm whether it would grant the request, now or later. Allocates nothing.

    Args:
        without: names of nodes not to use.

    Raises:
        ConfigError: in Slurm's words if not, or if there is no Slurm here; `NoAnswer` if its controller is away.
    """
    if shutil.which(SRUN) is None:
        raise ConfigError(
            "hydra/launcher=slurm starts trials through srun, which is not on this machine's PATH. Start the sweep on "
            "a login node of the cluster (perhaps after `module load slurm`), or use hydra/launcher=local_gpus here."
        )
    command = [SRUN, "--test-only", *request.options(without), "true"]
    try:
        done = subprocess.run(
            command,
            env=client_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ANSWER_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise _not_granted(request, f"{_CONTROLLER} (no answer in {_ANSWER_SECONDS:g} seconds)") from None
    if done.returncode != 0:
        raise _not_granted(request, engines_words(done.stderr) or f"srun ended with exit code {done.returncode}")


def engines_words(stderr: str) -> str:
    """What of Slurm's output says why, on one line: the last error, without the names of programs."""
    lines = [re.sub(r"^(srun|slurmstepd\S*): (error: )?", "", line).strip() for line in stderr.splitlines()]
    lines = [line.removeprefix("allocation failure: ").removeprefix("Unable to allocate resources: ") for line in lines]
    telling = [line for line in lines if line and not _EMPTY.search(line)]
    node = node_in(stderr)
    return (f"{node}: " if node else "") + telling[-1] if telling else ""


def node_in(stderr: str) -> str:
    """The node of whose process srun says that it failed; empty if it says that of none."""
    found = re.search(r"^srun: error: (?:(\S+): task 0: |Task launch .* failed on node (\S+?):)", stderr, re.MULTILINE)
    return next(filter(None, found.groups()), "") if found else ""


def _not_granted(request: SlurmRequest, words: str) -> ConfigError:
    if _CONTROLLER in words:
        return NoAnswer(
            f"Slurm's controller does not answer ({words}). Nothing was started; try `sinfo`, and again later."
        )
    return ConfigError(
        f"Slurm refuses such a job: {words}. The request was: {shell_line(SRUN, *request.options())}. Change it by "
        f"{_PREFIX}.partition, account, gpus, cpus, memory, …; `sinfo` shows what the cluster has, and what is down."
    )
