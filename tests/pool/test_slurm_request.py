"""What is asked of Slurm, and how its answers are read; `tests/clusters` asks a real one."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from medqa_sweeps.compose.settings import SlurmSettings
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.pool.slurm_request import (
    SlurmRequest,
    client_environment,
    engines_words,
    node_in,
    refuse_ungrantable,
    seconds_of,
    slurm_request,
    without_slurm,
)


def request(at_most: int | None = None, **settings: Any) -> SlurmRequest:
    return slurm_request(dataclasses.asdict(SlurmSettings(**settings)), at_most)


def test_every_setting_reaches_srun_or_the_pool() -> None:
    asked = request(
        slots=8, at_least=2, partition="gpu", account="lab", qos="high", constraint="a100", gpus="a100:1", cpus=4,
        memory="32G", time="1-12:00:00", arguments=["--nice=10"], cache="/local",
    )  # fmt: skip
    assert " ".join(asked.options()) == (
        "--nodes=1 --ntasks=1 --partition=gpu --account=lab --qos=high --constraint=a100 --gres=gpu:a100:1 "
        "--cpus-per-task=4 --mem=32G --time=1-12:00:00 --nice=10"
    )
    assert (asked.slots, asked.at_least, asked.cache, asked.notice_seconds) == (8, 2, "/local", 90)
    first, second = asked.sentences()
    assert "up to 8 jobs" in first and "srun --nodes=1" in first and "2 of them run" in second


def test_by_default_nothing_is_asked_but_one_gpu() -> None:
    assert request().options() == ["--nodes=1", "--ntasks=1", "--gres=gpu:1"]
    assert request(gpus=0).options() == ["--nodes=1", "--ntasks=1"]


def test_nodes_not_to_use_are_added_to_those_that_the_user_excludes(tmp_path: Path) -> None:
    assert request().options(("n1", "n2")) == ["--nodes=1", "--ntasks=1", "--gres=gpu:1", "--exclude=n1,n2"]
    (tmp_path / "nodes").write_text("n8\nn9\n")
    own = ["--exclude=n[6-7]", "--nice=10", "-xn5", f"--exclude={tmp_path}/nodes"]
    asked = request(arguments=own)
    assert asked.options(("n1",))[3:] == ["--nice=10", "--exclude=n[6-7],n5,n8,n9,n1"]
    assert asked.options()[3:] == own


def test_the_node_of_a_failed_process_is_in_sruns_words() -> None:
    assert node_in("srun: job 7 queued\nsrun: error: n12: task 0: Exited with exit code 1\n") == "n12"
    assert node_in("srun: error: Task launch for StepId=5.0 failed on node gpu-3: Invalid node name\n") == "gpu-3"
    assert node_in("srun: error: Unable to allocate resources: Invalid account\n") == ""


def test_no_more_slots_than_processes() -> None:
    assert (request(slots=8, at_least=4, at_most=2).slots, request(slots=8, at_least=4, at_most=2).at_least) == (2, 2)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"slots": 0}, "slots=0: a number of jobs, 1 or more"),
        ({"slots": 2, "at_least": 3}, "at_least=3: a number of jobs from 1 to"),
        ({"cpus": 0}, "cpus=0: CPU cores per slot"),
        ({"gpus": "two"}, "gpus=two: a number, or TYPE:NUMBER"),
        ({"memory": "32 GB"}, "memory=32 GB: memory per slot as in 32G"),
        ({"time": "soon"}, "time=soon: minutes, H:MM:SS or D-H:MM:SS"),
        ({"time": "2"}, "time=2: more than hydra.launcher.notice_seconds=90"),
        ({"notice_seconds": -1}, "notice_seconds=-1: seconds from 0 to 65535"),
        ({"arguments": ["--ntasks=2"]}, "one process on one node"),
        ({"arguments": ["exclusive"]}, "options of srun, in quotes"),
    ],
)
def test_what_is_no_request_is_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        request(**settings)
    assert sentence in str(refused.value) and str(refused.value).startswith("hydra.launcher.")


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ConfigError, match=r"(?s)slots=0.*cpus=-1"):
        request(slots=0, cpus=-1)


@pytest.mark.parametrize(
    ("limit", "seconds"), [("90", 5400), ("90:30", 5430), ("4:00:00", 14400), ("1-12", 129600), ("1-12:30:05", 131405)]
)
def test_slurms_notation_of_time(limit: str, seconds: int) -> None:
    assert seconds_of(limit) == seconds


@pytest.mark.parametrize(
    ("printed", "words"),  # as Slurm 22.05 printed them
    [
        ("srun: error: invalid partition specified: nope\nallocation failure: Invalid partition name specified\n",
         "Invalid partition name specified"),
        ("srun: error: Invalid generic resource (gres) specification\nallocation failure: No error\n",
         "Invalid generic resource (gres) specification"),
        ("srun: unrecognized option '--bad=bad'\nTry \"srun --help\" for more information\n",
         "unrecognized option '--bad=bad'"),
        ("No module named 'torch'\nsrun: error: n1: task 0: Exited with exit code 1\n", "n1: No module named 'torch'"),
        ("", ""),
    ],
)  # fmt: skip
def test_slurms_words_without_its_names(printed: str, words: str) -> None:
    assert engines_words(printed) == words


def test_a_job_around_this_process_is_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    of_job = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "3", "SRUN_DEBUG": "3", "PMI_RANK": "0"}
    kept = {"SLURM_CONF": "/etc/slurm.conf", "HOME": "/home/me"}
    assert without_slurm({**of_job, **kept}) == kept
    monkeypatch.setenv("SLURM_PARTITION", "mine")
    assert client_environment()["SLURM_PARTITION"] == "mine", "a person's own default"
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert "SLURM_PARTITION" not in client_environment()


def test_without_slurm_the_next_step_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match=r"srun, which is not on this machine's PATH.*login node"):
        refuse_ungrantable(request())
