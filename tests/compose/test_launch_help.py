"""`launch.py --help`: every group, option, key, sampler, pruner and command, readable at any width."""

import dataclasses
import re
import shlex
from pathlib import Path

import optuna
import pytest
from hydra import compose, initialize_config_dir

import launch  # noqa: F401  registers the schema
from medqa_sweeps.commands import SUMMARIES
from medqa_sweeps.compose.launch_help import EXAMPLES, LaunchHelp, print_help
from medqa_sweeps.compose.settings import CONF as SWEEPER_CONF, AsyncOptunaSettings, LocalGpusSettings
from medqa_sweeps.config import ColumnsConfig, TrialConfig, from_hydra
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.sweep.space_parsing import parse_search_space
from tests.conftest import ROOT

CONF = ROOT / "conf"
WHOLE = LaunchHelp(CONF, SUMMARIES, 100).text()


def about(*words: str, width: int = 100) -> str:
    return LaunchHelp(CONF, SUMMARIES, width).text(words)


def test_everything_is_there() -> None:
    keys = {f"{group.name}.{field.name}" for group in dataclasses.fields(TrialConfig) if group.name != "seed"
            for field in dataclasses.fields(group.type)}  # fmt: skip
    keys |= {f"hydra.sweeper.{one.name}" for one in dataclasses.fields(AsyncOptunaSettings) if one.name[0] != "_"}
    keys |= {f"hydra.launcher.{one.name}" for one in dataclasses.fields(LocalGpusSettings) if one.name[0] != "_"}
    keys = keys - {"data.columns"} | {f"data.columns.{one.name}" for one in dataclasses.fields(ColumnsConfig)}
    keys -= {"hydra.sweeper.defaults", "hydra.sweeper.sampler", "hydra.sweeper.pruner"}
    assert sorted(key for key in keys if not re.search(rf"^  {re.escape(key)}(=|$)", WHOLE, re.M)) == []
    options = [f"{file.parent.name}={file.stem}" for file in CONF.glob("*/*.yaml")]
    assert sorted(option for option in options if not re.search(rf"^  {option}\*?( |$)", WHOLE, re.M)) == []
    parts = [file.stem for file in SWEEPER_CONF.rglob("*.yaml")]
    assert sorted(part for part in parts if not re.search(rf"^  {part}\*? ", WHOLE, re.M)) == []
    assert sorted(name for name in SUMMARIES if f"  {name} " not in WHOLE) == []


def test_the_first_screen_answers_most_people() -> None:
    first = WHOLE.splitlines()[:48]
    assert "never for clinical decisions" in " ".join(first)
    assert all(
        any(heading in line for line in first) for heading in ("Examples", "Groups", "Several values", "More help")
    )
    assert len(EXAMPLES) == 5


@pytest.mark.parametrize("command", EXAMPLES)
def test_every_example_composes(command: str) -> None:
    words = [word for word in shlex.split(command.removeprefix("uv run launch.py")) if word != "-m"]
    space = parse_search_space([word for word in words if not word.startswith("hydra")], {}, [], {}, None)
    one = space.overrides(space.suggest(optuna.create_study().ask()))
    with initialize_config_dir(str(CONF), version_base="1.3"):
        assert from_hydra(compose("config", overrides=one))


def test_a_command_can_be_pasted_at_any_width() -> None:
    joined = re.sub(r" \\\n +", " ", about(width=60))  # as a shell does
    assert [command for command in EXAMPLES if f"      {command}\n" not in joined] == []


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_of_prose_is_wider_than_the_terminal(width: int) -> None:
    wide = [line for line in about(width=width).splitlines() if len(line) > width and "=" not in line]
    assert wide == []


def test_one_part_is_shown_alone() -> None:
    assert about("lora.r").startswith("  lora.r=16") and "lora.alpha" not in about("lora.r")
    assert "lora=dora" in about("lora=dora") and "model=" not in about("lora")
    assert "paired_halving" in about("pruner") and about("hydra/sweeper/pruner=median") == about("pruners")
    assert about("hydra.sweeper.n_trials=3").startswith("  hydra.sweeper.n_trials=null")
    assert about("seed").startswith("  seed=0")


def test_the_default_is_the_one_that_a_run_without_arguments_has() -> None:
    assert "data.hub_id=GBaker/MedQA-USMLE-4-options-hf" in WHOLE and "hydra.sweeper.max_failure_rate=0.5" in WHOLE
    assert "lora=all_linear*" in WHOLE and "  tpe* " in WHOLE


@pytest.mark.parametrize(
    ("word", "told"),
    [("lorra", "Did you mean lora?"), ("lora.rank=8", "Did you mean lora.r?"), ("zzz", "help on sweeper")],
)
def test_what_there_is_no_help_on(word: str, told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        about(word)


def test_colour_is_for_terminals_only(capsys: pytest.CaptureFixture[str]) -> None:
    print_help(CONF, SUMMARIES, ["lora"])
    assert "\x1b" not in capsys.readouterr().out
    assert "\x1b[1m" in LaunchHelp(CONF, SUMMARIES, 80, in_colour=True).text(["lora"])


def test_a_conf_elsewhere_is_shown(tmp_path: Path) -> None:
    """Nothing of it is written down in the code: an option added to conf/ is in the help."""
    import shutil

    shutil.copytree(CONF, tmp_path / "conf")
    (tmp_path / "conf" / "lora" / "mine.yaml").write_text("# My own adapter.\nname: mine\n")
    assert re.search(r"lora=mine +My own adapter\.", LaunchHelp(tmp_path / "conf", SUMMARIES, 100).text(["lora"]))
