"""What may happen to a sweep, and what must be left of it: nothing lost, nothing twice, no process, one sentence.

Processes, signals, folders and Optuna's journal are real; the training is `stand_in.py`.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import optuna
import psutil
import pytest
import yaml
from optuna.storages.journal import JournalFileBackend, JournalStorage

from medqa_sweeps.config.overrides import override
from medqa_sweeps.jobs.interrupts import MOMENT_SECONDS
from tests.conftest import variant
from tests.tracking.wandb_server import WandbServer

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("program.py")
GRID = ("lora.r=2,4,8", "optimizer.lr=1e-3,1e-2")  # six trials of ten steps
WORDS = (
    *("experiment=quickstart", "tracking=none", "split.max_validation=16", "training.max_steps=10"),
    *("evaluation.reports=5", "training.effective_batch_size=8", "training.micro_batch_size=8"),
    "hydra.callbacks.leaderboard.page=false",
)
ON_THIS_MACHINE = ("hydra.launcher.devices=cpu", "hydra.launcher.slots_per_device=3")


class Program:
    """A sweep as a process in a group of its own, as a terminal starts it."""

    def __init__(
        self,
        folder: Path,
        *words: str,
        fault: str = "",
        log: str = "log",
        single: bool = False,
        output: int | None = None,
        launcher: Sequence[str] = ON_THIS_MACHINE,
        **variables: str,
    ) -> None:
        """`single`: one run instead of a sweep; `output`: a file descriptor instead of the log."""
        self.folder, self.log = folder, folder.parent / log
        where = [override("hydra.run.dir", folder)] if single else ["-m", override("hydra.sweep.dir", folder)]
        command = [sys.executable, str(PROGRAM), *where, *WORDS, *launcher, *(words or GRID)]
        self.process = psutil.Popen(
            command,
            cwd=folder.parent,
            env={**os.environ, "PYTHONPATH": str(ROOT), "FAULT": fault, **variables},
            stdout=open(self.log, "a") if output is None else output,
            stderr=subprocess.STDOUT,
            process_group=0,
        )

    def descendants(self) -> list[psutil.Process]:
        return self.process.children(recursive=True)

    def until(self, true: Callable[[], bool], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, self.said()
            assert self.process.poll() is None, f"it ended too early:\n{self.said()}"
            time.sleep(0.01)

    def ended(self, seconds: float = 60) -> int:
        return self.process.wait(seconds)

    def said(self) -> str:
        return self.log.read_text()


def results(folder: Path) -> dict[str, dict[str, Any]]:
    """What a study came to, without what time and place decide."""
    found = {}
    for path in folder.iterdir():
        if path.name.isdecimal():
            result = json.loads((path / "result.json").read_text())
            words = yaml.safe_load((path / ".hydra" / "overrides.yaml").read_text())
            kept = ("outcome", "signature", "score", "samples_seen", "adapter_sha256")
            found[" ".join(word for word in sorted(words) if not word.startswith("engine."))] = {
                key: result[key] for key in kept
            }
    return found


def told(folder: Path) -> optuna.Study:
    storage = JournalStorage(JournalFileBackend(str(folder / "study.journal")))
    return optuna.load_study(study_name=folder.name, storage=storage)


def gone(processes: list[psutil.Process]) -> None:
    """Within two seconds, all of them."""
    _, alive = psutil.wait_procs(processes, timeout=2)
    alive = [process for process in alive if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    assert not alive, alive


def complete(folder: Path, trials: int = 6) -> None:
    """Every trial told to Optuna once, under a number of its own, with the value of its folder."""
    study = told(folder)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * trials
    for trial in study.trials:
        result = json.loads((folder / str(trial.number) / "result.json").read_text())
        assert trial.value == result["score"]["accuracy"]


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Also for root, whom permissions do not stop: the immutable flag, where the file system has one."""
    flag = os.geteuid() == 0
    if flag and subprocess.run(["chattr", "-R", "+i", str(folder)], capture_output=True, check=False).returncode:
        pytest.skip("root may write anywhere, and this file system has no immutable flag")
    folder.chmod(0o500) if not flag else None
    try:
        yield
    finally:
        if flag:
            subprocess.run(["chattr", "-R", "-i", str(folder)], check=True)
        else:
            folder.chmod(0o700)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("undisturbed") / "study"
    program = Program(folder)
    assert program.ended() == 0, program.said()
    complete(folder)
    return results(folder)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    made: list[Program] = []

    def begin(*words: str, **more: Any) -> Program:
        made.append(Program(tmp_path / "study", *words, **more))
        return made[-1]

    yield begin
    for program in made:
        if program.process.poll() is None:
            program.process.kill()


