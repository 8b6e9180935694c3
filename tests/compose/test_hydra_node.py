"""What a trial's values, its folder and its process may ask of Hydra's own node, in a single run and in a sweep, and
what is refused. Hydra and processes are real; the training is `stand_in.py`."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.compose.hydra_node import environment_of
from tests.sweep.test_faults import PROGRAM, ROOT, WORDS

ASKS = (
    "data.train=${hydra:runtime.cwd}/train.jsonl",
    "data.name=${hydra:job.name}",
    "tracking.group=${hydra:runtime.output_dir}",
    "tracking.project=trial-${hydra:job.num}",
)
Launch = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    lines = resolve_bundled("bundled:sample/train.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "train.jsonl").write_text("".join(lines[:32]))

    def run(*words: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
        options = [word for word in words if word == "-m"]
        own = (*WORDS, "training.max_steps=2", "hydra.launcher.slots_per_device=1")
        done = subprocess.run(
            [sys.executable, str(PROGRAM), *options, *own, *words[len(options) :]],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=100,
        )  # fmt: skip
        assert done.returncode == code and "Traceback" not in done.stderr, done.stdout + done.stderr
        return done

    return run


def config(trial: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((trial / "config.yaml").read_text()))


def test_a_single_run_knows_where_it_is(launch: Launch, tmp_path: Path) -> None:
    launch("hydra.run.dir=${hydra:runtime.cwd}/here", *ASKS[:-1], "lora.r=2")
    found = config(tmp_path / "here")
    assert found["data"]["train"] == f"{tmp_path}/train.jsonl"
    assert found["data"]["name"] == "launch"
    assert found["tracking"]["group"] == f"{tmp_path}/here"


@pytest.mark.variant
def test_each_trial_of_a_sweep_knows_its_own(launch: Launch, tmp_path: Path) -> None:
    done = launch("-m", "hydra.sweep.dir=${hydra:runtime.cwd}/${hydra:job.name}", *ASKS, "lora.r=2,4")
    assert "launch: 32" in done.stdout, "it is announced with its values"
    for number, rank in enumerate((2, 4)):
        found = config(tmp_path / "launch" / str(number))
        assert found["data"]["train"] == f"{tmp_path}/train.jsonl" and found["lora"]["r"] == rank
        assert (
            found["tracking"] | {"group": f"{tmp_path}/launch/{number}", "project": f"trial-{number}"}
            == (found["tracking"])
        )
        hydra = yaml.safe_load((tmp_path / "launch" / str(number) / ".hydra" / "hydra.yaml").read_text())["hydra"]
        assert hydra["runtime"]["output_dir"] == f"{tmp_path}/launch/{number}" and hydra["job"]["num"] == number


@pytest.mark.parametrize("sweep", [(), ("-m", "lora.r=2,4")], ids=["run", "sweep"])
@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("hydra.job.chdir=true", "relative paths start at the folder you are in"),
        (
            "hydra.output_subdir=null",
            "hydra.output_subdir=null: a trial's overrides and Hydra's settings are always kept",
        ),
        ("hydra.sweep.subdir=${hydra.job.override_dirname}", "the folder of a trial is its number in the study"),
        ("data.name=${hydra:no.such}", "data.name=null: must be text"),
        ("data.name=${hydra.runtime.nothing}", "hydra.runtime.nothing"),
        ("data.name=${data.name}", "Recursive interpolation"),
    ],
)
def test_what_no_trial_obeys_is_refused_at_the_start(
    word: str, told: str, sweep: tuple[str, ...], launch: Launch, tmp_path: Path
) -> None:
    before = sorted(tmp_path.iterdir())
    done = launch(*sweep, word, "hydra.sweep.dir=study", "hydra.run.dir=run", code=1)
    assert told in done.stderr, done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_a_study_folder_that_cannot_be_worked_out_is_refused(launch: Launch, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    done = launch("-m", "hydra.sweep.dir=${nothing}/x", "lora.r=2,4", code=1)
    assert "hydra.sweep.dir cannot be worked out" in done.stderr and sorted(tmp_path.iterdir()) == before


def test_variables_for_a_job_reach_the_trials_process(launch: Launch, tmp_path: Path) -> None:
    """`hydra.job.env_set`, as Hydra sets it; the stand-in says as which GPU's trial it ran."""
    launch("-m", "hydra.sweep.dir=study", "lora.r=2,4", "+hydra.job.env_set.FAULT='1 nan'", code=1)
    results = [json.loads((tmp_path / "study" / str(number) / "result.json").read_text()) for number in range(2)]
    assert [result["failure"] for result in results] == [None, "diverged"]
    assert environment_of(tmp_path / "study" / "1") == {"FAULT": "1 nan"}
    assert environment_of(tmp_path) == {}
