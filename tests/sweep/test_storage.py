"""A sweep over other storages, with other objectives, within budgets, and as people type it. Programs, shells, storages
and kills are real; trials are `stand_in.py`'s, and a plain Hydra program's jobs are its own."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import psutil
import pytest
import yaml

from medqa_sweeps.durable.lines import append_lines
from medqa_sweeps.errors import TrialError
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.sweep.steering import add
from tests.conftest import ROOT
from tests.sweep.test_faults import PROGRAM, WORDS, Program, gone, steps, told

PLAIN = """
import json, time
from pathlib import Path
import hydra
from hydra.core.hydra_config import HydraConfig

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config):
    time.sleep(config.seconds)
    overrides = list(HydraConfig.get().overrides.task)
    Path(HydraConfig.get().runtime.output_dir, "told.json").write_text(json.dumps(overrides))
    return config.x ** 2, (config.x - 2) ** 2

if __name__ == "__main__":
    main()
"""
PLAIN_CONFIG = """
defaults:
  - _self_
  - override hydra/sweeper: async_optuna
  - override hydra/launcher: local_gpus
x: 0.0
kind: none
seconds: 0.0
hydra:
  launcher: {devices: cpu, slots_per_device: 2}
  sweeper: {direction: [minimize, minimize]}
  sweep: {dir: study, subdir: "${hydra.job.num}"}
"""


class Plain:
    """Somebody's own Hydra program, with two objectives."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.study = folder, folder / "study"
        (folder / "conf").mkdir(parents=True)
        (folder / "conf" / "config.yaml").write_text(PLAIN_CONFIG)
        (folder / "program.py").write_text(PLAIN)

    def start(self, words: str) -> "subprocess.Popen[str]":
        """Words as they are typed, through a shell."""
        return subprocess.Popen(
            ["bash", "-c", f"exec {sys.executable} program.py -m {words}"],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, words: str) -> tuple[int, str]:
        process = self.start(words)
        said, _ = process.communicate(timeout=200)
        return process.returncode, said

    def optuna(self, url: str = "", name: str = "study") -> optuna.Study:
        from optuna.storages.journal import JournalFileBackend, JournalStorage

        storage: Any = url or JournalStorage(JournalFileBackend(str(self.study / "study.journal")))
        return optuna.load_study(study_name=name, storage=storage)


@pytest.fixture
def started() -> Iterator[Callable[[Program], Program]]:
    made: list[Program] = []

    def keep(program: Program) -> Program:
        made.append(program)
        return program

    yield keep
    for program in made:
        if program.process.poll() is None:
            program.process.kill()


@pytest.fixture
def plain(tmp_path: Path) -> Plain:
    return Plain(tmp_path / "plain")


def until(true: Callable[[], Any], seconds: float = 100) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.variant
def test_a_killed_sweep_over_a_database_goes_on_under_its_own_name(plain: Plain) -> None:
    url = f"sqlite:///{plain.folder / 'optuna.db'}"
    words = f"x=0,1,2,3,4 seconds=0.3 hydra.sweeper.storage={url} hydra.sweeper.study_name=named"
    killed = plain.start(words)
    until(lambda: list(plain.study.glob("*/told.json")))
    killed.kill()
    killed.communicate()
    states = [trial.state.name for trial in plain.optuna(url, "named").trials]
    assert "RUNNING" in states, "it was killed in the middle"
    code, said = plain.run(words)
    assert code == 0 and "Resuming" in said, said
    trials = plain.optuna(url, "named").trials
    assert [(trial.number, trial.state.name) for trial in trials] == [(n, "COMPLETE") for n in range(5)]
    assert [trial.values for trial in trials] == [[x**2, (x - 2) ** 2] for x in range(5)]
    assert not (plain.study / "study.journal").exists()


def test_several_objectives_of_a_plain_program_leave_their_front(plain: Plain) -> None:
    code, said = plain.run("x=-1,0,1,2,3 hydra.sweeper.study_name=named")
    assert code == 0, said
    study = plain.optuna(name="named")
    assert [trial.values for trial in study.trials] == [[x**2, (x - 2) ** 2] for x in (-1, 0, 1, 2, 3)]
    found = yaml.safe_load((plain.study / "optimization_results.yaml").read_text())
    front = sorted(solution["params"]["x"] for solution in found["solutions"])
    assert front == [0, 1, 2], "what neither objective can be bettered in without the other"


def test_n_trials_is_the_total_after_a_resume_too(plain: Plain) -> None:
    words = "'x=interval(-1,3)' hydra.sweeper.sampler.seed=0 seconds=0.2 hydra.sweeper.n_trials"
    killed = plain.start(f"{words}=4")
    until(lambda: list(plain.study.glob("*/told.json")))
    killed.kill()
    killed.communicate()
    for total in (6, 6):
        code, said = plain.run(f"{words}={total}")
        assert code == 0, said
        trials = plain.optuna().trials
        assert [(trial.number, trial.state.name) for trial in trials] == [(n, "COMPLETE") for n in range(total)]
        assert len(list(plain.study.glob("*/told.json"))) == total
        assert len({trial.params["x"] for trial in trials}) == total, "a seeded sampler begins its draws anew"