def steps(folder: Path) -> int:
    """Lines written by all trials so far."""
    return sum(len(file.read_bytes().splitlines()) for file in folder.glob("*/metrics.jsonl"))


@pytest.mark.parametrize("where", ["training", variant("evaluation"), "result"])
def test_a_killed_worker_costs_an_attempt_and_nothing_else(
    where: str, start: Callable[..., Program], undisturbed: dict
) -> None:
    program = start(fault=f"1 {where}")
    assert program.ended() == 0, program.said()
    complete(program.folder)
    assert results(program.folder) == undisturbed
    again = "begins again: 2 steps had" if where == "evaluation" else "resumes from its newest checkpoint (step"
    assert (
        f"killed by SIGKILL (the kernel killed no process for lack of memory meanwhile); it {again}" in program.said()
    )
    assert json.loads((program.folder / "1" / "result.json").read_text())["attempts"] == 2
    assert not list(program.folder.glob("1/.result*")), "what was half-written is gone or never seen"


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        variant("device", "illegal memory access"),
        variant("hang", "made no progress for 0.1 minutes"),
        ("memory", "out of memory"),
    ],
)
def test_what_another_attempt_can_mend_is_mended(
    kind: str, sentence: str, start: Callable[..., Program], undisturbed: dict
) -> None:
    program = start(*GRID, "engine.max_silent_minutes=0.1", fault=f"2 {kind}")
    assert program.ended() == 0, program.said()
    complete(program.folder)
    assert results(program.folder) == undisturbed
    assert sentence in program.said()
    lines = [json.loads(line) for line in (program.folder / "2" / "metrics.jsonl").read_text().splitlines()]
    sizes = [line["training_tokens"] for line in lines if line["kind"] == "passes"]
    assert sizes == ([1024, 512] if kind == "memory" else [1024, 1024])


def test_a_loss_that_is_no_number_fails_its_trial_and_says_where_the_log_is(start: Callable[..., Program]) -> None:
    program = start(fault="3 nan")
    assert program.ended() == 1
    result = json.loads((program.folder / "3" / "result.json").read_text())
    assert (result["outcome"], result["failure"]) == ("failed", "diverged") and "lower optimizer.lr" in result[
        "message"
    ]
    assert [trial.state.name for trial in told(program.folder).trials].count("COMPLETE") == 5
    assert "trial 3" in program.said() and "failed (diverged)" in program.said()


def test_a_full_disk_stops_the_sweep_and_loses_nothing(start: Callable[..., Program], undisturbed: dict) -> None:
    program = start(fault="1 full")
    assert program.ended() == 1
    assert "The disk is full" in program.said() and "resume" in program.said()
    assert not (program.folder / "1" / "result.json").exists()
    again = start()
    assert again.ended() == 0, again.said()
    complete(again.folder)
    assert results(again.folder) == undisturbed


@pytest.mark.variant
def test_a_killed_forkserver_is_replaced_and_its_trials_go_on(start: Callable[..., Program], undisturbed: dict) -> None:
    program = start()
    program.until(lambda: steps(program.folder) > 5)
    next(process for process in program.descendants() if "forkserver" in " ".join(process.cmdline())).kill()
    assert program.ended() == 0, program.said()
    complete(program.folder)
    assert results(program.folder) == undisturbed
    assert program.said().count("killed by SIGKILL (its parent process ended)") >= 1


@pytest.mark.variant
def test_a_sweep_goes_on_when_nobody_reads_what_it_says(start: Callable[..., Program], undisturbed: dict) -> None:
    """`| tee log`, whose tee is killed; a terminal that is gone."""
    reader, writer = os.pipe()
    os.close(reader)
    program = start(output=writer)
    os.close(writer)
    assert program.process.wait(60) == 0
    assert results(program.folder) == undisturbed


@pytest.mark.parametrize("number", [signal.SIGINT, variant(signal.SIGTERM), variant(signal.SIGHUP)])
def test_one_signal_ends_it_tidily_and_the_same_command_goes_on(
    number: signal.Signals, start: Callable[..., Program], undisturbed: dict
) -> None:
    program = start()
    program.until(lambda: steps(program.folder) > 5)
    processes = program.descendants()
    program.process.send_signal(number)
    assert program.ended(30) == 130
    gone(processes)
    assert "what runs saves a checkpoint" in program.said() and "To resume: " in program.said()
    again = start(log="again")
    assert again.ended() == 0
    assert "Resuming" in again.said()
    complete(program.folder)
    assert results(program.folder) == undisturbed


