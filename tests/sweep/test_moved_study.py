"""A study's folder is a thing: renamed, moved with or without its program, opened through a link, it resumes, confirms
and reports. Processes, folders and Optuna's journal are real; the training is `stand_in.py`."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import psutil
import pytest
import yaml
from optuna.storages.journal import JournalFileBackend, JournalStorage

from medqa_sweeps.__main__ import main
from medqa_sweeps.analysis.comparing.confirmation_result import read_confirmed
from medqa_sweeps.analysis.reading.studies import read_trial
from medqa_sweeps.analysis.reading.trial_state import State
from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.study import ledger
from medqa_sweeps.study.confirmation import ChosenConfig, Confirmation, confirmation_beside, write_confirmation
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.study.selection import selected_trial
from medqa_sweeps.study_identity import group_of, identity_of, path_after_move
from medqa_sweeps.sweep.journal import journal_of, stored_name
from medqa_sweeps.sweep.study_program import program_of
from medqa_sweeps.tracking import tracker as tracking
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import AttemptLine, Outcome, Result, Score
from tests.analysis.trial_folders import submit
from tests.study.test_ledger import SCORED
from tests.sweep.test_faults import PROGRAM, ROOT, WORDS, steps

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A program, its data and its results, as somebody keeps them in one folder."""
    made = tmp_path / "here"
    (made / "data").mkdir(parents=True)
    for part in ("train", "validation"):
        lines = resolve_bundled(f"bundled:sample/{part}.jsonl").read_text().splitlines(keepends=True)
        (made / "data" / f"{part}.jsonl").write_text("".join(lines[:32]))
    (made / "prog.py").write_text(f"import runpy\nrunpy.run_path({str(PROGRAM)!r}, run_name='__main__')\n")
    return made


def interrupted(tree: Path, *words: str) -> Path:
    """The study `multirun/first` of four trials, whose data are named by an absolute and by a relative path."""
    data = (f"data.train={tree}/data/train.jsonl", "data.validation=[data/validation.jsonl]", "split=official")
    words = ("-m", *WORDS, *data, "lora.r=2,4,8,16", "training.max_steps=25", "hydra.sweep.dir=multirun/first", *words)
    with open(tree / "log", "w") as log:
        process = psutil.Popen([sys.executable, "prog.py", *words], cwd=tree, env=ENVIRONMENT, stdout=log, stderr=log)
    study = tree / "multirun" / "first"
    while steps(study) < 5:
        assert process.poll() is None, (tree / "log").read_text()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130, (tree / "log").read_text()
    return study


def medqa_sweeps(*words: str, folder: Path = ROOT, module: str = "medqa_sweeps") -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def told(folder: Path) -> list[optuna.trial.FrozenTrial]:
    """The trials of the only study in the folder's journal."""
    storage = JournalStorage(JournalFileBackend(str(folder / "study.journal")))
    (name,) = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=name, storage=storage).trials


@pytest.mark.variant
def test_a_study_that_moved_with_everything_under_another_name_goes_on_through_a_link(tree: Path) -> None:
    begun = interrupted(tree)
    before = {path.parent.name: path.read_text() for path in begun.glob("*/config.yaml")}
    there = tree.with_name("there")
    tree.rename(there)
    renamed = there / "multirun" / "second"
    (there / "multirun" / "first").rename(renamed)
    link = there / "link"
    link.symlink_to(renamed)
    assert "not finished" in medqa_sweeps("status", str(link))
    assert "Added" in medqa_sweeps("add", str(link), "lora.r=32")
    said = medqa_sweeps("resume", str(link))
    assert "Resuming" in said and "Traceback" not in said
    trials = told(renamed)
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 5, "no trial was begun anew"
    for number, config in before.items():
        assert (renamed / number / "config.yaml").read_text() == config
        result = json.loads((renamed / number / "result.json").read_text())
        assert result["outcome"] == "completed" and trials[int(number)].value == result["score"]["accuracy"]
    assert not tree.exists()

    alone = there.with_name("alone")  # a copy of the folder, whose program and data stay where they are
    shutil.copytree(renamed, alone)
    assert "Confirms" in medqa_sweeps("confirm", str(alone), "--top", "1", "--seeds", "1")
    assert [trial.state.name for trial in told(alone.with_name("alone-confirm"))] == ["COMPLETE"]
    settings = [read_trial(TrialDir(renamed / str(number))).settings for number in (0, 4)]
    assert settings[0]["data.train"] == settings[1]["data.train"] == f"{there}/data/train.jsonl", "no two configs"
    assert settings[0]["data.validation"] == settings[1]["data.validation"] == [f"{there}/data/validation.jsonl"]
    page = medqa_sweeps(str(alone), module="analysis")
    assert "has the highest validation accuracy" in " ".join(page.split()) and "report/index.html" in page


