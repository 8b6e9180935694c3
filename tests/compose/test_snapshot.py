"""A study's trials are composed of the config files as they were when it began, whatever becomes of those since.

Files, Hydra and programs are real; the training is `stand_in.py`.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import initialize_config_dir
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from medqa_sweeps.compose import snapshot as conf_snapshot
from medqa_sweeps.compose.composer import Composer
from medqa_sweeps.compose.snapshot import composed_again, is_option, kept, loader_of, options_of, taken
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.sweep.announce import about_conf
from tests.conftest import ROOT
from tests.sweep.test_faults import Program, results, steps
from tests.sweep.test_storage import Plain, until

FILES = {
    "config.yaml": "defaults: [_self_, base: small]\nrank: 8\nrate: 0.1\n",
    "base/small.yaml": "size: 1\n",
    "base/large.yaml": "size: 9\n",
    "base/deep/er.yaml": "# @package base\nsize: 99\n",
    "base/notes.txt": "no config\n",
}


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / "conf" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "conf" / name).write_text(text)
    return tmp_path / "conf"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    (tmp_path / "study").mkdir()
    return tmp_path / "study"


def master(conf: Path, *words: str) -> DictConfig:
    """What Hydra composes without the swept values."""
    with initialize_config_dir(str(conf), version_base="1.3"):
        return GlobalHydra.instance().config_loader().load_configuration("config", list(words), RunMode.MULTIRUN)


def begun(conf: Path, study: Path, *words: str) -> DictConfig:
    """The same, and its files are kept."""
    config = master(conf, *words)
    taken(config.hydra.runtime.config_sources).write(study)
    return config


def test_trials_are_composed_of_the_files_as_they_were(conf: Path, study: Path) -> None:
    config = begun(conf, study)
    composer = Composer(loader_of(study), config)
    for name in FILES:
        (conf / name).write_text("rank: [broken\n")
    shutil.rmtree(conf / "base")
    assert [composer.compose([f"base={base}"], 0).base.size for base in ("large", "small", "deep/er")] == [9, 1, 99]
    again = composed_again(study, config)
    assert (again.rank, again.rate, again.base) == (8, 0.1, {"size": 1})
    assert composer.loader.get_group_options("base") == ["large", "small"]


def test_what_was_edited_is_named(conf: Path, study: Path) -> None:
    begun(conf, study)
    found = kept(study)
    assert found is not None and found.edited() == []
    (conf / "base" / "large.yaml").write_text("size: 10\n")
    (conf / "base" / "new.yaml").write_text("size: 11\n")
    (conf / "base" / "small.yaml").unlink()
    (conf / "base" / "notes.txt").write_text("still no config\n")
    assert found.edited() == [str(conf / "base" / name) for name in ("large.yaml", "new.yaml", "small.yaml")]
    (line,) = about_conf(found, StudyDir(study), begins=False)
    assert "as it was when this study began" in line and "large.yaml" in line and "have changed since" in line
    shutil.rmtree(conf)
    assert found.edited() == [], "a study that moved to another machine"


def test_words_are_composed_again_as_they_were_typed(conf: Path, study: Path) -> None:
    config = begun(conf, study, "rank=9", "+more=${rate}", "base=large,small", "hydra.sweep.dir=x")
    (conf / "config.yaml").write_text("rank: 1\n")
    again = composed_again(study, config)
    assert (again.rank, again.more, again.hydra.sweep.dir) == (9, 0.1, "x")
    assert again.hydra.overrides == config.hydra.overrides


def test_results_hidden_folders_and_links_in_circles_are_no_config(conf: Path, study: Path) -> None:
    """As where a program's configs lie beside it, and its results as well."""
    for name in ("outputs/run/.hydra/config.yaml", "multirun/x/0/config.yaml", ".venv/a.yaml"):
        (conf / name).parent.mkdir(parents=True)
        (conf / name).write_text("a: 1\n")
    (conf / "multirun" / "x" / "multirun.yaml").write_text("a: 1\n")
    (conf / "base" / "circle").symlink_to(conf)
    (conf / "base" / "nowhere.yaml").symlink_to(conf / "nowhere")
    (study.parent / "elsewhere").mkdir()
    (study.parent / "elsewhere" / "linked.yaml").write_text("size: 2\n")
    (conf / "links").symlink_to(study.parent / "elsewhere")
    begun(conf, study)
    files = sorted(str(file.relative_to(study / ".conf")) for file in (study / ".conf").rglob("*.yaml"))
    names = ["config.yaml", "base/small.yaml", "base/large.yaml", "base/deep/er.yaml", "links/linked.yaml"]
    assert files == sorted(["sources.yaml", *(f"1/{name}" for name in names)])