def test_when_time_is_up_nothing_new_is_started_and_the_same_command_goes_on(plain: Plain) -> None:
    words = "x=1,2,3,4,5,6 seconds=0.4 hydra.launcher.slots_per_device=1"
    code, said = plain.run(f"{words} hydra.sweeper.timeout=0.5")
    assert code == 1 and "the time of this sweep is up (hydra.sweeper.timeout=0.5 seconds)" in said
    assert "To resume: " in said
    begun = len(plain.optuna().trials)
    assert 1 <= begun < 6
    code, said = plain.run(words)
    assert code == 0 and len(plain.optuna().trials) == 6, said


def test_device_hours_are_a_budget(plain: Plain) -> None:
    words = "x=1,2,3,4 seconds=0.4 hydra.launcher.slots_per_device=1"
    code, said = plain.run(f"{words} hydra.sweeper.max_device_hours=1e-4")
    assert code == 1 and "the budget is spent (hydra.sweeper.max_device_hours=0.0001)" in said
    assert len([trial for trial in plain.optuna().trials if trial.state.is_finished()]) == 1


def shell(words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`launch.py -m` with the stand-in, its words read by a real shell."""
    return subprocess.run(
        ["bash", "-c", f"{sys.executable} {PROGRAM} -m {' '.join(WORDS)} {words}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_a_plan_runs_and_writes_nothing(tmp_path: Path) -> None:
    words = r"""lora.r=8,16 lora.alpha=16,32 lora=all_linear,dora hydra.sweeper.zip='[[lora.r,lora.alpha]]' \
        +hydra.sweeper.when='{lora\=dora: {optimizer.lr: "1e-5,1e-4"}}' hydra.sweeper.plan_only=true"""
    done = shell(words, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list(tmp_path.iterdir())
    assert "Nothing was run (hydra.sweeper.plan_only=true)." in done.stdout
    points = [line.split()[1:] for line in done.stdout.splitlines() if line.strip()[:1].isdecimal()]
    pairs = (["lora.r=8", "lora.alpha=16"], ["lora.r=16", "lora.alpha=32"])
    expected = [
        sorted([*pair, f"lora={kind}", *rate])
        for pair in pairs
        for kind, rates in (("all_linear", [[]]), ("dora", [["optimizer.lr=1e-05"], ["optimizer.lr=0.0001"]]))
        for rate in rates
    ]
    assert sorted(map(sorted, points)) == sorted(expected), done.stdout


def test_zip_and_when_run_as_their_docstring_shows_them(tmp_path: Path) -> None:
    words = r"""lora.r=8,16 lora.alpha=16,32 hydra.sweeper.zip='[[lora.r,lora.alpha]]' lora=all_linear,dora \
        +hydra.sweeper.when='{lora\=dora: {optimizer.lr: "interval(1e-5,1e-4)"}}' hydra.sweeper.n_trials=5 \
        hydra.sweeper.sampler.seed=4 training.max_steps=2 hydra.sweep.dir=study"""
    done = shell(words, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    configs = [yaml.safe_load(file.read_text()) for file in (tmp_path / "study").glob("*/config.yaml")]
    assert {config["lora"]["use_dora"] for config in configs} == {True, False}, "another seed"
    for config in configs:
        assert config["lora"]["alpha"] == 2 * config["lora"]["r"]
        assert (1e-5 <= config["optimizer"]["lr"] <= 1e-4) == config["lora"]["use_dora"]
    assert "Trials     5, sampled by TPESampler" in done.stdout


@pytest.mark.variant
def test_a_trial_that_cannot_be_composed_fails_alone_in_a_sweep_that_goes_on(
    tmp_path: Path, started: Callable[[Program], Program]
) -> None:
    """`add` refuses what cannot run, but files may change afterwards: here its refusal is passed by."""
    folder = tmp_path / "study"
    program = started(Program(folder, "lora.r=2,4", "training.max_steps=150"))
    program.until(lambda: steps(folder) > 2, seconds=100)
    for words, why in (
        (["lora.rr=64"], "lora.rr is not a setting. Did you mean lora.r?"),
        (["+lora.rr=64"], "lora.rr is not a setting. Did you mean lora.r?"),
        (["lora.r=0", "lora=dora"], "lora.r=0: the rank"),
        (["data.train=none.jsonl"], f"{folder.parent / 'none.jsonl'}: there is no such file"),
    ):
        with pytest.raises(TrialError, match=re.escape(why)):
            add(StudyDir(folder), words)
    assert not StudyDir(folder).added_file.exists()
    append_lines(StudyDir(folder).added_file, [{"overrides": ["lora.rr=64"]}])
    assert program.ended(100) == 1
    assert "trial 2 rr=64: failed (config): lora.rr is not a setting. Did you mean lora.r?" in program.said()
    assert "Traceback" not in program.said()
    assert [trial.state.name for trial in told(folder).trials] == ["COMPLETE", "COMPLETE", "FAIL"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_while_the_first_imports_are_under_way_ends_it(number: signal.Signals, plain: Plain) -> None:
    process = plain.start("x=1,2,3,4,5,6,7,8 seconds=0.3")
    assert process.stdout is not None
    until(lambda: process.stdout.readline().startswith("Devices"))  # type: ignore[union-attr]
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    said, _ = process.communicate(timeout=100)
    assert process.returncode == 130, said
    assert "Traceback" not in said and "To resume: " in said
    gone(children)
    begun = plain.optuna().trials
    assert len(begun) < 8 and not any(trial.state.name == "FAIL" for trial in begun)
