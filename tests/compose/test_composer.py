"""Trials composed by copying are what Hydra composes, and are composed by Hydra where they would not be."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from medqa_sweeps.compose.composer import Composer
from medqa_sweeps.errors import ConfigError

FILES = {
    "config.yaml": "defaults: [_self_, base: small]\nrank: 8\n"
    "alpha: ${mul:2,${rank}}\nrate: 0.1\nname: x\nwhere: {a: 1}",
    "base/small.yaml": "size: 1\n",
    "base/large.yaml": "size: 9\nrank_of_base: ${rank}\n",
}


class Counted:
    """A loader that counts how often Hydra itself composes."""

    def __init__(self, loader: ConfigLoader) -> None:
        self._loader, self.composed = loader, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def load_sweep_config(self, config: DictConfig, words: list[str]) -> DictConfig:
        self.composed += 1
        return self._loader.load_sweep_config(config, words)


@pytest.fixture
def loader(tmp_path: Path) -> Iterator[Counted]:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        yield Counted(GlobalHydra.instance().config_loader())


def composed_both_ways(loader: Counted, trials: Sequence[Sequence[str]]) -> int:
    """How often Hydra itself composed, for configs that must be equal to the last letter."""
    master = loader.load_configuration("config", ["+given=1"], RunMode.MULTIRUN)
    composer = Composer(loader, master)  # type: ignore[arg-type]
    for number, words in enumerate(trials):
        ours = composer.compose(words, number)
        stock = loader._loader.load_sweep_config(master, list(words))
        with open_dict(stock):
            stock.hydra.job.id = stock.hydra.job.num = number
        assert OmegaConf.to_yaml(ours) == OmegaConf.to_yaml(stock)
        assert OmegaConf.is_struct(ours) == OmegaConf.is_struct(stock)
    return loader.composed


def test_values_of_the_same_keys_are_composed_by_hydra_twice(loader: Counted) -> None:
    trials = [[f"rank={rank}", f"rate={rank / 7}", "+more=1"] for rank in range(2, 12)]
    assert composed_both_ways(loader, trials) == 2


def test_each_choice_of_groups_is_a_kind_of_its_own(loader: Counted) -> None:
    trials = [[f"base={base}", f"rank={rank}"] for rank in (1, 2, 3, 4) for base in ("small", "large")]
    assert composed_both_ways(loader, trials) == 4


@pytest.mark.parametrize(
    "word",
    ["~where.a", "where={{a: {}}}", "rank=${{oc.env:NOT_THERE,{}}}", "hydra.job.name=n{}", "+hydra.job.env_set.A={}"],
)
def test_what_is_no_plain_value_is_left_to_hydra(loader: Counted, word: str) -> None:
    assert composed_both_ways(loader, [[word.format(place)] for place in (1, 2, 3)]) in (2, 3)


def test_a_group_that_only_hydras_search_path_knows_is_no_value(loader: Counted, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "more" / "bank").mkdir(parents=True, exist_ok=True)
        (tmp_path / "more" / "bank" / f"{name}.yaml").write_text(f"money: {name}\n")
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text().replace("base: small]", "base: small, bank: a]"))
    config.write_text(f"{config.read_text()}\nhydra: {{searchpath: ['file://{tmp_path / 'more'}']}}\n")
    assert composed_both_ways(loader, [[f"bank={name}"] for name in "abab"]) == 4


def test_values_of_other_types_do_not_share_a_template(loader: Counted) -> None:
    assert (
        composed_both_ways(loader, [["name=1"], ["name=a"], ["name=null"], ["name=2"], ["name=b"], ["name=1.5"]]) == 6
    )


def test_a_key_that_is_not_there_is_refused_with_the_nearest_that_is(loader: Counted) -> None:
    master = loader.load_configuration("config", [], RunMode.MULTIRUN)
    composer = Composer(loader, master)  # type: ignore[arg-type]
    for number in range(3):
        with pytest.raises(ConfigError, match=r"^ranc is not a setting. Did you mean rank\?$"):
            composer.compose(["ranc=1"], number)


def test_a_config_that_depends_on_more_than_its_words_is_composed_by_hydra_each_time(loader: Counted) -> None:
    """A loader that composes something else each time stands for one whose defaults follow a value."""

    class Fickle(Counted):
        def load_sweep_config(self, config: DictConfig, words: list[str]) -> DictConfig:
            made = super().load_sweep_config(config, words)
            made.rate = float(made.rank)
            return made

    fickle = Fickle(loader._loader)
    master = loader.load_configuration("config", [], RunMode.MULTIRUN)
    composer = Composer(fickle, master)  # type: ignore[arg-type]
    assert [composer.compose([f"rank={rank}"], 0).rate for rank in (1, 2, 3, 4)] == [1, 2, 3, 4]
    assert fickle.composed == 4
