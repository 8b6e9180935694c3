"""The contract of `Jobs`: the same tests for trials in folders, task functions in processes, batches of a stock Hydra
launcher, and the simulation that the loop's tests stand on. Training is `stand_in.py`'s."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

import psutil
import pytest
from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.types import HydraContext, RunMode

import launch  # noqa: F401  registers the schema
from medqa_sweeps.errors import ConfigError, FailureKind, TrialError
from medqa_sweeps.jobs import launcher
from medqa_sweeps.jobs.contract import Job, JobEnded, Jobs, Reported
from medqa_sweeps.jobs.trials import TrialJobs
from medqa_sweeps.trial.folder import StopReason
from medqa_sweeps.trial.records import Outcome
from tests.conftest import ROOT
from tests.contracts.jobs_task import CONFIG, task
from tests.sweep.simulated import Course, SimulatedJobs

STAND_IN = "tests.sweep.stand_in"
TRIAL = (
    *("experiment=quickstart", "tracking=none", "split.max_validation=16", "evaluation.reports=2"),
    *("training.effective_batch_size=8", "training.micro_batch_size=8"),
)
ON_CPU = ("hydra/launcher=local_gpus", "hydra.launcher.devices=cpu", "hydra.launcher.slots_per_device=2")
SLOTS = 2


@dataclass
class Bench:
    """Jobs to be tested, and the words that make one of them quick, slow (about a second), or endless."""

    jobs: Jobs
    folder: Path
    quick: Sequence[str]
    slow: Sequence[str]
    endless: Sequence[str]
    failing: Callable[[int], tuple[Sequence[str], str]]  # of a job's number; and a part of its message
    can_be_asked: bool  # to stop
    composes: bool  # so that it knows in advance what cannot be
    forgets: bool = True  # how a job ended, once that was told
    numbers: Iterator[int] = field(default_factory=count)

    def start(self, *words: str) -> int:
        job = self.jobs.prepare(next(self.numbers), words)
        self.when_free(lambda: self.jobs.start(job))
        return job.number

    def when_free(self, begin: Callable[[], None]) -> None:
        end = time.monotonic() + 60
        while not self.jobs.free:
            assert self.jobs.poll(0.1) == [] and time.monotonic() < end
        begin()

    def until_ended(self, *numbers: int) -> list[JobEnded]:
        """The ends of these jobs, in the order they were told; each once, and nothing of a job after its end."""
        ends: list[JobEnded] = []
        end = time.monotonic() + 60
        while len(ends) < len(numbers):
            assert time.monotonic() < end, f"{numbers} have not ended, only {ends}"
            for event in self.jobs.poll(0.1):
                assert event.number in numbers and event.number not in [one.number for one in ends]
                if isinstance(event, JobEnded):
                    ends.append(event)
        return ends


@contextmanager
def jobs_of(folder: Path, config_folder: Path, words: Sequence[str]) -> Iterator[Jobs]:
    """As a sweep gets them, from Hydra's words."""
    (folder / "study").mkdir()
    with initialize_config_dir(str(config_folder), version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        config = hydra.compose_config(
            "config", [*words, f"hydra.sweep.dir={folder / 'study'}"], RunMode.MULTIRUN, with_log_configuration=False
        )
        context = HydraContext(config_loader=hydra.config_loader, callbacks=Callbacks())
        with launcher.jobs_for(config, context, task, folder / "study", trials=100, at_once=SLOTS) as jobs:
            yield jobs


@contextmanager
def trials(folder: Path) -> Iterator[Bench]:
    def failing(number: int) -> tuple[Sequence[str], str]:
        os.environ["FAULT"] = f"{number} nan"
        return [*TRIAL, "training.max_steps=4"], "not a number"

    with pytest.MonkeyPatch.context() as patch, jobs_of(folder, ROOT / "conf", ON_CPU) as jobs:
        patch.setenv("FAULT", "")
        words = ([*TRIAL, f"training.max_steps={steps}"] for steps in (4, 50, 5000))
        yield Bench(jobs, folder, *words, failing, can_be_asked=True, composes=True, forgets=False)


@contextmanager
def stock(folder: Path, words: Sequence[str], composes: bool) -> Iterator[Bench]:
    (folder / "conf").mkdir()
    (folder / "conf" / "config.yaml").write_text(CONFIG)
    with jobs_of(folder, folder / "conf", words) as jobs:
        yield Bench(
            jobs,
            folder,
            ["seconds=0"],
            ["seconds=0.5"],
            ["seconds=600"],
            lambda number: (["fails=true"], "a job's own error"),
            can_be_asked=False,
            composes=composes,
        )


def simulated(folder: Path) -> AbstractContextManager[Bench]:
    def course(number: int, words: Sequence[str]) -> Course:
        if words == ["nosuch=1"]:
            return Course(refused=ConfigError("there is no nosuch"))
        outcome = Outcome.FAILED if words == ["fails"] else Outcome.COMPLETED
        failure = FailureKind.INTERNAL if words == ["fails"] else None
        seconds = {"slow": 1.0, "endless": 600.0}.get(words[0], 0.0)
        return Course(seconds, 0.25, [(0.5, 0.1)], outcome=outcome, message="as told", failure=failure)

    jobs = SimulatedJobs(SLOTS, course)
    words = ([word] for word in ("quick", "slow", "endless"))
    return nullcontext(Bench(jobs, folder, *words, lambda number: (["fails"], "as told"), True, composes=True))


MAKERS: dict[str, Callable[[Path], AbstractContextManager[Bench]]] = {
    "trials": trials,
    "callables": partial(stock, words=ON_CPU, composes=True),
    "batches": partial(stock, words=["hydra/launcher=basic"], composes=False),
    "simulated": simulated,
}


@contextmanager
def made(kind: str, folder: Path) -> Iterator[Bench]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launcher, "TRAINING", (STAND_IN,))
        patch.setattr(launcher, "TrialJobs", partial(TrialJobs, worker=STAND_IN))
        with MAKERS[kind](folder) as bench:
            yield bench