@pytest.fixture
def defined(tmp_path: Path) -> Callable[..., StudyDir]:
    """A folder with a `study.yaml`."""

    def define(name: str, **more: Any) -> StudyDir:
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        record = {"trials": 1, "command": ["prog.py", "-m", "lora.r=2,4"], "directory": str(tmp_path), **more}
        (folder / "study.yaml").write_text(yaml.safe_dump(record))
        return StudyDir(folder)

    return define


def test_the_program_is_where_it_stood_to_the_study_else_where_it_was_else_this_project(
    defined: Callable[..., StudyDir], tmp_path: Path
) -> None:
    origin = {"directory": "/gone/project", "places": ["/gone/project/multirun/first"]}
    study = defined("copy/multirun/renamed", **origin)
    with pytest.raises(ConfigError, match=r"/gone/project/prog\.py, which swept this study, is not there any more"):
        program_of(study)
    (tmp_path / "copy" / "prog.py").touch()
    found = program_of(study)
    assert (found.file, found.directory) == (tmp_path / "copy" / "prog.py", tmp_path / "copy")
    (tmp_path / "prog.py").touch()
    apart = program_of(defined("quite/else/where/renamed", **{**origin, "directory": str(tmp_path)}))
    assert (apart.file, apart.directory) == (tmp_path / "prog.py", tmp_path)
    own = program_of(defined("quite/else/where/renamed", **origin, project_file="launch.py"))
    assert (own.file, own.directory) == (ROOT / "launch.py", Path.cwd())


@pytest.mark.parametrize(
    ("word", "now"),
    [
        ("data.train=/gone/project/a.jsonl", "data.train={}/a.jsonl"),
        ("data.train='/gone/project/a b.jsonl'", "data.train='{}/a b.jsonl'"),
        ("data.train=/gone/project/*.jsonl", "data.train={}/*.jsonl"),
        ("x=[/gone/project/a.jsonl,/nowhere/b]", "x=[{}/a.jsonl,/nowhere/b]"),
        ("hydra.sweeper.storage=sqlite:////gone/project/a.jsonl", "hydra.sweeper.storage=sqlite:///{}/a.jsonl"),
        ("hydra/sweeper=async_optuna", "hydra/sweeper=async_optuna"),
        ("data.train=bundled:sample/train.jsonl", "data.train=bundled:sample/train.jsonl"),
    ],
)
def test_paths_in_its_words_are_found_again(
    word: str, now: str, defined: Callable[..., StudyDir], tmp_path: Path
) -> None:
    for name in ("prog.py", "a.jsonl", "a b.jsonl"):
        (tmp_path / name).touch()
    origin = {"command": ["prog.py", word], "directory": "/gone/project", "places": ["/gone/project/multirun/first"]}
    assert program_of(defined("multirun/renamed", **origin)).arguments == (now.format(tmp_path),)


def test_what_is_still_where_it_was_stays(tmp_path: Path) -> None:
    for name in ("then/data", "now/data"):
        (tmp_path / name).mkdir(parents=True)
    places = [tmp_path / "then" / "study"]
    assert path_after_move(f"{tmp_path}/then/data", places, tmp_path / "now" / "study") == f"{tmp_path}/then/data"
    (tmp_path / "then" / "data").rmdir()
    assert path_after_move(f"{tmp_path}/then/data", places, tmp_path / "now" / "study") == f"{tmp_path}/now/data"
    assert path_after_move("/nowhere", places, tmp_path / "now" / "study") == "/nowhere"


def test_a_study_of_an_earlier_version_is_found_under_its_old_name(defined: Callable[..., StudyDir]) -> None:
    study = defined("renamed")
    optuna.create_study(storage=journal_of(study), study_name="first")
    assert stored_name(study) == "first"
    study.define("first", {"space": {}}, {"trials": 1})
    identity = identity_of(study.path)
    assert (identity.name, identity.folders) == ("first", (study.path,)) and identity.id
    moved = StudyDir(study.path.rename(study.path.with_name("moved")))
    moved.define("ignored", {"space": {}}, {"trials": 1})
    assert identity_of(moved.path).to_record() == {
        **identity.to_record(), "places": [str(study.path), str(moved.path)],
    }  # fmt: skip
    assert group_of(moved.path) == "renamed", "all its trials are one group in W&B"


