"""The wheel, installed into an empty environment, from folders that know nothing of the checkout.

Run by `.ci/run` (`-m wheel`); it needs a package registry, and about three minutes.
"""

import doctest
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.wheel, pytest.mark.timeout(900)]

OURS = "# @package _global_\n# Three steps.\ndefaults:\n  - quickstart\ntraining:\n  max_steps: 3\n"
OUTSIDE = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


def run(*command: str | Path, folder: Path, code: int = 0) -> str:
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=OUTSIDE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == code, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run("uv", "build", "--out-dir", folder, ROOT, folder=folder)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its `bin` folder."""
    folder = tmp_path_factory.mktemp("environment") / "env"
    run("uv", "venv", "--python", sys.executable, folder, folder=folder.parent)
    tools = ["pytest"]  # which Hydra's suites are made for
    run("uv", "pip", "install", "--python", folder / "bin" / "python", wheel, *tools, folder=folder.parent)
    return folder / "bin"


@pytest.fixture(scope="module")
def swept(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """An empty folder after the sweep of four ranks in it, and what the sweep said."""
    folder = tmp_path_factory.mktemp("somewhere")
    words = ("-m", "experiment=quickstart", "lora.r=8,16,32,64", "hydra.sweeper.study_name=ranks", "tracking=none")
    return folder, run(environment / "medqa-sweeps", *words, folder=folder)


def test_names_that_others_use_are_inside_the_package(wheel: Path) -> None:
    listed = run(sys.executable, "-m", "zipfile", "-l", wheel, folder=wheel.parent)
    names = {line.split("/")[0] for line in listed.splitlines()[1:]}
    assert {name for name in names if not name.endswith(".dist-info")} == {"medqa_sweeps", "hydra_plugins"}
    assert "medqa_sweeps/conf/config.yaml" in listed and "medqa_sweeps/analysis/page/page.css" in listed
    for name in ("sample/passages.jsonl", "tiny_gemma3_reader/model.safetensors", "tiny_gemma3_reader/tokenizer.json"):
        assert f"medqa_sweeps/assets/{name}" in listed


def test_a_sweep_of_four_ranks_and_its_page(swept: tuple[Path, str], environment: Path) -> None:
    folder, said = swept
    accuracies = [json.loads((folder / f"multirun/ranks/{n}/result.json").read_text())["score"] for n in range(4)]
    assert [round(score["accuracy"], 4) for score in accuracies] == [0.6225, 0.5575, 0.505, 0.3925]
    assert (folder / "multirun/ranks/report/index.html").exists() and "multirun/ranks/report/index.html" in said
    shown = run(environment / "medqa-sweeps", "report", "multirun/ranks", "--no-page", folder=folder)
    assert "r=8 has the highest validation accuracy" in " ".join(shown.split())
    assert "medqa-sweeps reproduce multirun/ranks/0" in shown and "uv run" not in said + shown


def test_the_example_of_the_documentation_runs_on_this_study(
    swept: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(swept[0])
    example = str(ROOT / "docs" / "notebook.md")
    found = doctest.testfile(example, module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted > 8 and not found.failed


def test_a_trial_records_the_wheel_and_is_reproduced(swept: tuple[Path, str], environment: Path) -> None:
    folder, _ = swept
    record = json.loads((folder / "multirun/ranks/0/provenance.json").read_text())
    assert record["code"]["version"] and record["code"]["files"] and record["code"]["commit"] is None
    assert record["command"].startswith("medqa-sweeps -m experiment=quickstart")
    assert "Bit-identical" in run(environment / "medqa-sweeps", "reproduce", "multirun/ranks/0", folder=folder)


def test_a_folder_of_a_users_own_configs(swept: tuple[Path, str], environment: Path) -> None:
    folder, _ = swept
    (folder / "conf" / "experiment").mkdir(parents=True)
    (folder / "conf" / "experiment" / "ours.yaml").write_text(OURS)
    words = ("experiment=ours", "split.max_validation=20", "tracking=none")
    sweep = ("-m", *words, "lora.r=2,4", "hydra.sweeper.study_name=ours")
    assert "2 completed" in run(environment / "medqa-sweeps", "--config-dir", "conf", *sweep, folder=folder)
    assert json.loads((folder / "multirun/ours/0/result.json").read_text())["steps"] == 3
    assert "2 of 2 done" in run(environment / "medqa-sweeps", "status", "multirun/ours", folder=folder)
    assert "3 of 3" in run(environment / "medqa-sweeps", "add", "multirun/ours", "lora.r=8", folder=folder) + run(
        environment / "medqa-sweeps", "resume", "multirun/ours", folder=folder
    ) + run(environment / "medqa-sweeps", "status", "multirun/ours", folder=folder)


def test_any_hydra_program_finds_sweeper_and_launchers(environment: Path, tmp_path: Path) -> None:
    """Hydra's own suites, from a folder outside the checkout."""
    shutil.copy(ROOT / "tests" / "contracts" / "test_hydra_launchers.py", tmp_path)
    here = ["-k", "not OnACluster and not OnRay"]  # which the checkout's tests start
    said = run(environment / "python", "-m", "pytest", "-q", "-x", *here, "test_hydra_launchers.py", folder=tmp_path)
    assert " passed" in said and "skipped" not in said


def test_doctor_names_versions_that_were_not_tried(environment: Path, tmp_path: Path) -> None:
    said = run(environment / "medqa-sweeps", "doctor", folder=tmp_path)
    (line,) = (line for line in said.splitlines() if line.startswith("Packages"))
    assert "torch" in line or "instead of" in line
    assert "uv run" not in said and "uv sync" not in said


def test_the_shell_completes_groups(environment: Path, tmp_path: Path) -> None:
    typed = "medqa-sweeps model=gemma3_1"
    query = {**OUTSIDE, "COMP_LINE": typed, "COMP_POINT": str(len(typed))}
    done = subprocess.run(
        [environment / "medqa-sweeps", "-sc", "query=bash"], cwd=tmp_path, env=query, capture_output=True, text=True
    )
    assert set(done.stdout.split()) == {"model=gemma3_1b", "model=gemma3_1b_pretrained"}