@pytest.fixture(scope="module", params=MAKERS)
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One for all tests: jobs that have ended leave nothing that the next could meet."""
    with made(request.param, tmp_path_factory.mktemp("jobs")) as made_bench:
        yield made_bench


def files(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def ours() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def test_a_job_ends_exactly_once_and_gives_its_slot_back(bench: Bench) -> None:
    bench.when_free(lambda: None)
    assert (bench.jobs.free, list(bench.jobs.running)) == (SLOTS, [])
    number = bench.start(*bench.quick)
    assert (bench.jobs.free, list(bench.jobs.running)) == (SLOTS - 1, [number])
    (ended,) = bench.until_ended(number)
    assert ended.outcome is Outcome.COMPLETED and isinstance(ended.value, float) and ended.failure is None
    assert ended.seconds >= 0
    assert (bench.jobs.free, list(bench.jobs.running)) == (SLOTS, [])
    assert bench.jobs.poll(0.01) == []


def test_jobs_that_run_together_all_end_and_are_listed_as_they_started(bench: Bench) -> None:
    later, sooner = next(bench.numbers), next(bench.numbers)
    bench.numbers = count(sooner + 1)
    for number in (sooner, later):
        job = bench.jobs.prepare(number, bench.quick)
        bench.when_free(lambda job=job: bench.jobs.start(job))  # type: ignore[misc]
    assert (bench.jobs.free, list(bench.jobs.running)) == (0, [sooner, later])
    ends = bench.until_ended(sooner, later)
    assert {one.outcome for one in ends} == {Outcome.COMPLETED}
    assert bench.jobs.free == SLOTS


def test_a_job_that_fails_ends_once_and_says_why(bench: Bench) -> None:
    words, said = bench.failing(number := next(bench.numbers))
    good = bench.start(*bench.quick)
    job = bench.jobs.prepare(number, words)
    bench.when_free(lambda: bench.jobs.start(job))
    failed = next(one for one in bench.until_ended(number, good) if one.number == number)
    assert (failed.outcome, failed.value) == (Outcome.FAILED, None) or isinstance(failed.error, RuntimeError)
    assert said in failed.message and failed.failure is not None


def test_prepare_writes_nothing_and_takes_nothing(bench: Bench) -> None:
    bench.when_free(lambda: None)
    before = files(bench.folder)
    job = bench.jobs.prepare(9000, bench.quick)
    assert isinstance(job, Job) and (job.number, job.overrides) == (9000, tuple(bench.quick))
    assert files(bench.folder) == before
    assert (bench.jobs.free, list(bench.jobs.running)) == (SLOTS, [])
    assert bench.jobs.poll(0.01) == []


def test_what_cannot_be_composed_is_refused_in_advance_in_our_own_error(bench: Bench) -> None:
    if not bench.composes:
        pytest.skip("a stock launcher composes by itself")
    before = files(bench.folder)
    with pytest.raises(TrialError, match="nosuch") as raised:
        bench.jobs.prepare(9001, ["nosuch=1"])
    assert raised.value.kind is FailureKind.CONFIG
    assert files(bench.folder) == before and not bench.jobs.running


@pytest.mark.parametrize("reason", StopReason)
def test_a_job_that_is_asked_to_stop_ends_once_as_it_was_asked_or_finishes(bench: Bench, reason: StopReason) -> None:
    number = bench.start(*bench.slow)
    bench.jobs.stop(number, reason, "for a reason")
    (ended,) = bench.until_ended(number)
    as_asked = {StopReason.PRUNED: Outcome.PRUNED, StopReason.INTERRUPTED: Outcome.INTERRUPTED}
    assert ended.outcome is (as_asked.get(reason, Outcome.COMPLETED) if bench.can_be_asked else Outcome.COMPLETED)
    if ended.outcome is Outcome.PRUNED:
        assert ended.message == "for a reason"
    assert bench.jobs.free == SLOTS


def test_to_stop_what_does_not_run_is_nothing(bench: Bench) -> None:
    number = bench.start(*bench.quick)
    bench.until_ended(number)
    bench.jobs.stop(number, StopReason.PRUNED, "too late")
    bench.jobs.stop(9002, StopReason.INTERRUPTED)
    assert bench.jobs.poll(0.01) == []


def test_kill_ends_all_as_interrupted_and_each_can_be_started_again(bench: Bench) -> None:
    first, second = bench.start(*bench.endless), bench.start(*bench.endless)
    bench.jobs.kill()
    ends = bench.until_ended(first, second)
    assert {one.outcome for one in ends} == {Outcome.INTERRUPTED} and not any(one.failure for one in ends)
    assert (bench.jobs.free, list(bench.jobs.running)) == (SLOTS, [])
    if bench.forgets:  # else it goes on with what it was, endlessly
        job = bench.jobs.prepare(first, bench.quick)
        bench.jobs.start(job)
        assert [one.outcome for one in bench.until_ended(first)] == [Outcome.COMPLETED]


def test_kill_of_nothing_is_nothing(bench: Bench) -> None:
    bench.jobs.kill()
    assert bench.jobs.poll(0.01) == []
    assert [one.outcome for one in bench.until_ended(bench.start(*bench.quick))] == [Outcome.COMPLETED]


def test_how_a_job_ended_before_is_known_truly_or_not_at_all(bench: Bench) -> None:
    assert bench.jobs.ended_before(9003) is None
    number = bench.start(*bench.quick)
    (ended,) = bench.until_ended(number)
    earlier = bench.jobs.ended_before(number)
    if bench.forgets:
        assert earlier is None
    else:
        assert earlier is not None
        assert (earlier.outcome, earlier.value, earlier.signature) == (ended.outcome, ended.value, ended.signature)


def test_reports_come_before_the_end_and_in_order(bench: Bench) -> None:
    number = bench.start(*bench.slow)
    events: list[Reported | JobEnded] = []
    while not events or not isinstance(events[-1], JobEnded):
        events += bench.jobs.poll(0.1)
    reports = [event for event in events if isinstance(event, Reported)]
    assert [event.number for event in events] == [number] * len(events)
    assert len(reports) == len(events) - 1 and bool(reports) == bench.can_be_asked
    assert [one.samples_seen for one in reports] == sorted({one.samples_seen for one in reports})


def test_it_says_where_jobs_run_in_whole_lines(bench: Bench) -> None:
    assert all(line and "\n" not in line for line in bench.jobs.describe())


@pytest.mark.parametrize("kind", ["trials", "callables"])
def test_close_leaves_no_process_and_no_job(kind: str, tmp_path: Path) -> None:
    before = set(ours())
    with made(kind, tmp_path) as bench:
        bench.start(*bench.endless)
        bench.start(*bench.endless)
        there = set(ours()) - before
        assert len(there) >= 3, "a forkserver and two children"
        bench.jobs.close()
        assert not bench.jobs.running
    _, alive = psutil.wait_procs(there, timeout=2)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("kind", ["batches", "simulated"])
def test_close_leaves_no_job_where_there_are_no_processes(kind: str, tmp_path: Path) -> None:
    with made(kind, tmp_path) as bench:
        bench.start(*bench.endless)
        bench.jobs.close()
        assert not bench.jobs.running and bench.jobs.poll(0.01) == []


@pytest.mark.parametrize("bench", ["trials", "callables"], indirect=True)
def test_a_job_whose_process_is_killed_by_a_stranger_still_ends_exactly_once(bench: Bench) -> None:
    number = bench.start(*bench.slow)
    child = max(ours(), key=lambda process: process.create_time())
    child.send_signal(signal.SIGKILL)
    (ended,) = bench.until_ended(number)
    if bench.forgets:
        assert (ended.outcome, ended.failure) == (Outcome.FAILED, FailureKind.KILLED) and "SIGKILL" in ended.message
    else:
        assert ended.outcome is Outcome.COMPLETED, "another attempt"
    assert bench.jobs.free == SLOTS