def test_a_path_that_moved_with_the_study_is_no_change(defined: Callable[..., StudyDir], tmp_path: Path) -> None:
    config = {"data": {"train": "/gone/project/a.jsonl", "test": ["bundled:x", "/gone/project/a.jsonl"], "name": "a"}}
    study = defined("multirun/renamed", config=config, places=["/gone/project/multirun/first"])
    now = {
        "config": {"data": {"train": f"{tmp_path}/a.jsonl", "test": ["bundled:x", f"{tmp_path}/a.jsonl"], "name": "a"}}
    }
    changes = study.changes(now)
    assert f"config.data.train: /gone/project/a.jsonl then, {tmp_path}/a.jsonl now" in changes and len(changes) == 2
    (tmp_path / "a.jsonl").touch()
    assert study.changes(now) == []
    now["config"]["data"]["test"] = [f"{tmp_path}/a.jsonl"]
    assert len(study.changes(now)) == 1


def finished(path: Path, accuracy: float) -> TrialDir:
    trial = submit(path)
    trial.finish(Result(Outcome.COMPLETED, "abc", score=Score(100, accuracy, 0.0, 0.0, 1.0)))
    return trial


def test_a_confirmation_is_that_of_its_study_however_the_two_are_called(
    defined: Callable[..., StudyDir], tmp_path: Path
) -> None:
    study, again = defined("study", id="5eed"), defined("study-confirm", id="face")
    for number, accuracy in enumerate([0.5, 0.7]):
        finished(study.path / str(number), accuracy)
    finished(again.path / "0", 0.6)
    record = Confirmation("../study", 2, [1], [ChosenConfig("r=8", [0], 0.7, [0])], study_id="5eed")
    write_confirmation(again.path, record)
    study = StudyDir(study.path.rename(tmp_path / "renamed"))
    defined("study", id="another")  # under the old name
    assert confirmation_beside(study.path) == again.path and confirmation_beside(tmp_path / "study") is None
    assert selected_trial(study) == (0, "r=8, the winner under fresh seeds (study-confirm)")
    again.path.rename(tmp_path / "whatever")
    assert confirmation_beside(study.path) == tmp_path / "whatever"
    assert read_confirmed(tmp_path / "whatever").study == study.path


def test_the_run_in_wandb_stays_with_the_trial(tmp_path: Path) -> None:
    one, two = finished(tmp_path / "study" / "0", 0.5), finished(tmp_path / "other" / "0", 0.5)
    identity = tracking.run_id(one)
    assert identity != tracking.run_id(two)
    (tmp_path / "study").rename(tmp_path / "renamed")
    assert tracking.run_id(TrialDir(tmp_path / "renamed" / "0")) == identity


def test_readings_of_the_same_questions_count_wherever_their_file_was(tmp_path: Path) -> None:
    for name, place in (("study", "/then/test.jsonl"), ("other", "/now/test.jsonl")):
        (tmp_path / name).mkdir()
        ledger.write_request(tmp_path / name, "r1", 0, "c0ffee", None, place)
        ledger.write_scores(tmp_path / name, SCORED)
    (reading,) = ledger.readings(tmp_path / "other")
    assert ledger.readings_beside(tmp_path / "other", reading) == 1


def test_a_trial_that_another_machine_left_long_ago_does_not_run(tmp_path: Path) -> None:
    trial = submit(tmp_path / "0")
    trial.append(AttemptLine(1, 0, 0.0, 1, "elsewhere", "cpu", 8))
    read = read_trial(trial)
    assert read.state is State.INTERRUPTED and read.reason.startswith("no message from elsewhere for ")


@pytest.mark.variant
def test_a_storage_that_knows_none_of_its_trials_is_refused(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its trials would be begun again, under the numbers of others."""
    study = interrupted(tree)
    (study / "study.journal").unlink()
    with pytest.raises(AssertionError, match=r"has folders of trials .*study\.journal does not have"):
        medqa_sweeps("resume", str(study))
    assert main(["status", str(study)]) == 0