@pytest.mark.variant
def test_signals_that_were_ignored_at_the_start_disturb_neither_the_sweep_nor_its_trials(
    start: Callable[..., Program], undisturbed: dict
) -> None:
    """nohup starts a program so, and a shell one in the background."""
    ignored = (signal.SIGHUP, signal.SIGINT)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ignored}
    try:
        program = start()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    program.until(lambda: steps(program.folder) > 5)
    for process in [program.process, *program.descendants()]:
        for number in ignored:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
    assert program.ended() == 0, program.said()
    complete(program.folder)
    assert results(program.folder) == undisturbed
    assert "killed by" not in program.said() and "saves a checkpoint" not in program.said()


def all_checkpoints(folder: Path) -> bool:
    """Whether every trial that has trained and not ended has a checkpoint of its only attempt."""
    begun = [path for path in folder.iterdir() if path.name.isdecimal() and not (path / "result.json").exists()]
    lines = {path: metrics.read_text() for path in begun if (metrics := path / "metrics.jsonl").exists()}
    trained = [path for path, text in lines.items() if '"kind": "train",' in text]
    assert trained
    attempts = [lines[path].count('"kind": "attempt",') for path in trained]
    return attempts == [1] * len(attempts) and all(list(path.glob("checkpoint/step-*")) for path in trained)


