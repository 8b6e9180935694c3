"""What is refused leaves everything as it was: nothing is written before everything is checked. The training is
`stand_in.py`; Hydra, processes and folders are real."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.jobs.final_test import final_test
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.sweep.steering import ask_to_stop
from tests.sweep.test_faults import PROGRAM, ROOT, WORDS

Launch = Callable[..., "subprocess.CompletedProcess[str]"]


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes and time of change of every file; without the files that are only there to be locked."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".claim")
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


@pytest.fixture(scope="module")
def launch(tmp_path_factory: pytest.TempPathFactory) -> Launch:
    """Runs the program in a folder of its own."""
    folder = tmp_path_factory.mktemp("refused")
    data = []
    for part in ("train", "validation"):
        lines = resolve_bundled(f"bundled:sample/{part}.jsonl").read_text().splitlines(keepends=True)
        (folder / f"{part}.jsonl").write_text("".join(lines[:32]))
        data.append(f"data.{part}={part}.jsonl")

    def run(*words: str, code: int = 1, module: str = "") -> "subprocess.CompletedProcess[str]":
        options = [word for word in words if word == "-m"]
        own = [str(PROGRAM), *options, *WORDS, "training.max_steps=2", "hydra.launcher.devices=cpu", *data]
        program = [*(["-m", module] if module else own), *words[len(options) :]]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, *program], cwd=folder, env=environment, capture_output=True, text=True, timeout=100
        )
        assert done.returncode == code and "Traceback" not in done.stderr, done.stdout + done.stderr
        return done

    run("hydra.run.dir=run", "lora.r=4", "data.name=mine", code=0)
    run("-m", "hydra.sweep.dir=study", "lora.r=2,4", code=0)
    return run


@pytest.fixture(scope="module")
def folder(launch: Launch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds `run`, a finished single run, and `study`, a finished study."""
    found: Path = next(tmp_path_factory.getbasetemp().glob("refused*"))
    return found


def test_hydras_files_are_written_when_the_trial_is(folder: Path) -> None:
    hydra = folder / "run" / ".hydra"
    assert {"lora.r=4", "data.name=mine"} <= set(yaml.safe_load((hydra / "overrides.yaml").read_text()))
    assert yaml.safe_load((hydra / "config.yaml").read_text())["lora"]["r"] == 4
    assert yaml.safe_load((hydra / "hydra.yaml").read_text())["hydra"]["launcher"]["devices"] == "cpu"


@pytest.mark.parametrize("place", ["run", "study/0", "study"])
def test_a_single_run_leaves_a_folder_that_is_not_its_own(place: str, launch: Launch, folder: Path) -> None:
    before = content(folder)
    said = launch(f"hydra.run.dir={place}", "lora.r=8")
    assert ("contains a study" if place == "study" else "contains a finished trial") in said.stderr
    assert "Questions" not in said.stdout, "nothing was announced either"
    assert content(folder) == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["hydra.sweep.dir=study", "lora.r=2,4,8"], "differs from the requested one"),
        (["hydra.sweep.dir=study", "lora.r=2,4", "hydra.launcher.devices=[7]"], "GPU 7 does not exist"),
        (["hydra.sweep.dir=study", "lora.r=2,4", "hydra.launcher.slots_per_device=0"], "slots_per_device=0"),
        (["hydra.sweep.dir=study", "lora.r=2,4", "hydra.sweeper.metric=gold_log_probability"], "objective"),
        (["hydra.sweep.dir=run", "lora.r=2,4"], "holds a single run"),
        (["hydra.sweep.dir=new", "lora.r=2,4", "hydra.launcher.devices=[7]"], "GPU 7 does not exist"),
        (["hydra.sweep.dir=new", "lora.r=0,4"], "lora.r=0"),
    ],
)
def test_a_sweep_that_is_refused_leaves_all_as_it_was(
    words: list[str], told: str, launch: Launch, folder: Path
) -> None:
    before = content(folder)
    assert told in launch("-m", *words).stderr
    assert content(folder) == before and not (folder / "new").exists()


def test_a_confirmation_of_changed_questions_leaves_no_folder(launch: Launch, folder: Path) -> None:
    train = folder / "train.jsonl"
    text = train.read_text()
    before = content(folder)
    train.write_text("".join(text.splitlines(keepends=True)[1:]))
    said = launch("confirm", "study", "--top", "1", "--seeds", "1", module="medqa_sweeps")
    assert "questions: different content" in said.stderr and "changed since the trial was submitted" in said.stderr
    assert not (folder / "study-confirm").exists()
    train.write_text(text)
    assert content(folder).keys() == before.keys()


class Refusing:
    """A pool whose child refuses in a sentence."""

    free = 1

    def start(self, module: str, arguments: list[str], environment: dict[str, str], log: Path) -> None:
        log.write_text("It cannot be.\n")

    def wait(self, timeout: float) -> list["Refusing"]:
        return [self]

    code, cause = 65, ""


def test_a_test_that_is_refused_leaves_the_log_of_the_one_before(folder: Path) -> None:
    (folder / "study" / "final.log").write_text("of a test that was scored")
    before = content(folder)
    with pytest.raises(ConfigError, match="It cannot be"):
        final_test(StudyDir(folder / "study"), 0, None, Refusing())  # type: ignore[arg-type]
    assert content(folder) == before


def test_what_does_not_run_cannot_be_stopped(folder: Path) -> None:
    before = content(folder)
    for number in (None, 0):
        with pytest.raises(ConfigError, match=r"Nothing runs in .*study, so there is nothing to stop"):
            ask_to_stop(StudyDir(folder / "study"), number)
    assert content(folder) == before


def test_an_interrupted_run_keeps_the_words_that_it_began_with(launch: Launch, folder: Path) -> None:
    trial = folder / "run"
    before = content(trial / ".hydra")
    result = (trial / "result.json").read_text()
    (trial / "result.json").unlink()
    launch("hydra.run.dir=run", "data.name=mine", "lora.r=4", "hydra.launcher.slots_per_device=1", code=0)
    assert content(trial / ".hydra") == before, "it went on with the trial as it was submitted"
    assert json.loads((trial / "result.json").read_text())["adapter_sha256"] == json.loads(result)["adapter_sha256"]
