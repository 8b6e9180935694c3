"""`doctor --cluster` on a virtual Slurm cluster, whose GPUs do not exist."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.clusters.virtual_slurm import VirtualSlurm
from tests.conftest import ROOT

pytestmark = pytest.mark.slurm


def doctor(folder: Path, *settings: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "medqa_sweeps", "doctor", "--cluster", "hydra/launcher=slurm", *settings]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_two_nodes_are_tried_and_nothing_is_left(slurm_cluster: VirtualSlurm, tmp_path: Path) -> None:
    said, _ = (ran := doctor(tmp_path, "hydra.launcher.gpus=0")).communicate(timeout=120)
    assert ran.returncode == 0, said
    states = dict(re.findall(r"^(\w+) +(ok|note|problem) ", said, re.MULTILINE))
    assert {
        name: states[name] for name in ("Slots", "Files", "Locks", "Clock", "Versions", "Summary")
    } == dict.fromkeys(("Slots", "Files", "Locks", "Clock", "Versions", "Summary"), "ok")
    assert re.search(r"^Slots +ok +n1 CPU, job \d+ and n2 CPU, job \d+\.$", said, re.MULTILINE)
    assert not list((tmp_path / "multirun").iterdir())
    slurm_cluster.nothing_left(10)


def test_a_granted_gpu_that_is_not_seen_is_a_problem(slurm_cluster: VirtualSlurm, tmp_path: Path) -> None:
    said, _ = (ran := doctor(tmp_path, "hydra.launcher.gpus=1")).communicate(timeout=120)
    assert ran.returncode == 1 and "n1 and n2: GPU 0 was granted, and none is seen there" in said
    slurm_cluster.nothing_left(10)


def test_ctrl_c_while_it_waits_leaves_no_request(slurm_cluster: VirtualSlurm, tmp_path: Path) -> None:
    holder = subprocess.Popen(["srun", "-N3", "-n3", "--exclusive", "sleep", "600"], stderr=subprocess.DEVNULL)
    try:
        while not slurm_cluster.jobs():
            time.sleep(0.05)
        waiting = doctor(tmp_path, "hydra.launcher.gpus=0")
        while len(slurm_cluster.jobs()) < 2:
            time.sleep(0.05)
            assert waiting.poll() is None
        waiting.send_signal(signal.SIGINT)
        said, _ = waiting.communicate(timeout=30)
        assert waiting.returncode in (130, -signal.SIGINT) and "Traceback" not in said, said
        assert len(slurm_cluster.jobs()) == 1 and not list((tmp_path / "multirun").iterdir())
    finally:
        holder.terminate()
        holder.wait()
    slurm_cluster.nothing_left(10)
