"""Which trials a folder holds, and how each stands."""

import os
import re
import shutil
import time
from pathlib import Path

import pytest

from medqa_sweeps.analysis.reading.predictions import predictions
from medqa_sweeps.analysis.reading.studies import read_study
from medqa_sweeps.analysis.reading.trial_state import State
from medqa_sweeps.errors import ConfigError, FailureKind
from medqa_sweeps.trial.records import AttemptEndLine, Outcome, Result, ValidationLine
from tests.analysis.trial_folders import attempt, complete, dead_pid, right_at, score_of, submit


def test_trials_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("10", "2", "best_again", "0"):
        submit(tmp_path / name)
    assert [trial.name for trial in read_study(tmp_path).trials] == ["0", "2", "10", "best_again"]


def test_settings_are_the_config_by_dotted_key(tmp_path: Path) -> None:
    submit(tmp_path / "0", lora__r=8, optimizer__lr=1e-5)
    (trial,) = read_study(tmp_path).trials
    assert trial.settings["lora.r"] == 8
    assert trial.settings["lora.alpha"] == 16.0
    assert trial.settings["optimizer.lr"] == 1e-5
    assert trial.settings["data.synthetic"] is True


def test_a_single_runs_folder_is_a_study_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    complete(tmp_path / "run", right_at(0, 200))
    monkeypatch.chdir(tmp_path / "run")
    (trial,) = read_study(Path()).trials
    assert (trial.name, trial.state) == ("run", State.COMPLETED)


def test_what_hydra_writes_beside_the_trials_is_passed_over(tmp_path: Path) -> None:
    submit(tmp_path / "0")
    (tmp_path / ".hydra").mkdir()
    shutil.copy(tmp_path / "0" / "config.yaml", tmp_path / ".hydra" / "config.yaml")
    (tmp_path / "multirun.yaml").write_text("lora: {r: 8}\n")
    study = read_study(tmp_path)
    assert [trial.name for trial in study.trials] == ["0"]
    assert study.unreadable == ()


def test_every_end_is_told_with_its_reason(tmp_path: Path) -> None:
    message = "GPU memory ended at micro-batch 8.\nTry training.micro_batch_size=4."
    failed = Result(Outcome.FAILED, "x", failure=FailureKind.OUT_OF_MEMORY, message=message)
    submit(tmp_path / "0").finish(failed)
    pruned = Result(Outcome.PRUNED, "x", message="Below the median.", score=score_of(right_at(0, 100)))
    submit(tmp_path / "1").finish(pruned)
    submit(tmp_path / "2").finish(Result(Outcome.COMPLETED, "x"))
    study = read_study(tmp_path)
    assert [trial.state for trial in study.trials] == [State.FAILED, State.PRUNED, State.COMPLETED]
    assert [trial.reason for trial in study.trials] == [
        f"out_of_memory: {message}",
        "Below the median. Validation accuracy then: 25.0%.",
        "ended without a score",
    ]
    assert study.completed() == []
    assert len(study.others()) == 3


def test_an_unfinished_trial_is_waiting_running_or_interrupted(tmp_path: Path) -> None:
    submit(tmp_path / "0")
    submit(tmp_path / "1").append(attempt(os.getpid()))
    submit(tmp_path / "2").append(attempt(dead_pid()))
    submit(tmp_path / "3").append(attempt(os.getpid(), started=time.time() - 10 * 365 * 86400))
    submit(tmp_path / "4").append(attempt(dead_pid(), host="elsewhere"))
    stopped = submit(tmp_path / "5")
    stopped.append(attempt(os.getpid()))
    stopped.append(AttemptEndLine(1, 800, time.time(), Outcome.INTERRUPTED, None, "Ctrl-C."))
    assert [(t.state, t.reason) for t in read_study(tmp_path).trials] == [
        (State.WAITING, "submitted, no process has begun"),
        (State.RUNNING, f"attempt 1 on {os.uname().nodename}, cpu. No evaluation yet."),
        (State.INTERRUPTED, read_study(tmp_path).trials[2].reason),
        (State.INTERRUPTED, f"its process {os.getpid()} has ended. No evaluation yet."),
        (State.RUNNING, "attempt 1 on elsewhere, cpu. No evaluation yet."),
        (State.INTERRUPTED, "Ctrl-C. No evaluation yet."),
    ]