def test_a_folder_of_more_than_configs_is_left_and_said(
    conf: Path, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conf_snapshot, "_MOST_FILES", 3)
    config = begun(conf, study)
    composer = Composer(loader_of(study), config)
    found = kept(study)
    assert found is not None and composer.compose(["base=large"], 0).base.size == 9
    assert not (study / ".conf" / "1").exists() and options_of(study) == []
    (line,) = about_conf(found, StudyDir(study), begins=True)
    assert f"{conf} holds more than config files" in line or "conf holds more than config files" in line


def test_the_files_of_a_package_are_kept_and_those_of_hydra_are_not(
    conf: Path, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that is run with `python -m` finds its configs in its package."""
    for folder in (conf, conf / "base"):
        (folder / "__init__.py").touch()
    conf.rename(conf.with_name("conf_of_a_package"))
    monkeypatch.syspath_prepend(conf.parent)
    sources = [("hydra", "hydra.conf"), ("main", "conf_of_a_package"), ("command-line", "conf_of_a_package.base")]
    taken(OmegaConf.create([{"provider": name, "schema": "pkg", "path": path} for name, path in sources])).write(study)
    assert [one.name for one in sorted((study / ".conf").iterdir())] == ["1", "2", "sources.yaml"]
    assert options_of(study) == [f"--config-path={study}/.conf/1", f"--config-dir={study}/.conf/2"]
    assert all(map(is_option, options_of(study))) and not is_option("--config-dir=/somewhere/1")
    parsed = get_args_parser().parse_args([*options_of(study), "-m", "rank=1"])
    assert (parsed.config_path, parsed.config_dir) == (f"{study}/.conf/1", f"{study}/.conf/2")


def test_a_study_that_confirms_another_keeps_the_files_of_the_first(conf: Path, study: Path) -> None:
    begun(conf, study)
    (conf / "base" / "large.yaml").write_text("size: 10\n")
    (study.parent / "confirming").mkdir()
    begun(study / ".conf" / "1", study.parent / "confirming")
    first, second = kept(study), kept(study.parent / "confirming")
    assert first is not None and second is not None
    assert first.sources[1] == second.sources[1]
    assert second.edited() == [str(conf / "base" / "large.yaml")]


def test_files_are_replaced_whole(conf: Path, study: Path) -> None:
    begun(conf, study)
    (conf / "base" / "small.yaml").unlink()
    begun(conf, study, "base=large")
    assert not (study / ".conf" / "1" / "base" / "small.yaml").exists()
    assert [path.name for path in study.iterdir()] == [".conf"]


def medqa_sweeps(*words: str, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "medqa_sweeps", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.variant
def test_what_is_edited_under_a_sweep_or_before_it_goes_on_changes_no_trial(tmp_path: Path) -> None:
    """A group that is swept, the primary config, which no program could read any more, and the code."""
    conf, code, folder = tmp_path / "conf", tmp_path / "project", tmp_path / "study"
    shutil.copytree(ROOT / "conf", conf)
    (code / "medqa_sweeps").mkdir(parents=True)
    (code / "medqa_sweeps" / "training.py").write_text("# as it was\n")
    variables = {"CONF": str(conf), "CODE": str(code)}
    words = ("seed=0,1", "lora=attention,all_linear", "hydra.launcher.slots_per_device=1", "training.max_steps=40")
    program = Program(folder, *words, **variables)
    program.until(lambda: steps(folder) > 5)
    for option in ("attention", "all_linear"):
        file = conf / "lora" / f"{option}.yaml"
        file.write_text(file.read_text().replace("dropout: 0.0", "dropout: 0.3"))
    (code / "medqa_sweeps" / "training.py").write_text("# as it is now\n")
    program.until(lambda: (folder / "2" / "config.yaml").exists())
    program.process.send_signal(signal.SIGINT)
    assert program.ended() == 130, program.said()
    noticed = "medqa_sweeps/training.py changed since this sweep began: trials that start from now on may run the new"
    assert program.said().count(noticed) == 1
    assert edited_code_of(folder) == [
        None,
        ["medqa_sweeps/training.py"],
        ["medqa_sweeps/training.py"],
    ]

    (conf / "config.yaml").write_text("defaults: [nothing\n")
    assert "Added" in medqa_sweeps("add", str(folder), "lora=attention", "seed=9", **variables)
    said = medqa_sweeps("resume", str(folder), **variables)
    assert "Config     as it was when this study began" in said and "conf/config.yaml" in said
    assert "Code       medqa_sweeps/training.py changed since trial 2 began" in said
    assert len(results(folder)) == 5 and set(dropouts(folder)) == {0.0}
    confirmed = medqa_sweeps("confirm", str(folder), "--top", "1", "--seeds", "1", **variables)
    assert "Confirms" in confirmed and dropouts(tmp_path / "study-confirm") == [0.0]
    command: Sequence[str] = StudyDir(folder).definition()["command"]
    assert not any(map(is_option, command)), "words of its own are no words of a person"


def dropouts(folder: Path) -> list[Any]:
    return [yaml.safe_load(file.read_text())["lora"]["dropout"] for file in folder.glob("*/config.yaml")]


def edited_code_of(folder: Path) -> list[Any]:
    files = sorted(folder.glob("*/provenance.json"))
    return [yaml.safe_load(file.read_text()).get("edited_code") for file in files]


@pytest.mark.variant
def test_another_programs_sweep_is_composed_of_its_files_as_they_were(tmp_path: Path) -> None:
    """Resumed by the same words; `allow_changes` takes the files of now, and so does another sweeper's next sweep."""
    plain = Plain(tmp_path / "plain")
    (plain.folder / "conf" / "size").mkdir()
    for name in ("small", "large"):
        (plain.folder / "conf" / "size" / f"{name}.yaml").write_text("# @package _global_\nx: 1.0\n")
    words = "+size=small,large,small,large kind=a,b seconds=0.3 hydra.launcher.slots_per_device=1"
    process = plain.start(words)
    until(lambda: list(plain.study.glob("*/told.json")))
    (plain.folder / "conf" / "size" / "large.yaml").write_text("# @package _global_\nx: 5.0\n")
    (plain.folder / "conf" / "config.yaml").write_text(
        (plain.folder / "conf" / "config.yaml").read_text().replace("kind: none", "kind: edited")
    )
    process.kill()
    process.communicate()
    code, said = plain.run(words)
    assert code == 0 and "conf/config.yaml and conf/size/large.yaml have changed since" in said, said
    assert [trial.values for trial in plain.optuna().trials] == [[1.0, 1.0]] * 4
    code, said = plain.run(f"{words.replace('kind=a,b', 'kind=a,b,c')} hydra.sweeper.allow_changes=true")
    assert code == 0 and "as it was" not in said, said
    assert {trial.params["+size"]: trial.values[0] for trial in plain.optuna().trials[4:]} == {"small": 1, "large": 25}


def test_a_batch_of_another_sweeper_is_composed_of_its_files_as_they_were(tmp_path: Path) -> None:
    plain = Plain(tmp_path / "plain")
    config = plain.folder / "conf" / "config.yaml"
    config.write_text(config.read_text().replace("async_optuna", "basic").replace("  sweeper:", "  env:"))
    (plain.folder / "conf" / "size").mkdir()
    for name in ("small", "large"):
        (plain.folder / "conf" / "size" / f"{name}.yaml").write_text("# @package _global_\nx: 1.0\n")
    process = plain.start("+size=small,large seconds=0.5 hydra.launcher.slots_per_device=1")
    until(lambda: list(plain.study.glob("0/.hydra")) or process.poll() is not None)
    (plain.folder / "conf" / "size" / "large.yaml").write_text("# @package _global_\nx: 5.0\n")
    said, _ = process.communicate(timeout=100)
    assert process.returncode == 0, said
    composed = yaml.safe_load((plain.study / "1" / ".hydra" / "config.yaml").read_text())
    assert composed["x"] == 1.0
