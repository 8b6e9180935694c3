"""What a W&B server is told by the real client, over the loopback: through outages and kills, nothing lost or doubled.

The server is `wandb_server.py`, a stand-in. The clients are processes of their own, so that no setting of this one
can lead them to another server.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from medqa_sweeps.errors import FailureKind
from medqa_sweeps.tracking import tracker as tracking
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import AttemptEndLine, MetricsLine, Outcome
from tests.tracking.test_tracker import CASES, ENDS, attempt, comparable, make_trial, result, train, validation
from tests.tracking.wandb_server import StoredRun, WandbServer

ROOT = Path(__file__).parents[2]
FIRST: list[MetricsLine] = [attempt(1), validation(0, 0.26), train(160, 1.3), validation(160, 0.7)]
THEN: list[MetricsLine] = [train(320, 0.9), validation(320, 0.6)]


@pytest.fixture
def server() -> Iterator[WandbServer]:
    with WandbServer() as made:
        yield made
        assert not made.unknown, f"calls that the stand-in could not answer: {made.unknown}"


@pytest.fixture
def python(server: WandbServer, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> subprocess.Popen[str]:
        own = {"PYTHONPATH": str(ROOT), "NETRC": str(tmp_path / "none")}
        kept = {key: value for key, value in os.environ.items() if not key.startswith("WANDB")}
        environment = {**kept, **own, **server.environment()}
        command = [sys.executable, *words]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        started.append(subprocess.Popen(command, cwd=tmp_path, env=environment, **pipes))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()


def said(process: subprocess.Popen[str], code: int = 0) -> str:
    text, _ = process.communicate(timeout=120)
    assert process.returncode == code, text
    return text


def until(true: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end and process.poll() is None, process.stdout and process.stdout.read()
        time.sleep(0.02)


def online_trial(folder: Path, lines: list[MetricsLine]) -> TrialDir:
    trial = make_trial(folder, mode="online")
    for line in lines:
        trial.append(line)
    return trial


def told(run: StoredRun) -> list[dict[str, Any]]:
    """The history without what the client adds, `_timestamp` apart."""
    return [{key: value for key, value in row.items() if key not in ("_step", "_runtime")} for row in run.history]


def whole(run: StoredRun, lines: list[MetricsLine]) -> bool:
    """Every line once, in order, value by value."""
    assert run.rewritten == 0
    assert [row["_step"] for row in run.history] == list(range(len(lines)))
    assert comparable(told(run)) == comparable([tracking.history_row(line) for line in lines])
    return True


def test_every_end_as_it_was_and_every_value(
    server: WandbServer, python: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    study = tmp_path / "study"
    states = {"pruned": "finished", "completed": "finished", "interrupted": "preempted"}
    for name in ENDS:
        lines, end = CASES[name]
        trial = online_trial(study / name, lines)
        if end:
            trial.finish(end)
    sent = said(python("-m", "analysis", "wandb-sync", "study"))
    assert "Trials: 5 sent." in sent
    for name, (tags, exit_code) in ENDS.items():
        run = server.runs[tracking.run_id(TrialDir(study / name))]
        assert whole(run, CASES[name][0])
        assert (set(run.tags), run.exit_codes, run.group) == (tags, [exit_code], "study"), name
        assert run.state == states.get(name, "failed")
        assert run.summary["outcome"] == {"killed": "failed"}.get(name, name)
        assert run.job_type == "trial" and run.settings["lora"]["r"] == 8
    axes = {metric.get("1") or metric["2"]: metric for metric in run.metrics}
    assert axes.keys() >= {"samples_seen", "train/*", "validation/*", "train/loss", "validation/accuracy"}
    completed = server.runs[tracking.run_id(TrialDir(study / "completed"))].summary
    assert (completed["validation/accuracy"], completed["train/loss"]) == ({"max": 0.7}, {"last": 0.9})
    assert completed["accuracy"] == 0.6 and completed["minutes"] == 1.5


@pytest.mark.slow  # the client sends every 15 s
def test_an_outage_in_mid_run_loses_nothing_and_doubles_nothing(
    server: WandbServer, python: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    trial = online_trial(tmp_path / "study" / "0", FIRST)
    parent = python("-m", "tests.tracked", str(trial.path))
    identity = tracking.run_id(trial)
    until(lambda: identity in server.runs and len(server.runs[identity].history) == len(FIRST), parent)
    with server.outage(after_hearing=True):  # the worst kind: what was sent has arrived, and nobody knows
        trial.append(THEN[0])
        until(lambda: len(server.runs[identity].history) > len(FIRST), parent)
    trial.append(THEN[1])
    trial.finish(result(Outcome.COMPLETED))
    assert "in time: True" in said(parent)
    run = server.runs[identity]
    assert whole(run, [*FIRST, *THEN]) and run.state == "finished"
    assert tracking.has_been_sent(trial)


@pytest.mark.slow  # the client sends every 15 s
def test_what_an_outage_kept_back_is_sent_later_and_once(
    server: WandbServer, python: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    trial = online_trial(tmp_path / "study" / "0", FIRST)
    parent = python("-m", "tests.tracked", str(trial.path), "1")
    identity = tracking.run_id(trial)
    until(lambda: identity in server.runs and len(server.runs[identity].history) == len(FIRST), parent)
    with server.outage():
        for line in THEN:
            trial.append(line)
        trial.finish(result(Outcome.PRUNED, message="hopeless"))
        words = said(parent)
    assert "WARNING W&B failed" in words and "wandb-sync" in words
    assert not tracking.has_been_sent(trial) and server.runs[identity].state == "running"

    assert "1 sent." in said(python("-m", "analysis", "wandb-sync", "study"))
    run = server.runs[identity]
    assert whole(run, [*FIRST, *THEN])
    assert run.state == "finished" and run.summary["outcome"] == "pruned" and "pruned" in run.tags
    calls = server.calls
    assert "1 sent before." in said(python("-m", "analysis", "wandb-sync", "study"))
    assert server.calls == calls + 1, "one question whether the server answers, and nothing else"


@pytest.mark.slow  # the client sends every 15 s
def test_a_run_of_a_killed_parent_is_completed_and_resumed(
    server: WandbServer, python: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    trial = online_trial(tmp_path / "study" / "0", FIRST)
    parent = python("-m", "tests.tracked", str(trial.path))
    identity = tracking.run_id(trial)
    until(lambda: identity in server.runs and len(server.runs[identity].history) == len(FIRST), parent)
    parent.kill()
    parent.wait()
    end = AttemptEndLine(1, 160, 9.0, Outcome.FAILED, FailureKind.KILLED, "killed by SIGKILL")
    trial.append(end)
    assert "1 sent." in said(python("-m", "analysis", "wandb-sync", "study"))
    run = server.runs[identity]
    assert whole(run, [*FIRST, end])
    assert run.summary["outcome"] == "interrupted" and "interrupted" in run.tags and run.state == "preempted"

    for line in (attempt(2, 160), *THEN):
        trial.append(line)
    trial.finish(result(Outcome.COMPLETED))
    assert "in time: True" in said(python("-m", "tests.tracked", str(trial.path)))
    assert whole(run, [*FIRST, end, attempt(2, 160), *THEN])
    assert run.summary["outcome"] == "completed" and set(run.tags) == {"mine", "synthetic"}
    assert run.state == "finished"
    assert run.summary["validation/accuracy"] == {"max": 0.7}