def test_a_running_trial_says_how_far_it_is(tmp_path: Path) -> None:
    directory = submit(tmp_path / "0")
    directory.append(attempt(os.getpid()))
    directory.append(ValidationLine(1500, 94, 0.75, time.time(), 2.0, score_of(right_at(0, 200))))
    (trial,) = read_study(tmp_path).trials
    assert trial.reason.endswith("1,500 questions seen, 50.0% at the last evaluation.")


def test_a_line_that_is_being_written_is_not_read(tmp_path: Path) -> None:
    directory = complete(tmp_path / "0", right_at(0, 200))
    running = submit(tmp_path / "1")
    running.append(attempt(os.getpid()))
    for file in (directory.predictions_file, running.metrics_file):
        with file.open("a") as stream:
            stream.write('{"kind": "validation", "samples_se')
    finished, other = read_study(tmp_path).trials
    assert sum(one.predicted == one.gold for one in predictions(finished, 6000).values()) == 200
    assert other.state is State.RUNNING


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.yaml", "lora: {r: [8\n"),
        ("config.yaml", "- a list\n"),
        ("config.yaml", "\x00"),
        ("result.json", '{"outcome": "comple'),
        ("result.json", "[]"),
        ("result.json", '{"outcome": "won", "signature": "x"}'),
        ("result.json", '{"outcome": "completed", "signature": "x", "score": {"questions": 3}}'),
        ("metrics.jsonl", "not JSON\n"),
        ("metrics.jsonl", '{"kind": "unknown"}\n'),
    ],
)
def test_damage_is_named_and_the_others_are_read(tmp_path: Path, file: str, content: str) -> None:
    submit(tmp_path / "0")
    submit(tmp_path / "1")
    (tmp_path / "1" / file).write_text(content)
    study = read_study(tmp_path)
    assert [trial.name for trial in study.trials] == ["0"]
    (sentence,) = study.unreadable
    line = " in line 1" if file == "metrics.jsonl" else ""
    assert re.match(rf"1: \S+/1/{file} is damaged{line} \(.*(R|r)estore", sentence)
    with pytest.raises(ConfigError, match=f"{file} is damaged"):
        read_study(tmp_path / "1")


def test_a_foreign_folder_is_named(tmp_path: Path) -> None:
    submit(tmp_path / "0")
    (tmp_path / "notes").mkdir()
    assert read_study(tmp_path).unreadable == ("notes: not a trial: it has no config.yaml.",)


def test_a_config_file_alone_is_no_trial(tmp_path: Path) -> None:
    """Such as a program's `conf/`, beside which somebody keeps trials."""
    submit(tmp_path / "0")
    (tmp_path / "conf").mkdir()
    shutil.copy(tmp_path / "0" / "config.yaml", tmp_path / "conf" / "config.yaml")
    read = read_study(tmp_path)
    assert [trial.name for trial in read.trials] == ["0"]
    assert read.unreadable == ("conf: not a trial: it has no provenance.json.",)
    with pytest.raises(ConfigError, match="contains no trial"):
        read_study(tmp_path / "conf")


def test_in_a_study_the_numbered_folders_are_trials_whatever_lies_beside_them(tmp_path: Path) -> None:
    """As with hydra.sweep.dir=. in a clone."""
    submit(tmp_path / "0")
    submit(tmp_path / "other")
    (tmp_path / "notes").mkdir()
    (tmp_path / "study.yaml").write_text("trials: 1\n")
    read = read_study(tmp_path)
    assert ([trial.name for trial in read.trials], read.unreadable) == (["0"], ())


def test_a_folder_without_trials_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no such folder\. Give the folder of a study"):
        read_study(tmp_path / "missing")
    with pytest.raises(ConfigError, match=r"contains no trial\. Give the folder of a study"):
        read_study(tmp_path)
    (tmp_path / "notes").mkdir()
    with pytest.raises(ConfigError, match=r"no trial that can be read\. notes: not a trial"):
        read_study(tmp_path)