@pytest.mark.parametrize("number", [variant(signal.SIGINT), variant(signal.SIGTERM), variant(signal.SIGHUP)])
def test_a_signal_to_every_process_of_the_job_is_one_to_the_sweep(
    number: signal.Signals, start: Callable[..., Program], undisturbed: dict
) -> None:
    """`scancel`, `systemd`, `docker stop` and a closed terminal send it to all of them."""
    program = start()
    program.until(lambda: steps(program.folder) > 5)
    processes = program.descendants()
    for process in [*processes, program.process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
    assert program.ended(30) == 130
    gone(processes)
    assert "killed by" not in program.said() and "it resumes from its newest checkpoint (step " in program.said()
    assert all_checkpoints(program.folder)
    assert start(log="again").ended() == 0
    assert results(program.folder) == undisturbed


def test_a_signal_that_comes_twice_in_a_moment_is_one(start: Callable[..., Program]) -> None:
    """`uv run` forwards what its group has had already."""
    program = start()
    program.until(lambda: steps(program.folder) > 5)
    for _ in range(3):
        program.process.send_signal(signal.SIGTERM)
        time.sleep(0.05)
    assert program.ended(30) == 130
    assert all_checkpoints(program.folder)


def test_after_a_stop_nothing_is_started_again(start: Callable[..., Program]) -> None:
    program = start(*GRID, "hydra.launcher.slots_per_device=1", fault="0 hang")
    program.until(lambda: steps(program.folder) > 5)
    program.process.send_signal(signal.SIGTERM)
    program.until(lambda: "what runs saves a checkpoint" in program.said())
    line = (program.folder / "0" / "metrics.jsonl").read_text().splitlines()[0]
    psutil.Process(json.loads(line)["pid"]).kill()
    assert program.ended(30) == 130
    assert all_checkpoints(program.folder), "of report 2, and of one attempt"
    assert "killed by SIGKILL" in program.said() and "out of memory" not in program.said()


@pytest.mark.variant
def test_where_there_is_no_checkpoint_nobody_speaks_of_one(start: Callable[..., Program]) -> None:
    words = ("evaluation.reports=1", "lora.r=4")
    program = start(*words, single=True, fault="study hang")
    program.until(lambda: steps(program.folder.parent) > 5)
    again = "begins again: 5 steps had been trained, and no checkpoint was saved yet"
    program.process.send_signal(signal.SIGINT)
    program.until(lambda: "Stopping after this step" in program.said())
    time.sleep(2 * MOMENT_SECONDS)  # the program may take in the first one late
    program.process.send_signal(signal.SIGINT)
    assert program.ended(30) == 130
    assert f"The trial {again}. To resume: " in program.said()
    resumed = start(*words, single=True, log="resumed")
    assert resumed.ended() == 0, resumed.said()
    assert f"The trial {again}" in resumed.said()


@pytest.mark.variant
def test_a_second_ctrl_c_stops_at_once(start: Callable[..., Program], undisturbed: dict) -> None:
    program = start(fault="1 hang")
    metrics = program.folder / "1" / "metrics.jsonl"
    program.until(lambda: metrics.exists() and '"step": 5' in metrics.read_text())
    processes = program.descendants()
    program.process.send_signal(signal.SIGINT)
    time.sleep(2 * MOMENT_SECONDS)  # the program may take in the first one late
    program.process.send_signal(signal.SIGINT)
    assert program.ended(10) == 130
    gone(processes)
    assert start().ended() == 0
    assert results(program.folder) == undisturbed


def kills(count: int, workers_too: bool, start: Callable[..., Program], undisturbed: dict) -> None:
    """Kill the sweep `count` times at random moments of its life, then let it finish."""
    chance = random.Random(int(workers_too))
    for _ in range(count):
        program = start(log="kills")
        goal = steps(program.folder) + chance.randint(0, 25)
        while program.process.poll() is None and steps(program.folder) <= goal:
            time.sleep(0.01)
        time.sleep(chance.random() * 0.05)
        processes = program.descendants() if program.process.is_running() else []
        victims = chance.sample(processes, len(processes) // 2) if workers_too else []
        for process in [*victims, program.process]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        program.process.wait()
        gone(processes)
    last = start(log="last")
    assert last.ended() == 0, last.said()
    complete(last.folder)
    assert results(last.folder) == undisturbed
    study = told(last.folder)
    assert sorted(trial.number for trial in study.trials) == sorted(
        int(path.name) for path in last.folder.iterdir() if path.name.isdecimal()
    )


@pytest.mark.parametrize("workers_too", [variant(False), True])
def test_a_killed_sweep_goes_on_to_the_same_bits(
    workers_too: bool, start: Callable[..., Program], undisturbed: dict
) -> None:
    kills(3, workers_too, start, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("workers_too", [False, True])
def test_a_sweep_killed_at_twenty_moments_goes_on_to_the_same_bits(
    workers_too: bool, start: Callable[..., Program], undisturbed: dict
) -> None:
    kills(20, workers_too, start, undisturbed)


def test_two_sweeps_in_one_folder_are_one_and_a_sentence(start: Callable[..., Program]) -> None:
    words = ("lora.r=2,4,8", "training.max_steps=250")
    first = start(*words)
    first.until(lambda: steps(first.folder) > 0)
    second = start(*words, log="second")
    assert second.ended() == 1
    assert "another process is sweeping this study" in second.said() and "Traceback" not in second.said()
    assert first.ended() == 0
    complete(first.folder, trials=3)


@pytest.mark.variant
def test_a_trial_can_be_added_while_it_resumes(start: Callable[..., Program], undisturbed: dict) -> None:
    program = start()
    program.until(lambda: steps(program.folder) > 5)
    program.process.kill()
    program.process.wait()
    again = start(log="again")
    command = [sys.executable, "-m", "medqa_sweeps", "add", str(program.folder), "lora.r=16", "optimizer.lr=1e-3"]
    asked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert asked.stdout.startswith("Added: "), "what the study has said of its questions is not said again"
    assert program.said().count("have a near-duplicate in training") >= 1
    assert again.ended() == 0, again.said()
    complete(program.folder, trials=7)
    found = results(program.folder)
    (extra,) = found.keys() - undisturbed.keys()
    assert "lora.r=16" in extra and {key: found[key] for key in undisturbed} == undisturbed


@pytest.mark.variant
def test_the_plan_counts_a_trial_that_was_added(start: Callable[..., Program], tmp_path: Path) -> None:
    assert start("lora.r=2,4").ended() == 0

    def medqa_sweeps(*words: str) -> str:
        command = [sys.executable, "-m", "medqa_sweeps", *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    folder = str(tmp_path / "study")
    medqa_sweeps("add", folder, "lora.r=16")
    shown = medqa_sweeps("status", folder)
    assert "2 of 3 done" in shown and "is finished" not in shown
    again = start("lora.r=2,4", log="again")
    assert again.ended() == 0, again.said()
    assert "Resuming   2 of 3 trials finished; 0 to continue; 1 added" in again.said()
    third = start("lora.r=2,4", log="third")
    assert third.ended() == 0
    assert "Resuming   3 of 3 trials finished; 0 to continue" in third.said()
    shown = medqa_sweeps("status", folder)
    assert "3 of 3 done" in shown and "is finished" in shown


def test_a_study_that_cannot_be_written_is_refused_in_a_sentence(start: Callable[..., Program], tmp_path: Path) -> None:
    (tmp_path / "study").write_text("a file where the folder should be")
    program = start()
    assert program.ended() == 1
    assert "cannot be written" in program.said() and "Traceback" not in program.said()


@pytest.mark.variant
def test_a_study_made_read_only_is_refused_in_a_sentence(start: Callable[..., Program], tmp_path: Path) -> None:
    assert start().ended() == 0
    with read_only(tmp_path / "study"):
        program = start(*GRID, "lora.dropout=0.1", log="again")
        assert program.ended() == 1
    assert "cannot be written" in program.said() and "Traceback" not in program.said()


@pytest.mark.variant
def test_a_truncated_journal_line_is_no_obstacle(start: Callable[..., Program], undisturbed: dict) -> None:
    program = start()
    program.until(lambda: steps(program.folder) > 20)
    program.process.kill()
    program.process.wait()
    journal = program.folder / "study.journal"
    journal.write_bytes(journal.read_bytes() + b'{"op_code": 5, "worker_id": "x", "tri')
    again = start(log="again")
    assert again.ended() == 0, again.said()
    complete(program.folder)
    assert results(program.folder) == undisturbed


@pytest.mark.variant
def test_another_space_in_the_same_folder_is_shown_and_refused_unless_allowed(start: Callable[..., Program]) -> None:
    assert start().ended() == 0
    other = ("lora.r=2,4,8,16", "optimizer.lr=1e-3,1e-2")
    refused = start(*other, log="refused")
    assert refused.ended() == 1
    assert "lora.r: 2, 4, 8 then, 2, 4, 8, 16 now" in refused.said() and "allow_changes=true" in refused.said()
    allowed = start(*other, "hydra.sweeper.allow_changes=true", log="allowed")
    assert allowed.ended() == 0, allowed.said()
    complete(allowed.folder, trials=8)


def test_resume_by_its_folder_alone(start: Callable[..., Program], undisturbed: dict) -> None:
    program = start()
    program.until(lambda: steps(program.folder) > 5)
    program.process.send_signal(signal.SIGINT)
    program.ended(30)
    command = [sys.executable, "-m", "medqa_sweeps", "resume", str(program.folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    complete(program.folder)
    assert results(program.folder) == undisturbed


def test_stop_from_elsewhere_ends_one_trial_or_all(start: Callable[..., Program]) -> None:
    program = start(*GRID, "training.max_steps=1000")
    program.until(lambda: steps(program.folder) > 5)

    def medqa_sweeps(*words: str) -> str:
        command = [sys.executable, "-m", "medqa_sweeps", *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert "trial 0 will be evaluated now" in medqa_sweeps("stop", str(program.folder), "0")
    program.until(lambda: (program.folder / "0" / "result.json").exists())
    assert json.loads((program.folder / "0" / "result.json").read_text())["steps"] < 1000
    shown = medqa_sweeps("status", str(program.folder))
    assert "trial 0" in shown and "of 6 done" in shown
    assert "save a checkpoint" in medqa_sweeps("stop", str(program.folder))
    assert program.ended(30) == 1
    assert "stopped on request" in program.said()


ONLINE = (*GRID, "tracking.mode=online")


@pytest.mark.variant
def test_a_client_of_w_and_b_that_cannot_be_imported_changes_nothing(
    tmp_path: Path, undisturbed: dict[str, dict[str, Any]]
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "wandb.py").write_text("raise ImportError('no wandb here')")
    variables = {"WANDB_MODE": "online", "PYTHONPATH": f"{tmp_path / 'broken'}:{ROOT}"}
    program = Program(tmp_path / "study", *ONLINE, **variables)
    assert program.ended() == 0, program.said()
    assert _results_beside_tracking(tmp_path / "study") == undisturbed
    assert "W&B failed (no wandb here)" in program.said() and "Traceback" not in program.said()


@pytest.mark.variant
def test_a_server_of_w_and_b_that_dies_changes_nothing(tmp_path: Path, undisturbed: dict[str, dict[str, Any]]) -> None:
    with WandbServer() as server:
        variables = {**server.environment(), "NETRC": str(tmp_path / "none"), "UPLOAD_SECONDS": "1"}
        program = Program(tmp_path / "study", *ONLINE, **variables)
        program.until(lambda: bool(server.runs))
    assert program.ended() == 0, program.said()
    assert _results_beside_tracking(tmp_path / "study") == undisturbed
    assert "wandb-sync" in program.said() and "Traceback" not in program.said()


def _results_beside_tracking(folder: Path) -> dict[str, dict[str, Any]]:
    return {words.replace(" tracking.mode=online", ""): result for words, result in results(folder).items()}
