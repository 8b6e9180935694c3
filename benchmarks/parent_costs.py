"""What a sweep's parent spends on its trials' configs and folders, and on its slots; `at_scale.py` charges it.

Of the folders, composer, `TrialJobs` and files are real; slots are simulated, and this process writes what workers
would write. Of the slots, pool and pilots are those of Slurm, each with a client process of its own; the client is a
shell that says it has a slot, as a cluster of 1,000 slots is not to be had.
"""

import os
import selectors
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

import launch
from benchmarks.simulated_cluster import Conditions, VirtualClock, cluster_of
from medqa_sweeps.compose.composer import Composer
from medqa_sweeps.jobs.contract import Job
from medqa_sweeps.jobs.trials import TrialJobs
from medqa_sweeps.pool.open_files import allow_files_of
from medqa_sweeps.pool.pilots import PilotPool
from medqa_sweeps.pool.slurm import SlurmPilot
from medqa_sweeps.pool.slurm_request import SRUN, SlurmRequest
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.phase import Phase, PhaseName
from medqa_sweeps.trial.records import AttemptLine, Outcome, Result, Score, TrainLine, ValidationLine

WORDS = ["experiment=quickstart", "tracking=none"]
LOOKS = 5
_NEVER = 1e12  # seconds
_ENDS = 1e6
_SCORE = Score(400, 0.5, 0.025, 0.45, 0.55, -1.0)


def folder_costs(trials: int, folder: Path) -> dict[str, float]:
    """Milliseconds per trial by the clock, of CPU where that is said; files that are opened per trial and look."""
    opened = _count_opened_files()
    figures: dict[str, float] = {"trials": trials}

    def measure(name: str, work: Callable[[], Any]) -> Any:
        began, cpu, files = time.perf_counter(), time.process_time(), opened[0]
        found = work()
        figures[f"{name}_ms"] = 1000 * (time.perf_counter() - began) / trials
        figures[f"{name}_cpu_ms"] = 1000 * (time.process_time() - cpu) / trials
        figures[f"{name}_files_opened"] = (opened[0] - files) / trials
        return found

    def start_all(prepared: Sequence[Job]) -> None:
        for job in prepared:
            jobs.start(job)

    clock = VirtualClock(is_charged=False)
    conditions = Conditions(slots=trials)
    with (
        clock.instead_of_the_real_one(),
        initialize_config_dir(str(Path(launch.__file__).parent / "conf"), version_base="1.3"),
    ):
        loader = GlobalHydra.instance().config_loader()
        composer = Composer(loader, loader.load_configuration("config", WORDS, RunMode.MULTIRUN))
        cluster, pool = cluster_of(clock, conditions, [[(0.0, _NEVER)]] * trials, [_ENDS] * trials)
        cluster.listen(0.0)
        jobs = TrialJobs(pool, folder, ["a benchmark"], composer.compose)
        jobs.poll(0.0)
        assert jobs.free == trials
        for number in range(3):  # the first ones read the questions and make the composer's template
            jobs.prepare(number, _words(number))
        prepared = measure("prepare", lambda: [jobs.prepare(number, _words(number)) for number in range(trials)])
        measure("start", lambda: start_all(prepared))
        for job in prepared:
            _begin(job)
        jobs.poll(0.0)
        measure("look", lambda: [jobs.poll(0.0) for _ in range(LOOKS)])
        for name in ("look_ms", "look_cpu_ms", "look_files_opened"):
            figures[name] /= LOOKS
        for job in prepared:
            _go_on(job)
        measure("look_with_news", lambda: jobs.poll(0.0))
        for job in prepared:
            _finish(job)
        clock.skip_until(_ENDS)
        cluster.listen(0.0)
        ended = measure("end", lambda: jobs.poll(0.0))
    assert len([one for one in ended if getattr(one, "outcome", None) is Outcome.COMPLETED]) == trials
    return figures


_CLIENT = """#!/bin/sh
echo 'medqa-sweeps {"here": {"node": "n1", "job": "1", "gpus": "", "visible": "", "cpus": 1}}'
exec cat > /dev/null
"""


def pilot_costs(slots: int, folder: Path) -> dict[str, float]:
    """Milliseconds per slot, by the clock and of CPU: to ask for it, and to look at it once; files held for each."""
    client = folder / SRUN
    client.write_text(_CLIENT)
    client.chmod(0o755)
    os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"
    request, selector = SlurmRequest(slots), selectors.DefaultSelector()
    allow_files_of(slots)
    files = _open_files()
    began, cpu = time.perf_counter(), time.process_time()

    def listen(seconds: float) -> None:
        selector.select(seconds)

    with PilotPool(lambda without: SlurmPilot(request, folder, [], selector, without), listen, slots) as pool:
        asked, asked_cpu = time.perf_counter() - began, time.process_time() - cpu
        while len(pool.slots) < slots:
            pool.wait(0.2)
        files_held = _open_files() - files
        began, cpu = time.perf_counter(), time.process_time()
        for _ in range(LOOKS):
            pool.wait(0.0)
        looked, looked_cpu = time.perf_counter() - began, time.process_time() - cpu
    return {
        "slots": slots,
        "ask_ms": 1000 * asked / slots,
        "ask_cpu_ms": 1000 * asked_cpu / slots,
        "look_ms": 1000 * looked / slots / LOOKS,
        "look_cpu_ms": 1000 * looked_cpu / slots / LOOKS,
        "files_held": files_held / slots,
    }


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def _words(number: int) -> list[str]:
    return [*WORDS, f"lora.r={8 + number % 8}", f"optimizer.lr={1e-4 * (1 + number)}"]


def _folder(job: Job) -> TrialDir:
    trial: TrialDir = job.prepared.trial
    return trial


def _begin(job: Job) -> None:
    trial = _folder(job)
    trial.append(AttemptLine(1, 0, time.time(), 1, "here", "simulated"))
    trial.append(ValidationLine(0, 0, 0.0, time.time(), 1.0, _SCORE))
    trial.show_phase(Phase(PhaseName.TRAINING, 1, 250, seconds_left=600.0, seconds_in_all=600.0))


def _go_on(job: Job) -> None:
    trial = _folder(job)
    trial.append(TrainLine(80, 10, 0.1, time.time(), 1.0, 1e-4, 1.0, 300.0, 1 << 30))
    trial.show_phase(Phase(PhaseName.TRAINING, 10, 250, seconds_left=500.0, seconds_in_all=600.0))


def _finish(job: Job) -> None:
    trial = _folder(job)
    with trial.claimed():
        trial.append(ValidationLine(2000, 250, 1.0, time.time(), 1.0, _SCORE))
        trial.finish(Result(Outcome.COMPLETED, job.signature or "", score=_SCORE, samples_seen=2000, steps=250))


def _count_opened_files() -> list[int]:
    """How many files this process has opened since, in a list of one."""
    opened = [0]

    def count(event: str, arguments: object) -> None:
        opened[0] += event == "open"

    sys.addaudithook(count)
    return opened
