"""A sweep as a reader of W&B alone sees it: its trials as they ended, and its answer. The training is `stand_in.py`,
the server `wandb_server.py`; sweep, processes, kill -9 and the W&B client are real."""

import json
from pathlib import Path
from typing import Any

import pytest

from medqa_sweeps.tracking import tracker as tracking
from medqa_sweeps.trial.folder import StopReason, TrialDir
from tests.sweep.test_faults import Program
from tests.tracking.wandb_server import StoredRun, WandbServer

WORDS = ("lora.r=2,4,8", "optimizer.lr=1e-3,1e-2", "tracking.mode=online", "tracking.tags=[mine]")
AGENT = {  # as if started by an agent, by whom a service process of W&B was left behind
    "WANDB_SWEEP_ID": "of-w-and-b",
    "WANDB_RUN_ID": "of-the-agent",
    "WANDB_NAME": "a name",
    "WANDB_PROJECT": "p",
    "WANDB_SERVICE": "3-1-unix-/nowhere",
}
LONG = ("engine.max_attempts=1", "training.max_steps=100")


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, WandbServer, str]:
    """A sweep in which trial 1 is killed with SIGKILL and trial 0 is pruned, as a pruner does it."""
    folder = tmp_path_factory.mktemp("tracked") / "study"
    with pytest.MonkeyPatch.context() as patch, WandbServer() as server:
        for name, value in {**server.environment(), **AGENT, "NETRC": str(folder.parent / "none")}.items():
            patch.setenv(name, value)
        program = Program(folder, *WORDS, *LONG, fault="1 training")
        hopeless = TrialDir(folder / "0")
        program.until(hopeless.metrics_file.exists, 100)
        hopeless.ask_to_stop(StopReason.PRUNED, "hopeless")
        assert program.ended(200) == 1, program.said()
        said = program.said()
    assert not server.unknown
    return folder, server, said


def outcome(trial: Path) -> dict[str, Any]:
    return dict(json.loads((trial / "result.json").read_text()))


def summary_run(server: WandbServer) -> StoredRun:
    (found,) = [run for run in server.runs.values() if run.job_type == "summary"]
    return found


def test_each_trial_is_shown_as_it_ended(swept: tuple[Path, WandbServer, str]) -> None:
    folder, server, said = swept
    assert "Uploads    results go to W&B as they arrive" in said, "before anything starts"
    assert f"W&B: results are uploaded as they arrive to {server.url}" in said
    assert said.count("caution: 10 of 16 validation questions have a near-duplicate") == 1 and "alarm:" not in said
    results = {number: outcome(folder / str(number)) for number in range(6)}
    assert {one["outcome"] for one in results.values()} == {"completed", "pruned", "failed"}
    for number, result in results.items():
        trial = TrialDir(folder / str(number))
        run = server.runs[tracking.run_id(trial)]
        ends = {"failed": {"failed", "killed"}, "pruned": {"pruned"}, "completed": set()}[result["outcome"]]
        alarms = set() if number == 1 else {"alarm:near_duplicates"}
        assert set(run.tags) == {"mine", "synthetic"} | ends | alarms
        assert (run.group, run.state) == ("study", "failed" if number == 1 else "finished")
        assert (run.summary["outcome"], run.summary.get("failure")) == (result["outcome"], result["failure"])
        assert len(run.history) == len(trial.lines()) and run.rewritten == 0
        assert run.history[-1]["samples_seen"] == trial.lines()[-1].samples_seen
        score = result["score"] or {}
        for metric in ("accuracy", "gold_log_probability", "calibration_error"):  # whichever a sweep optimises
            assert run.summary.get(metric) == score.get(metric)


def test_inside_an_agent_trials_stay_apart_and_it_is_said(swept: tuple[Path, WandbServer, str]) -> None:
    folder, server, said = swept
    assert len(server.runs) == 7 and {run.project for run in server.runs.values()} == {"p"}
    assert {run.sweep for run in server.runs.values()} == {None}
    assert said.count("WANDB_RUN_ID, WANDB_NAME, WANDB_SWEEP_ID ignored: every trial is a separate run") == 1
    assert "Traceback" not in said
    noted = json.loads((folder / "0" / "provenance.json").read_text())["wandb"]
    assert noted == {"WANDB_MODE": "online", "WANDB_PROJECT": "p", "WANDB_BASE_URL": server.url}


def test_a_single_run_inside_an_agent_is_the_agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**AGENT, "WANDB_MODE": "offline"}.items():
        monkeypatch.setenv(name, value)
    program = Program(tmp_path / "alone", "tracking.mode=auto", single=True)
    assert program.ended() == 0, program.said()
    assert tracking.run_id(TrialDir(tmp_path / "alone")) == "of-the-agent"
    assert "offline (WANDB_MODE=offline)" in program.said() and "ignored" not in program.said()


def test_the_answer_is_there_without_the_folder(swept: tuple[Path, WandbServer, str]) -> None:
    _, server, said = swept
    run = summary_run(server)
    assert (run.group, run.display_name) == ("study", "study (summary)")
    assert run.summary["metric"] == "accuracy"
    assert {"summary", "synthetic", "mine"} == set(run.tags) and run.state == "finished"
    assert " ".join(run.summary["verdict"].split()) in " ".join(said.split()), "the verdict that the terminal shows"
    assert "say nothing about medicine" in run.summary["cautions"]
    table = json.loads(run.files[run.summary["leaderboard"]["path"]])
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    assert sorted(row["trial"] for row in rows) == ["0", "1", "2", "3", "4", "5"]
    assert rows[0]["outcome"] == "completed" and rows[0]["difference from the best"] is None
    assert rows[0]["accuracy"] == 100 * run.summary["accuracy"] and rows[0]["low"] < rows[0]["accuracy"]
    assert {row["r"] for row in rows} == {2, 4, 8} and all(row["run"] in server.runs for row in rows)
    (killed,) = [row for row in rows if row["trial"] == "1"]
    assert killed["outcome"] == "failed" and "killed" in killed["why"]


def test_nothing_of_it_lies_where_trials_lie(swept: tuple[Path, WandbServer, str]) -> None:
    folder = swept[0]
    visible = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    assert visible == list("012345")
