"""Keys of text hold what was typed, wherever Hydra composes: single runs, sweeps, other programs under our sweeper."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig

from medqa_sweeps.compose.composer import Composer, register_schema
from medqa_sweeps.compose.hydra_node import study_folder
from medqa_sweeps.compose.texts import refuse_numbers_for_texts
from medqa_sweeps.config import load, save
from medqa_sweeps.config.saved import from_hydra
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.sweep.space_parsing import parse_search_space
from tests.conftest import ROOT

QUICK = ["experiment=quickstart", "tracking=none"]


@dataclass
class Inner:
    name: str = "x"
    tags: list[str] = field(default_factory=list)
    number: int = 0
    anything: Any = None


@dataclass
class Program:
    """The structured config of some other Hydra program."""

    inner: Inner = field(default_factory=Inner)
    path: Path = Path()


def of_launch(*words: str, mode: RunMode = RunMode.MULTIRUN) -> DictConfig:
    register_schema()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return GlobalHydra.instance().config_loader().load_configuration("config", [*QUICK, *words], mode)


def of_another_program(*words: str) -> DictConfig:
    ConfigStore.instance().store(name="another_program", node=Program)
    with initialize(version_base="1.3", config_path=None):
        return GlobalHydra.instance().config_loader().load_configuration("another_program", [*words], RunMode.MULTIRUN)


def test_hydras_own_keys_of_text() -> None:
    words = ["hydra.sweep.dir=1_1", "hydra.run.dir=1e3", "hydra.job.name=2_0", "+hydra.job.env_set.PORT=1_0"]
    hydra = of_launch(*words).hydra
    assert (hydra.sweep.dir, hydra.run.dir, hydra.job.name) == ("1_1", "1e3", "2_0")
    assert hydra.job.env_set == {"PORT": "1_0"}


@pytest.mark.parametrize("name", ["1_1_1", "1e3", "true", "0.50"])
def test_a_study_has_the_name_that_was_typed(name: str) -> None:
    words = [f"hydra.sweeper.study_name={name}"]
    assert study_folder(of_launch(*words)).name == name
    other = of_another_program("hydra/sweeper=async_optuna", *words)
    assert other.hydra.sweeper.study_name == name


def test_another_program_under_our_sweeper_has_its_texts() -> None:
    words = ["inner.name=1_1", "inner.tags=[1e3,on]", "path=2_2", "inner.number=1_0", "inner.anything=1_0"]
    config = of_another_program("hydra/sweeper=async_optuna", *words)
    assert config.inner == {"name": "1_1", "tags": ["1e3", "on"], "number": 10, "anything": 10}
    assert config.path == Path("2_2")


def test_a_program_that_has_nothing_of_ours_is_composed_as_hydra_does() -> None:
    assert of_another_program("inner.name=1_1").inner.name == "11"


def test_trials_of_a_sweep_have_the_texts_of_their_list() -> None:
    typed = ["1_1", "11", "2_2", "1e3", "true"]
    register_schema()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        words = ["tracking.notes.id=1_1_1", f"tracking.group={','.join(typed)}", "lora.r=1_6"]
        master = loader.load_configuration("config", QUICK, RunMode.MULTIRUN)
        space = parse_search_space(words, {"tracking.project": "2_0,20"}, [], {}, loader, master)
        composer, found = Composer(loader, master), []
        for number, point in enumerate(space.points()):
            composed = composer.compose(space.overrides(point), number)
            assert composed.tracking.notes.id == "1_1_1"
            assert composed.lora.r == 16
            found.append((composed.tracking.project, composed.tracking.group))
    assert sorted(found) == sorted((project, group) for project in ("2_0", "20") for group in typed)


def test_trials_that_are_copied_have_the_text_that_was_typed() -> None:
    register_schema()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        composer = Composer(loader, loader.load_configuration("config", QUICK, RunMode.MULTIRUN))
        texts = ["1_1", "2_2", "3_3", "4_4"]
        assert [composer.compose([f"tracking.group={text}"], 0).tracking.group for text in texts] == texts


def test_a_saved_config_keeps_it(tmp_path: Path) -> None:
    texts = ["1_1_1", "1e3", "0x1F", "0o17", "1:30", ".5", "on", "nan", "2024-01-01", "null", "~", "007", "1_0.5"]
    words = [f"tracking.notes.n{place}={text}" for place, text in enumerate(texts) if text not in ("null", "~")]
    config = from_hydra(of_launch(*words))
    config.tracking.tags[:] = texts
    save(config, tmp_path / "config.yaml")
    assert load(tmp_path / "config.yaml") == config
    assert set(config.tracking.notes.values()) == set(texts) - {"null", "~"}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "tracking: {notes: {id: 1_1_1}}",
            "tracking.notes.id: 1_1_1 is 111 in YAML, and this is a text. Write '1_1_1'",
        ),
        ("tracking: {tags: [a, 1e3]}", "tracking.tags.1: 1e3 is 1000.0 in YAML"),
        ("data: {train: 007}", "data.train: 007 is 7 in YAML"),
        ("tracking: {group: on}", "tracking.group: on is True in YAML"),
        ("hydra: {sweeper: {study_name: 1_1}}", "hydra.sweeper.study_name: 1_1 is 11 in YAML"),
        ("tracking: {notes: {id: '1_1_1', b: 11, c: 1.5, d: x_1}, group: null}", None),
        ("training: {epochs: 1_0}\nseed: 0x10\ndata: {synthetic: on}", None),
    ],
)
def test_a_text_in_a_file_that_yaml_reads_as_a_number_is_refused(tmp_path: Path, line: str, told: str | None) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment/mine.yaml").write_text(f"# @package _global_\n# Mine.\n{line}\n")
    register_schema()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        words = [f"hydra.searchpath=[file://{tmp_path}]", "experiment=mine"]
        config = GlobalHydra.instance().config_loader().load_configuration("config", words, RunMode.MULTIRUN)
    if told is None:
        refuse_numbers_for_texts(config)
        return
    with pytest.raises(ConfigError) as error:
        refuse_numbers_for_texts(config)
    assert str(error.value).startswith(f"{tmp_path}/experiment/mine.yaml: ") and told in str(error.value)
